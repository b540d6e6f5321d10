"""A file that was sent to a team's store goes to the worker from there, and never comes to the server again."""

import contextlib
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from core.jobs import Jobs
from core.jobs.execution.given_files import GivenFiles
from core.jobs.sweeps.sweep import Sweeps
from core.jobs.sweeps.sweep_files import give_to_import, give_to_upgrade, hash_candidate, hash_sent_model
from core.jobs.sweeps.sweep_model import ModelSweep
from core.jobs.uploads import RemoteUpload, give_models, give_swept_models, store_models, store_upload
from core.library.job_store import Job
from core.library.staging import release_staging_folder
from core.object_store import ObjectStore
from core.queue import GivenRecord
from core.sweep.models import LONE_FILE, SweptModel, list_files_below
from core.sweep.plan import make_plan
from core.sweep.rows import Status, SweepRow
from core.uploads import NamedFile
from tests.factories.queue_team import Team
from tests.postgresql_server import execute

PLAN = make_plan({"models": ["net.keras"]})
WEIGHTS, ARCHITECTURE = b"weights " * 4000, b"{}"


@pytest.fixture(scope="module")
def team_of_module(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Team:
    return Team(tmp_path_factory.mktemp("sent"), database_url)


@pytest.fixture
def jobs(team_of_module: Team, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    """A server of a team, to which files come in parts of 1,000 bytes."""
    monkeypatch.setattr("core.uploads.store_place.PART_BYTES", 1000)
    yield team_of_module.make_server()
    execute(team_of_module.database_url, "TRUNCATE jobs_1, procrastinate_jobs CASCADE")


def send(jobs: Jobs, name: str, data: bytes) -> NamedFile:
    upload = jobs.uploads.create(name, len(data))
    for start in range(0, len(data), 9000):  # several requests
        piece = jobs.uploads.open_piece(upload.id, start)
        piece.write(data[start : start + 9000])
        piece.keep()
        piece.close()
    (file,) = jobs.uploads.find_files([upload.id])
    return file


def start(jobs: Jobs, files: list[NamedFile]) -> Any:
    sent = store_upload(jobs.library, files)
    assert isinstance(sent, RemoteUpload)
    return jobs._start("read", "Read", {}, files=GivenFiles(name=sent.name, remote=sent.remote))


def list_given(jobs: Jobs) -> set[str]:
    return jobs.job_store.files.list_given()


@pytest.fixture
def count_bytes(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """A function that says how many bytes of objects came to this process, or went from it."""
    counted = [0]
    monkeypatch.setattr(
        "core.object_store.object_store.measure",
        lambda name, value=1, **_: counted.append(value) if name == "store_bytes" else None,
    )
    return lambda: sum(counted)


def test_server_that_starts_the_job_gets_none_of_the_file(team_of_module: Team, jobs, count_bytes):
    file = send(jobs, "model.keras", WEIGHTS)
    before = count_bytes()
    job = start(jobs, [file])
    assert count_bytes() - before < len(WEIGHTS) / 4  # the records of its pieces
    jobs.uploads.discard([file.source._upload.id])
    assert jobs.job_store.files._store.list_keys("uploads") == []
    assert list_given(jobs) == {job.id}
    with team_of_module.running_node():
        end = jobs.wait(job.id)
    assert end.result == {"texts": {"model:.": WEIGHTS.decode()}, "name": "model.keras", "names": ["upload"]}
    assert list_given(jobs) == set()


@pytest.mark.parametrize(
    ("names", "paths"),
    [
        (["weights.h5", "model.json"], {"model": "upload", "architecture": "part"}),
        (["net.bin", "net.xml"], {"model": "pair"}),
        (["empty.keras"], {"model": "upload"}),
    ],
)
def test_files_that_belong_together_arrive_as_those_of_a_disk_do(team_of_module: Team, jobs, names, paths, tmp_path):
    contents = {name: b"" if name.startswith("empty") else f"{name} ".encode() * 500 for name in names}
    job = start(jobs, [send(jobs, name, data) for name, data in contents.items()])
    folder = tmp_path / "given"
    folder.mkdir()
    record = jobs.job_store._read_row(job.id).files
    given = jobs.job_store.files.fetch_given(job.id, GivenRecord.model_validate_json(record).files, folder)
    local = []
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
        local.append(NamedFile(name, tmp_path / name))
    there = store_upload(jobs.library, local)
    expected = {"model": there.path, **there.parts}
    assert {argument: path.name for argument, path in given.items()} == paths
    assert {name: read(path) for name, path in given.items()} == {name: read(path) for name, path in expected.items()}
    jobs.job_store.delete(job.id)


@pytest.mark.parametrize("names", [["all.zip"], ["a.keras"], ["a.keras", "b.onnx"]])
def test_models_of_an_upgrade_arrive_as_those_of_a_disk_do(team_of_module: Team, jobs, names, tmp_path):
    jobs = team_of_module.make_server(kinds="all")
    sent = give_models(jobs.library, [send(jobs, name, name.encode() * 500) for name in names])
    job = jobs.check_upgrade("here", "keras-3.3", **sent._asdict())
    (tmp_path / "given").mkdir()
    record = GivenRecord.model_validate_json(jobs.job_store._read_row(job.id).files)
    given = jobs.job_store.files.fetch_given(job.id, record.files, tmp_path / "given")
    for name in names:
        (tmp_path / name).write_bytes(name.encode() * 500)
    there = store_models(jobs.library, [NamedFile(name, tmp_path / name) for name in names])
    assert (given["model"].name, read(given["model"])) == (there.path.name, read(there.path))
    assert (record.name, job.request["name"]) == (there.path.name, there.path.name)
    jobs.job_store.delete(job.id)


def read(path: Path) -> dict[str, str]:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_file_that_was_removed_meanwhile_is_said_and_leaves_nothing(jobs, monkeypatch):
    file, real = send(jobs, "model.keras", WEIGHTS), ObjectStore.copy
    monkeypatch.setattr(
        ObjectStore,
        "copy",
        lambda store, key, target: jobs.uploads.discard([key.split("/")[1]]) or real(store, key, target),
    )
    with pytest.raises(InputError, match="was removed meanwhile") as caught:
        start(jobs, [file])
    assert caught.value.cure == "Choose it again."
    assert (list_given(jobs), jobs.job_store.list_jobs()) == (set(), [])


def test_part_that_changed_in_the_store_is_damage(team_of_module: Team, jobs):
    job = start(jobs, [send(jobs, "model.keras", WEIGHTS)])
    store = jobs.job_store.files._store
    store.put_stream(store.list_keys(f"given/{job.id}")[0], [b"something else"])
    with team_of_module.running_node():
        end = jobs.wait(job.id)
    assert (end.state, end.error["code"]) == ("failed", "damaged")
    assert list_given(jobs) == set()


SWEPT = {"net.keras": WEIGHTS, "half.weights.h5": WEIGHTS[::-1], "half.json": ARCHITECTURE}
GIVEN = [  # what a worker finds of them: as an import gets it, and as an upgrade does
    ("half.weights.h5", ["architecture:.", "model:."]),
    ("half.weights.h5", ["model:half.json", "model:half.weights.h5"]),
    ("net.keras", ["model:."]),
    ("net.keras", ["model:."]),
]


def test_sweep_of_sent_files_has_workers_fetch_them(team_of_module: Team, jobs, count_bytes, monkeypatch):
    read: list[tuple[str, list[str]]] = []

    def ask(self: ModelSweep, model: SweptModel) -> Iterator[SweepRow]:
        for give in (give_to_import, give_to_upgrade):
            files = GivenFiles(name=model.name, remote=tuple(give(model.remote)))
            result = self._work.run(lambda files=files: self._work.jobs._start("read", "Read", {}, files=files))
            assert sorted(result["texts"].values()) == sorted(SWEPT[file.called].decode() for file in model.remote)
            read.append((model.name, sorted(result["texts"])))
        yield SweepRow(model=model.name, status=Status.ALIKE)

    monkeypatch.setattr(ModelSweep, "ask", ask)
    files = [send(jobs, name, data) for name, data in SWEPT.items()]
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
    sent = give_swept_models(jobs.library, [send(jobs, "net.keras", WEIGHTS)])
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
        assert (list_given(jobs), jobs.job_store.read(job.id).is_active) == (given, is_active)


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
    files = [send(jobs, name, b"x" * 9) for name in ("saved_model.pb", "fingerprint.pb")]
    job = Sweeps(jobs).start_uploads(PLAN, give_swept_models(jobs.library, files))
    assert jobs.wait(job.id).state == "done"
    (row,) = Sweeps(jobs).read_rows(job.id)
    assert (row.model, row.status, row.cause) == ("saved_model.pb", Status.NOT_TAKEN, LONE_FILE)
    assert list_given(jobs) == set()


def test_old_upload_stays_while_its_job_is_being_entered(team_of_module: Team, jobs):
    """A folder's copy within the store is as old as what was copied."""
    sent = give_models(jobs.library, [send(jobs, "net.keras", WEIGHTS)])
    for part in (team_of_module.folder / "objects" / "uploads").rglob("parts/*"):
        os.utime(part, (10**9, 10**9))
    jobs.job_store.files.put_given("j0123456789", {}, sent.remote)
    jobs.job_store.delete_old_given()
    assert list_given(jobs) == {"j0123456789"}
    jobs.job_store.files.delete_given("j0123456789")


def test_sent_files_without_a_model_are_swept_by_nobody(jobs):
    sent = give_swept_models(jobs.library, [send(jobs, "notes.txt", b"x")])
    with pytest.raises(InputError, match="There is no model among these files") as caught:
        Sweeps(jobs).start_uploads(make_plan({"models": ["notes.txt"]}), sent)
    assert caught.value.received == "1 file"
    assert (list_given(jobs), jobs.job_store.list_jobs()) == (set(), [])


@pytest.mark.parametrize("names", [["net.keras"], ["half.weights.h5", "half.json"]])
def test_sent_model_is_known_by_the_hash_of_one_on_the_disk(jobs, tmp_path, names):
    sent = give_swept_models(jobs.library, [send(jobs, name, SWEPT[name]) for name in names])
    for name in names:
        (tmp_path / name).write_bytes(SWEPT[name])
    (model,) = list_files_below(tmp_path)
    assert hash_sent_model(sent.remote) == hash_candidate(model.candidate)


def test_zip_of_models_that_was_sent_is_unpacked_by_the_server(jobs):
    sent = give_swept_models(jobs.library, [send(jobs, "all.zip", b"x"), send(jobs, "net.keras", WEIGHTS)])
    assert {path.name: path.read_bytes() for path in sent.path.iterdir()} == {"all.zip": b"x", "net.keras": WEIGHTS}
    release_staging_folder(sent.temporary_folder)


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """A small model of Keras."""
    model = "keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])"
    program = f"import keras, sys; {model}.save(sys.argv[1])"
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "model.keras")], check=True)
    return tmp_path / "model.keras"


