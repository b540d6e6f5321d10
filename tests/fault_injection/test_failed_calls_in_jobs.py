"""A real save and a real import with TensorFlow, in which a call to the system fails in the app (I1–I6)."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import RoundtripError, error_from_json
from core.jobs import Jobs
from core.library.job_store import Job
from core.worker import Worker
from tests.factories.populated_library import make_jobs, populate_library
from tests.fault_injection.failed_calls import DISK_ERRNOS
from tests.fault_injection.invariants import assert_invariants, hash_entries
from tests.fault_injection.system_calls import FaultInjector, patch_system_calls, raising_errno

SURVIVED = "faults injected and survived: a call to the system that fails in a real {}"
STEP = 20  # tests that share the calls of a job among them

pytestmark = [pytest.mark.trust, pytest.mark.long]


@pytest.fixture
def template_home(tmp_path: Path, jobs: Jobs, trained, saved) -> Path:
    """A home with a trained run; beside it, in `given`, a file to bring in."""
    shutil.copytree(jobs.library.verified_folder(saved("digits-mlp", "keras")["artifact"]), tmp_path / "given")
    return populate_library(tmp_path / "mould", jobs, trained("digits-mlp"))


def run_job(jobs: Jobs, deed: str, given: Path) -> Job | RoundtripError:
    """The job at its end, or why it was never begun. Whoever waits does so without a call to the disk."""
    try:
        (file,) = given.iterdir()
        job = jobs.save(jobs.library.runs()[0].id, ["keras"]) if deed == "save" else jobs.import_model(file)
    except RoundtripError as error:
        return error
    jobs.driver.join(job.id)
    return job


@pytest.mark.parametrize("part", range(STEP))
@pytest.mark.parametrize("deed", ["save", "import"])
def test_job_with_failed_system_call_keeps_invariants(
    template_home: Path, worker: Worker, deed: str, part: int, tmp_path: Path, tally: Callable
):
    total, hits = count_calls(template_home, worker, deed), 0
    for at, number in enumerate(range(1 + part, total + 1, STEP)):
        error = DISK_ERRNOS[(at + part) % len(DISK_ERRNOS)]
        hits += assert_survives_failed_call(
            shutil.copytree(template_home, tmp_path / str(number)), worker, deed, number, error
        )
    tally(SURVIVED.format(deed), hits)


def count_calls(mould: Path, worker: Worker, deed: str) -> int:
    home = shutil.copytree(mould, mould.with_name("counted"))
    jobs = make_jobs(home, worker)
    with patch_system_calls(FaultInjector(home)) as calls:
        run_job(jobs, deed, mould.with_name("given"))
    assert jobs.job_store.list_jobs()[0].state == "done"
    return calls.count


def assert_survives_failed_call(home: Path, worker: Worker, deed: str, number: int, error: int) -> bool:
    """Whether there was such a call: how often progress is noted depends on the time."""
    left, before = make_jobs(home, worker), hash_entries(home)
    with patch_system_calls(FaultInjector(home, number, raising_errno(error))) as calls:
        begun = run_job(left, deed, home.with_name("given"))
    end = begun if isinstance(begun, RoundtripError) else left.job_store.read(begun.id)
    where = f"{errno.errorcode[error]} at call {number}, {calls.names[number - 1 :][:1]}"
    for text in reported_errors(end):
        assert text.sentence.endswith("."), where
        assert text.cure, where
        assert str(home) not in str(text) + text.detail, where
    library = assert_invariants(home, before)
    if isinstance(end, Job):
        assert not end.is_active, where
        for id_ in stored_ids(end):
            library.verify(id_)
    shutil.rmtree(home)
    return calls.count >= number


def reported_errors(end: Job | RoundtripError) -> list[RoundtripError]:
    if isinstance(end, RoundtripError):
        return [end]
    return [
        error_from_json(item) for item in (end.error, *(row.get("error") for row in end.format_rows.values())) if item
    ]


def stored_ids(end: Job) -> list[str]:
    rows = [row["artifact"] for row in end.format_rows.values() if row["state"] == "done"]
    return rows + [end.result[key] for key in ("run", "artifact") if key in end.result]
