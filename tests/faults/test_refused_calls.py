"""Whichever call to the system fails, and however: it is said in words, and the library holds what it must (I1–I6)."""

import errno

import pytest

from tests.faults.deeds import DEEDS
from tests.faults.refusals import ERRORS, calls_of, cases, survives

SURVIVED = "faults injected and survived: a call to the system that fails"
CHANGES = ("save", "train", "import", "restore", "begin a job")

pytestmark = pytest.mark.trust


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
