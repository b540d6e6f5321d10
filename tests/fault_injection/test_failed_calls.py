"""Whichever call to the system fails, and however: it is said in words, and the library holds what it must (I1–I6)."""

import errno

import pytest

from tests.fault_injection.failed_calls import DISK_ERRNOS, assert_survives_failed_call, count_calls, failed_call_cases
from tests.fault_injection.operations import OPERATIONS

SURVIVED = "faults injected and survived: a call to the system that fails"
CHANGING_OPERATIONS = ("save", "train", "import", "restore", "begin a job")

pytestmark = pytest.mark.trust


@pytest.mark.parametrize("deed", CHANGING_OPERATIONS)
def test_operation_with_sampled_failed_calls_keeps_invariants(make_library_home, deed, tally):
    total = count_calls(make_library_home(), deed)
    some = list(failed_call_cases(total, max(total // 6, 1)))
    for number, error in some:
        assert_survives_failed_call(make_library_home(), deed, number, error)
    tally(SURVIVED, len(some))


@pytest.mark.long
@pytest.mark.parametrize("from_then_on", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("error", DISK_ERRNOS, ids=[errno.errorcode[item] for item in DISK_ERRNOS])
@pytest.mark.parametrize("deed", OPERATIONS)
def test_operation_with_every_failed_call_keeps_invariants(make_library_home, deed, error, from_then_on, tally):
    total = count_calls(make_library_home(), deed)
    for number in range(1, total + 1):
        assert_survives_failed_call(make_library_home(), deed, number, error, from_then_on)
    tally(SURVIVED, total)
