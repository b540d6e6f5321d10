"""A deed during which one call to the system is refused, and what must hold afterwards."""

import errno
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from core.errors import RoundtripError
from core.library import Library
from tests.fault_injection.invariants import assert_invariants, hash_entries
from tests.fault_injection.operations import OPERATIONS
from tests.fault_injection.system_calls import FaultInjector, patch_system_calls, raising_errno

DISK_ERRNOS = (errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EROFS)


def count_calls(home: Path, deed: str) -> int:
    done = OPERATIONS[deed](Library(home))
    with patch_system_calls(FaultInjector(home)) as calls:
        done()
    return calls.count


def assert_survives_failed_call(home: Path, deed: str, number: int, error: int, from_then_on: bool = False) -> None:
    before = hash_entries(home)
    done = OPERATIONS[deed](Library(home))
    before |= hash_entries(home, ("runs", "artifacts"))  # what lies in the trash by now may be emptied
    with patch_system_calls(FaultInjector(home, number, raising_errno(error), from_then_on)):
        text = catch_error(done)
    assert text is None or (text.sentence and text.cure and str(home) not in str(text)), text
    assert_invariants(home, before)
    shutil.rmtree(home)


def catch_error(done: Callable[[], object]) -> RoundtripError | None:
    try:
        done()
    except RoundtripError as error:
        return error
    return None


def failed_call_cases(total: int, step: int) -> Iterator[tuple[int, int]]:
    """Every `step`-th call, the error another one each time."""
    yield from ((number, DISK_ERRNOS[at % len(DISK_ERRNOS)]) for at, number in enumerate(range(1, total + 1, step)))
