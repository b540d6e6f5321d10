"""One contract for everything that has jobs done: threads of this process, and the workers of a team."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import UnknownName, error_from_json
from core.jobs import Jobs
from core.jobs.execution.given_files import MODEL, GivenFiles
from core.library import Library
from core.library.permissions import Viewer
from core.library.prediction_store import evict_predictions
from core.library.staging import create_staging_folder
from core.object_store import Contents, open_object_store
from core.settings import Settings
from core.worker import Worker
from tests.factories.queue_team import Team
from tests.factories.small_kinds import SMALL_KINDS
from tests.helpers import wait_until


@pytest.fixture(scope="module", params=["local", "queued"])
def jobs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """Jobs of small kinds over one driver."""
    folder = tmp_path_factory.mktemp("drivers")
    if request.param == "local":
        config = Settings(home=folder, parallel=2)
        yield Jobs(Library(folder), Worker(config), config, kinds=SMALL_KINDS)
        return
    team = Team(folder, request.getfixturevalue("database_url"))
    with team.running_node():
        yield team.make_server()


def start(jobs: Jobs, kind: str, **request: Any):
    return jobs._start(kind, "A small job", request)


def waiting_request(folder: Path) -> dict[str, str]:
    return {"until": str(folder / "until"), "begun": str(folder / "begun")}


def test_job_ends_with_its_result(jobs):
    end = jobs.wait(start(jobs, "echo", number=3).id)
    assert (end.state, end.progress, end.result["request"]) == ("done", 1.0, {"number": 3})
    assert end.started
    assert end.finished
    assert end.error is None


def test_refusal_is_the_end_of_the_job(jobs):
    end = jobs.wait(start(jobs, "refuse", what="this").id)
    assert end.state == "failed"
    assert str(error_from_json(end.error)) == "It cannot be done. Received: this. Do another."


def test_progress_is_seen_and_cancel_heard(jobs, tmp_path):
    job = start(jobs, "wait", **waiting_request(tmp_path))
    wait_until(lambda: jobs.job_store.read(job.id).detail.get("seen"))
    assert (jobs.job_store.read(job.id).progress, jobs.job_store.read(job.id).note) == (0.5, "Waiting")
    jobs.cancel(job.id)
    wait_until(lambda: not jobs.job_store.read(job.id).is_active)
    assert jobs.job_store.read(job.id).state == "cancelled"


def test_job_that_waits_for_a_place_is_cancelled_at_once(jobs, tmp_path):
    request = waiting_request(tmp_path)
    busy = [start(jobs, "wait", **request) for _ in range(2)]
    wait_until(lambda: (tmp_path / "begun").exists() and len((tmp_path / "begun").read_text().splitlines()) == 2)
    third = start(jobs, "echo")
    assert jobs.job_store.read(third.id).state == "queued"
    jobs.cancel(third.id)
    end = jobs.wait(third.id)
    assert (end.state, end.error["sentence"]) == ("cancelled", "It was cancelled before it began.")
    (tmp_path / "until").touch()
    assert [jobs.wait(job.id).state for job in busy] == ["done", "done"]


def test_exclusive_job_is_done_alone_and_what_came_after_it_waits(jobs, tmp_path):
    first, alone = waiting_request(tmp_path), waiting_request(tmp_path) | {"until": str(tmp_path / "alone")}
    busy = start(jobs, "wait", **first)
    wait_until(lambda: (tmp_path / "begun").exists())
    timed, after = start(jobs, "alone", **alone), start(jobs, "echo")
    (tmp_path / "alone").touch()
    (tmp_path / "until").touch()
    busy, timed, after = (jobs.wait(job.id) for job in (busy, timed, after))
    assert [job.state for job in (busy, timed, after)] == ["done"] * 3
    assert timed.started >= busy.finished
    assert after.started >= timed.finished or after.finished <= timed.started


def test_given_files_reach_the_work_and_are_gone_from_here(jobs, tmp_path):
    folder = create_staging_folder(jobs.library.home)
    (folder / "net.onnx").write_text("a model", encoding="utf-8")
    (folder / "parts" / "deep").mkdir(parents=True)
    (folder / "parts" / "deep" / "part.txt").write_text("a part", encoding="utf-8")
    files = GivenFiles({MODEL: folder / "net.onnx", "architecture": folder / "parts"}, "Net", folder)
    end = jobs.wait(jobs._start("read", "Read", {}, files=files).id)
    assert end.result["texts"] == {"model:.": "a model", "architecture:deep/part.txt": "a part"}
    assert (end.result["name"], end.result["names"]) == ("Net", ["net.onnx", "parts"])
    assert not folder.exists()
    if jobs.config.is_team:
        objects = open_object_store(jobs.config.store_url)
        wait_until(lambda: objects.list_keys("given") == [])
        assert not Contents(objects).has_size(hashlib.sha256(b"a model").hexdigest(), len(b"a model"))


def test_what_a_job_stored_is_read_by_whoever_asked(jobs):
    end = jobs.wait(start(jobs, "store").id)
    assert jobs.job_store.load_arrays(end.id)["numbers"].tolist() == [0, 1, 2]
    assert np.all(jobs.predictions(end.id).read_first_rows("a0123456789", 2)["answer"] == 1)


def test_work_is_done_as_its_owner_and_seen_by_nobody_else(jobs):
    own, other = jobs.for_viewer(Viewer("p" + "1" * 24)), jobs.for_viewer(Viewer("p" + "2" * 24))
    job = start(own, "echo")
    assert own.wait(job.id).result["viewer"] == "p" + "1" * 24
    with pytest.raises(UnknownName):
        other.job_store.read(job.id)
    with pytest.raises(UnknownName):
        other.cancel(job.id)
    assert job.id not in {each.id for each in other.job_store.list_jobs()}


def test_job_of_the_same_id_takes_the_place_of_the_ended_one(jobs):
    first = jobs._start("store", "Stores", {}, id_="j0123456789")
    assert jobs.wait(first.id).state == "done"
    again = jobs._start("echo", "Echo", {"again": True}, id_="j0123456789")
    end = jobs.wait(again.id)
    assert (end.kind, end.result["request"]) == ("echo", {"again": True})
    with pytest.raises(OSError, match="arrays"):
        jobs.job_store.load_arrays(end.id)


def test_predictions_that_made_room_are_fetched_again_only_in_a_team(jobs):
    end = jobs.wait(jobs._start("compare", "Stores", {}).id)
    assert jobs.predictions(end.id).has_predictions
    folder = jobs.library.home / "jobs" / end.id
    for left in (folder.with_name(f"{end.id}.evicted"), folder / "forgotten"):  # by processes that were killed then
        (left / "part").mkdir(parents=True)
    evict_predictions(jobs.job_store, max_bytes=0)
    assert not (jobs.library.home / "jobs" / end.id / "answers").exists()
    assert jobs.predictions(end.id).has_predictions == jobs.config.is_team


def test_what_a_job_made_is_deleted_with_it(jobs):
    entries = jobs.library.home.parent / "objects" / "entries"  # of the team
    before = set(entries.glob("*"))
    job = jobs.wait(start(jobs, "store").id)
    jobs.job_store.delete(job.id)
    assert not (jobs.library.home / "jobs" / job.id).exists()
    assert set(entries.glob("*")) == before
