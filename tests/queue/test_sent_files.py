"""A file that was sent to a team's store goes to the worker from there, and never comes to the server again."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from core.jobs import Jobs
from core.jobs.execution.given_files import GivenFiles
from core.jobs.uploads import RemoteUpload, give_models, store_models, store_upload
from core.object_store import ObjectStore
from core.queue import GivenRecord
from core.uploads import NamedFile
from tests.factories.queue_team import Team
from tests.factories.sent_files import list_given, send_in_pieces

WEIGHTS = b"weights " * 4000


@pytest.fixture
def jobs(sending_jobs: Jobs) -> Jobs:
    return sending_jobs


def start(jobs: Jobs, files: list[NamedFile]) -> Any:
    sent = store_upload(jobs.library, files)
    assert isinstance(sent, RemoteUpload)
    return jobs._start("read", "Read", {}, files=GivenFiles(name=sent.name, remote=sent.remote))


def test_server_that_starts_the_job_gets_none_of_the_file(team_of_module: Team, jobs, count_bytes):
    file = send_in_pieces(jobs, "model.keras", WEIGHTS)
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
    job = start(jobs, [send_in_pieces(jobs, name, data) for name, data in contents.items()])
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
    sent = give_models(jobs.library, [send_in_pieces(jobs, name, name.encode() * 500) for name in names])
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
    file, real = send_in_pieces(jobs, "model.keras", WEIGHTS), ObjectStore.copy
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
    job = start(jobs, [send_in_pieces(jobs, "model.keras", WEIGHTS)])
    store = jobs.job_store.files._store
    store.put_stream(store.list_keys(f"given/{job.id}")[0], [b"something else"])
    with team_of_module.running_node():
        end = jobs.wait(job.id)
    assert (end.state, end.error["code"]) == ("failed", "damaged")
    assert list_given(jobs) == set()


def test_old_upload_stays_while_its_job_is_being_entered(team_of_module: Team, jobs):
    """A folder's copy within the store is as old as what was copied."""
    sent = give_models(jobs.library, [send_in_pieces(jobs, "net.keras", WEIGHTS)])
    for part in (team_of_module.folder / "objects" / "uploads").rglob("parts/*"):
        os.utime(part, (10**9, 10**9))
    jobs.job_store.files.put_given("j0123456789", {}, sent.remote)
    jobs.job_store.delete_old_given()
    assert list_given(jobs) == {"j0123456789"}
    jobs.job_store.files.delete_given("j0123456789")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_model_that_was_sent_is_imported_by_a_worker(team_of_module: Team, model_file: Path):
    jobs = team_of_module.make_server(kinds="all")
    sent = store_upload(jobs.library, [send_in_pieces(jobs, "model.keras", model_file.read_bytes())])
    job = jobs.import_model(**sent._asdict())
    with team_of_module.node_process("importer", kinds="all", lost_seconds=60):
        end = jobs.wait(job.id)
    assert end.state == "done", end.error
    (id_,) = [entry.id for entry in jobs.library.find()]
    assert (jobs.library.verified_folder(id_) / "model.keras").read_bytes() == model_file.read_bytes()
