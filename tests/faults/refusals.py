"""A deed during which one call to the system is refused, and what must hold afterwards."""

import errno
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from core.errors import RoundtripError
from core.library import Library
from tests.faults.deeds import DEEDS
from tests.faults.injection import Calls, patched, refusing
from tests.faults.oracle import hold_invariants, state

ERRORS = (errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EROFS)


def calls_of(home: Path, deed: str) -> int:
    done = DEEDS[deed](Library(home))
    with patched(Calls(home)) as calls:
        done()
    return calls.count


def survives(home: Path, deed: str, number: int, error: int, from_then_on: bool = False) -> None:
    before = state(home)
    done = DEEDS[deed](Library(home))
    before |= state(home, ("runs", "artifacts"))  # what lies in the trash by now may be emptied
    with patched(Calls(home, number, refusing(error), from_then_on)):
        said = said_by(done)
    assert said is None or (said.sentence and said.cure and str(home) not in str(said)), said
    hold_invariants(home, before)
    shutil.rmtree(home)


def said_by(done: Callable[[], object]) -> RoundtripError | None:
    try:
        done()
    except RoundtripError as error:
        return error
    return None


def cases(total: int, step: int) -> Iterator[tuple[int, int]]:
    """Every `step`-th call, the error another one each time."""
    yield from ((number, ERRORS[at % len(ERRORS)]) for at, number in enumerate(range(1, total + 1, step)))
