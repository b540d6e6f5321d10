"""Whichever call to the system fails, and however: it is said in words, and the library holds what it must (I1–I6)."""

import errno
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import RoundtripError
from core.library import Library
from tests.faults.deeds import DEEDS
from tests.faults.injection import Calls, patched, refusing
from tests.faults.oracle import hold_invariants, state

ERRORS = (errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EROFS)
SURVIVED = "faults injected and survived: a call to the system that fails"
CHANGES = ("save", "train", "restore", "begin a job")

pytestmark = pytest.mark.trust


def calls_of(home: Path, deed: str) -> int:
    done = DEEDS[deed](Library(home))
    with patched(Calls(home)) as calls:
        done()
    return calls.count


def survives(home: Path, deed: str, number: int, error: int, from_then_on: bool = False) -> None:
    done = DEEDS[deed](Library(home))
    before = state(home)
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


@pytest.mark.parametrize("deed", CHANGES)
def test_some_calls_fail(fresh, deed, tally):
    total = calls_of(fresh(), deed)
    some = list(cases(total, max(total // 6, 1)))
    for number, error in some:
        survives(fresh(), deed, number, error)
    tally(SURVIVED, len(some))


@pytest.mark.long
@pytest.mark.parametrize("from_then_on", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("error", ERRORS, ids=[errno.errorcode[one] for one in ERRORS])
@pytest.mark.parametrize("deed", DEEDS)
def test_every_call_fails(fresh, deed, error, from_then_on, tally):
    total = calls_of(fresh(), deed)
    for number in range(1, total + 1):
        survives(fresh(), deed, number, error, from_then_on)
    tally(SURVIVED, total)
