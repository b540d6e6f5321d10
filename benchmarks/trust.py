"""Invalid uploads refused, injected faults survived, and the cost of validating a valid file."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.house import house, saved, trained
from benchmarks.measure import Row, Sample, in_turn, seconds
from core.errors import Refused
from core.jobs import Jobs
from core.settings import Settings
from core.validation import limits, validate_upload
from core.worker.child_handle import Child
from tests.factories.invalid_files import INVALID_UPLOADS
from tests.factories.untrusted_files import InvalidUpload
from tests.fault_injection.failed_calls import assert_survives_failed_call, count_calls, failed_call_cases
from tests.fault_injection.operations import OPERATIONS
from tests.fault_injection.temporary_libraries import make_home_factory, memory_disk
from tests.helpers import UPLOAD_SETTINGS

REPEATS = 9
EACH = 12  # failed calls per operation, spread over all of its calls; `make test-trust` tries every one


def measure_inputs() -> list[Row]:
    """How many invalid uploads were accepted, the time of a refusal, and of the validation of a valid file."""
    with house() as jobs:
        with jobs.worker.open(sandboxed=True) as child:
            spent = [_refused(child, upload) for upload in INVALID_UPLOADS]
        checked, loaded = _good(jobs)
    let_in = Sample((float(spent.count(None)),))
    label = "bad inputs that were let in, or refused by another rule than theirs"
    return [
        Row(label, let_in, unit=f"of {len(spent)}", at_most=0),
        Row("refusing one bad input", Sample(tuple(took for took in spent if took is not None))),
        Row("validation of a good .keras and its content", checked, loaded, "loading it in a fresh child"),
    ]


def measure_faults() -> list[Row]:
    """How many failed system calls cost a library more than the operation itself."""
    with memory_disk() as folder:
        fresh = make_home_factory(folder)
        counts = [_count_failures(fresh, operation) for operation in OPERATIONS]
    tried, lost = (sum(column) for column in zip(*counts, strict=True))
    text = f"refused calls to the system, in {len(OPERATIONS)} deeds, after which the library did not hold what it must"
    return [Row(text, Sample((float(lost),)), unit=f"of {tried}", at_most=0)]


def _refused(child: Child, invalid: InvalidUpload) -> float | None:
    """Return seconds until an invalid upload was refused by its own rule; None where it was not."""
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        made, into = Path(folder, "made"), Path(folder, "into")
        made.mkdir()
        into.mkdir()
        upload, name = invalid.make(made)
        rules: list[str] = []
        with invalid.lowered(UPLOAD_SETTINGS) as config:
            spent = seconds(lambda: rules.append(_rule(child, upload, name, into, config)))
    return spent if rules == [invalid.rule] else None


def _rule(child: Child, upload: Path, name: str, into: Path, config: Settings) -> str:
    """Return the rule by which an upload is refused; empty where it is accepted."""
    try:
        validated = validate_upload(upload, name, into, config=config)
        bounds = limits.current_limits(config.unpacked_mb)
        child.request("inspect_brought", seconds=60, format=validated.format, folder=into, bounds=bounds)
    except Refused as error:
        return error.rule
    return ""


def _good(jobs: Jobs) -> list[Sample]:
    """Return seconds to validate a valid .keras, and to load it with its first prediction."""
    artifact = saved(jobs, trained(jobs), "keras")[0]
    folder = jobs.library.verified_folder(artifact)
    upload = next(path for path in folder.iterdir() if path.suffix == ".keras")
    rows = jobs.library.reference(jobs.library.artifact(artifact).run).head(1).inputs
    request = {"format": "keras", "folder": folder, "source": None}
    arrays = {f"input:{name}": array for name, array in rows.items()}
    return in_turn(
        REPEATS,
        lambda: seconds(lambda: _checked(jobs, upload)),
        lambda: seconds(lambda: jobs.worker.run("reload", seconds=60, arrays=arrays, **request)),
    )


def _checked(jobs: Jobs, upload: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as into:
        validated = validate_upload(upload, upload.name, Path(into), config=UPLOAD_SETTINGS)
        jobs.worker.run("inspect_brought", seconds=60, sandboxed=True, format=validated.format, folder=Path(into))


def _count_failures(fresh: Callable[[], Path], operation: str) -> tuple[int, int]:
    """Return how many failed calls of an operation were tried, and after how many an invariant was broken."""
    total = count_calls(fresh(), operation)
    tried = list(failed_call_cases(total, max(total // EACH, 1)))
    return len(tried), sum(not _survived(fresh(), operation, number, error) for number, error in tried)


def _survived(home: Path, operation: str, number: int, error: int) -> bool:
    try:
        assert_survives_failed_call(home, operation, number, error)
    except AssertionError:
        return False
    return True
