"""A process that is killed at any call to the system: what it was doing is wholly done or not at all (I1–I6)."""

import shutil
from pathlib import Path

import pytest

from tests.faults.crashes import SIGKILL, crash
from tests.faults.deeds import DEEDS
from tests.faults.oracle import hold_invariants, state

KILLED = "faults injected and survived: a process killed in the middle"

pytestmark = pytest.mark.trust


def killed_at(home: Path, deed: str, at: int) -> None:
    before = state(home)
    assert crash(home, deed, at)["status"] == SIGKILL
    hold_invariants(home, before)
    shutil.rmtree(home)


def calls_of(home: Path, deed: str) -> int:
    ended = crash(home, deed, 0)
    assert ended["status"] == 0
    return ended["said"]


@pytest.mark.parametrize("deed", ["save", "remove", "mark"])
def test_a_process_is_killed_at_some_calls(fresh, deed, tally):
    total = calls_of(fresh(), deed)
    some = range(1, total + 1, max(total // 5, 1))
    for at in some:
        killed_at(fresh(), deed, at)
    tally(KILLED, len(some))


@pytest.mark.long
@pytest.mark.parametrize("deed", DEEDS)
def test_a_process_is_killed_at_every_call(fresh, deed, tally):
    total = calls_of(fresh(), deed)
    for at in range(1, total + 1):
        killed_at(fresh(), deed, at)
    tally(KILLED, total)