@pytest.mark.long
@pytest.mark.timeout(600)
def test_model_that_was_sent_is_imported_by_a_worker(team_of_module: Team, model_file: Path):
    jobs = team_of_module.make_server(kinds="all")
    sent = store_upload(jobs.library, [send(jobs, "model.keras", model_file.read_bytes())])
    job = jobs.import_model(**sent._asdict())
    with team_of_module.node_process("importer", kinds="all", lost_seconds=60):
        end = jobs.wait(job.id)
    assert end.state == "done", end.error
    (id_,) = [entry.id for entry in jobs.library.find()]
    assert (jobs.library.verified_folder(id_) / "model.keras").read_bytes() == model_file.read_bytes()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_model_that_was_sent_for_a_sweep_is_imported_by_a_worker(team: Team, model_file: Path):
    jobs = team.make_server(kinds="all")
    sent = give_swept_models(jobs.library, [send(jobs, "model.keras", model_file.read_bytes())])
    job = Sweeps(jobs).start_uploads(make_plan({"models": ["model.keras"]}), sent)
    with team.node_process("importer", kinds="all", lost_seconds=60):
        end = jobs.wait(job.id)
    assert end.state == "done", end.error
    (row,) = Sweeps(jobs).read_rows(job.id)
    assert (row.model, row.code, row.status) == ("model.keras", "", Status.ALIKE)
    (entry,) = jobs.library.find()
    assert (entry.run, list_given(jobs)) == (row.run, set())
