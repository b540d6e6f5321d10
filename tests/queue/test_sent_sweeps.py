"""Sweeps over files that were sent to a team's store: workers fetch them there, and a lost server takes none along."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError, StorageFailed
from core.jobs import Jobs
from core.jobs.execution.given_files import GivenFiles
from core.jobs.sweeps.sweep import Sweeps
from core.jobs.sweeps.sweep_files import give_to_import, give_to_upgrade, hash_candidate, hash_sent_model
from core.jobs.sweeps.sweep_model import ModelSweep
from core.jobs.uploads import RemoteUpload, give_swept_models
from core.library.job_store import Job
from core.library.permissions import Viewer
from core.library.staging import release_staging_folder
from core.queue import DatabaseJobStore
from core.sweep.models import LONE_FILE, SweptModel, list_files_below
from core.sweep.plan import make_plan
from core.sweep.rows import Status, SweepRow
from tests.factories.queue_team import Team
from tests.factories.sent_files import list_given, send_in_pieces
from tests.postgresql_server import execute

PLAN = make_plan({"models": ["net.keras"]})
RUN = Sweeps.__dict__["_run"]
A_WHILE_AGO = "now() - interval '1 hour'"
WEIGHTS, ARCHITECTURE = b"weights " * 4000, b"{}"
SWEPT = {"net.keras": WEIGHTS, "half.weights.h5": WEIGHTS[::-1], "half.json": ARCHITECTURE}
GIVEN = [  # what a worker finds of them: as an import gets it, and as an upgrade does
    ("half.weights.h5", ["architecture:.", "model:."]),
    ("half.weights.h5", ["model:half.json", "model:half.weights.h5"]),
    ("net.keras", ["model:."]),
    ("net.keras", ["model:."]),
]


@pytest.fixture
def jobs(sending_jobs: Jobs) -> Jobs:
    return sending_jobs


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """What workers have found of the models of a sweep, which does nothing else: the name of each, and its files."""
    read: list[tuple[str, list[str]]] = []

    def ask(self: ModelSweep, model: SweptModel) -> Iterator[SweepRow]:
        for give in (give_to_import, give_to_upgrade):
            files = GivenFiles(name=model.name, remote=tuple(give(model.remote)))
            result = self._work.run(lambda files=files: self._work.jobs._start("read", "Read", {}, files=files))
            assert sorted(result["texts"].values()) == sorted(SWEPT[file.called].decode() for file in model.remote)
            read.append((model.name, sorted(result["texts"])))
        yield SweepRow(model=model.name, status=Status.ALIKE)

    monkeypatch.setattr(ModelSweep, "ask", ask)
    return read


def test_sweep_of_sent_files_has_workers_fetch_them(team_of_module: Team, jobs, count_bytes, read):
    files = [send_in_pieces(jobs, name, data) for name, data in SWEPT.items()]
    before = count_bytes()
    sent = give_swept_models(jobs.library, files)
    job = Sweeps(jobs).start_uploads(make_plan({"models": sorted(SWEPT)}), sent)
    assert count_bytes() - before < len(WEIGHTS) / 2  # the records of their pieces
    jobs.uploads.discard([file.source._upload.id for file in files])
    assert job.id in list_given(jobs)
    with team_of_module.running_node():
        end = jobs.wait(job.id)
    assert (end.state, sorted(read), list_given(jobs)) == ("done", GIVEN, set())


@pytest.fixture
def left(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Job, RemoteUpload]]:
    """A sweep of a sent file whose server says and does nothing more, and that file."""
    monkeypatch.setattr(Sweeps, "_run", lambda self, handle, work: None)
    monkeypatch.setattr(jobs.job_store._kept, "touch", lambda: None)
    sent = give_swept_models(jobs.library, [send_in_pieces(jobs, "net.keras", WEIGHTS)])
    job = Sweeps(jobs).start_uploads(PLAN, sent)
    yield job, sent
    jobs.job_store.files.delete_given(job.id)


def test_files_of_a_sweep_whose_server_is_gone_go_after_a_day(team_of_module: Team, jobs, left):
    """Not sooner: a server from which the database was away goes on with them."""
    job, _ = left
    for hours, given, is_active in ((0, {job.id}, True), (23, {job.id}, False), (25, set(), False)):
        silent = f"now() - interval '{hours} hours'"
        execute(team_of_module.database_url, f"UPDATE jobs_1 SET queued = {silent}, claimed = {silent}")
        jobs.job_store.delete_old_given()
        read = jobs.job_store.read(job.id)
        assert (list_given(jobs), read.is_active) == (given, is_active)
        assert Sweeps(jobs).can_resume(read) == (hours == 23)


def test_sweep_whose_server_is_gone_goes_on_at_another(team_of_module: Team, jobs, left, read, monkeypatch):
    """With the files that were sent, also where the first server comes back, and discards its own."""
    job, _ = left
    there = team_of_module.make_server("there")
    sweeps, store = Sweeps(there), there.job_store
    for key in store.files._store.list_keys("uploads"):
        store.files._store.discard(key)
    first, before = store.read_given(job.id).name, store.files._store.list_keys("given")
    assert (sweeps.resume(job.id).state, store.files._store.list_keys("given")) == ("queued", before)
    execute(team_of_module.database_url, f"UPDATE jobs_1 SET queued = {A_WHILE_AGO}, claimed = {A_WHILE_AGO}")
    monkeypatch.setattr(Sweeps, "_run", RUN)
    sweeps.resume(job.id)
    jobs.job_store.files.delete_given(first)
    store.delete_old_given()  # as a worker does whenever a job has ended
    with team_of_module.running_node():
        end = there.wait(job.id)
    assert (end.state, read, list_given(jobs)) == ("done", GIVEN[2:], set())
    assert not sweeps.can_resume(end)
    with pytest.raises(InputError, match="they are not kept") as caught:
        sweeps.resume(job.id)
    assert "Give them once more" in caught.value.cure


def test_sweep_of_which_a_part_is_gone_is_not_resumed(team_of_module: Team, jobs, left):
    job, _ = left
    files = jobs.job_store.files
    execute(team_of_module.database_url, f"UPDATE jobs_1 SET queued = {A_WHILE_AGO}, claimed = {A_WHILE_AGO}")
    assert Sweeps(jobs).can_resume(jobs.job_store.read(job.id))
    (file,) = files.read_kept(jobs.job_store.read_given(job.id))
    files._store.discard(file.parts[-1].key)
    assert not Sweeps(jobs).can_resume(jobs.job_store.read(job.id))
    with pytest.raises(InputError, match="they are not kept"):
        Sweeps(jobs).resume(job.id)


def test_sweep_whose_start_lost_the_databases_answer_can_be_resumed(team_of_module: Team, jobs, monkeypatch):
    """It is in the database, and its files are there until somebody ends it."""
    real = DatabaseJobStore.create

    def create(store: DatabaseJobStore, job: Job, **more: Any) -> Job:
        real(store, job, **more)
        raise StorageFailed("The database did not answer.")

    monkeypatch.setattr(jobs.job_store._kept, "touch", lambda: None)
    monkeypatch.setattr(DatabaseJobStore, "create", create)
    sent = give_swept_models(jobs.library, [send_in_pieces(jobs, "net.keras", WEIGHTS)])
    with pytest.raises(StorageFailed):
        Sweeps(jobs).start_uploads(PLAN, sent)
    execute(team_of_module.database_url, f"UPDATE jobs_1 SET queued = {A_WHILE_AGO}, claimed = {A_WHILE_AGO}")
    jobs.job_store.delete_old_given()
    (job,) = jobs.job_store.list_jobs()
    assert (list_given(jobs), Sweeps(jobs).can_resume(job)) == ({job.id}, True)
    jobs.job_store.delete(job.id)
    assert list_given(jobs) == set()


def test_sweep_of_sent_files_is_resumed_by_its_own_person_only(team_of_module: Team, jobs, left):
    job, _ = left
    ada = Sweeps(jobs.for_viewer(Viewer("ada")))
    execute(team_of_module.database_url, f"UPDATE jobs_1 SET queued = {A_WHILE_AGO}, claimed = {A_WHILE_AGO}")
    read = jobs.job_store.read(job.id)
    assert (Sweeps(jobs).can_resume(read), ada.can_resume(read)) == (True, False)


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("is_there", [True, False])
def test_second_start_of_a_sweep_leaves_the_files_of_the_first(jobs, left, monkeypatch, is_known, is_there):
    """Also where another server began it just now, and where what was sent is gone."""
    job, sent = left
    store = jobs.job_store.files._store
    before = store.list_keys("given")
    if not is_known:
        monkeypatch.setattr(Sweeps, "_find_running", lambda self, id_: None)
    if not is_there:
        for key in store.list_keys("uploads"):
            store.discard(key)
    fails = not (is_known or is_there)
    with pytest.raises(InputError, match="was removed meanwhile") if fails else contextlib.nullcontext():
        assert Sweeps(jobs).start_uploads(PLAN, sent).id == job.id
    assert store.list_keys("given") == before != []


def test_saved_model_without_its_folder_is_a_row_that_says_so(jobs):
    files = [send_in_pieces(jobs, name, b"x" * 9) for name in ("saved_model.pb", "fingerprint.pb")]
    job = Sweeps(jobs).start_uploads(PLAN, give_swept_models(jobs.library, files))
    assert jobs.wait(job.id).state == "done"
    (row,) = Sweeps(jobs).read_rows(job.id)
    assert (row.model, row.status, row.cause) == ("saved_model.pb", Status.NOT_TAKEN, LONE_FILE)
    assert list_given(jobs) == set()


def test_sent_files_without_a_model_are_swept_by_nobody(jobs):
    sent = give_swept_models(jobs.library, [send_in_pieces(jobs, "notes.txt", b"x")])
    with pytest.raises(InputError, match="There is no model among these files") as caught:
        Sweeps(jobs).start_uploads(make_plan({"models": ["notes.txt"]}), sent)
    assert caught.value.received == "1 file"
    assert (list_given(jobs), jobs.job_store.list_jobs()) == (set(), [])


@pytest.mark.parametrize("names", [["net.keras"], ["half.weights.h5", "half.json"]])
def test_sent_model_is_known_by_the_hash_of_one_on_the_disk(jobs, tmp_path, names):
    sent = give_swept_models(jobs.library, [send_in_pieces(jobs, name, SWEPT[name]) for name in names])
    for name in names:
        (tmp_path / name).write_bytes(SWEPT[name])
    (model,) = list_files_below(tmp_path)
    assert hash_sent_model(sent.remote) == hash_candidate(model.candidate)


def test_zip_of_models_that_was_sent_is_unpacked_by_the_server(jobs):
    sent = give_swept_models(
        jobs.library, [send_in_pieces(jobs, "all.zip", b"x"), send_in_pieces(jobs, "net.keras", WEIGHTS)]
    )
    assert {path.name: path.read_bytes() for path in sent.path.iterdir()} == {"all.zip": b"x", "net.keras": WEIGHTS}
    release_staging_folder(sent.temporary_folder)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_model_that_was_sent_for_a_sweep_is_imported_by_a_worker(team: Team, model_file: Path):
    jobs = team.make_server(kinds="all")
    sent = give_swept_models(jobs.library, [send_in_pieces(jobs, "model.keras", model_file.read_bytes())])
    job = Sweeps(jobs).start_uploads(make_plan({"models": ["model.keras"]}), sent)
    with team.node_process("importer", kinds="all", lost_seconds=60):
        end = jobs.wait(job.id)
    assert end.state == "done", end.error
    (row,) = Sweeps(jobs).read_rows(job.id)
    assert (row.model, row.code, row.status) == ("model.keras", "", Status.ALIKE)
    (entry,) = jobs.library.find()
    assert (entry.run, list_given(jobs)) == (row.run, set())
