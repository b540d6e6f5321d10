"""A process that is killed at any call to the system: what it was doing is wholly done or not at all (I1–I6)."""

import shutil
from pathlib import Path

import pytest

from core.health import repair_library
from core.library import Library
from tests.faults.crashes import SIGKILL, crash
from tests.faults.deeds import DEEDS
from tests.faults.injection import Calls, patched
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


def calls_in(home: Path, deed: str) -> list[str]:
    done = DEEDS[deed](Library(home))
    with patched(Calls(home)) as calls:
        done()
    return calls.names


@pytest.mark.parametrize("deed", ["save", "remove", "mark"])
def test_a_process_is_killed_at_some_calls(fresh, deed, tally):
    total = calls_of(fresh(), deed)
    some = range(1, total + 1, max(total // 5, 1))
    for at in some:
        killed_at(fresh(), deed, at)
    tally(KILLED, len(some))


def test_an_import_that_was_whole_when_its_process_was_killed_is_kept_by_repair(fresh, tally):
    names = calls_in(fresh(), "import")
    second_rename = [at for at, name in enumerate(names, 1) if name == "rename"][1]
    library = Library(fresh())
    assert crash(library.home, "import", second_rename)["status"] == SIGKILL
    (run,) = (one for one in library.runs() if one.trust == "brought in")
    (mended,) = repair_library(library)
    assert mended[2:] == ("done", "A save that a process did not end lies in staging, and it is whole. It was kept.")
    assert library.artifacts_of(run.id) == [run.brought["artifact"]]
    hold_invariants(library.home, state(library.home))
    tally(KILLED)


@pytest.mark.long
@pytest.mark.parametrize("deed", DEEDS)
def test_a_process_is_killed_at_every_call(fresh, deed, tally):
    total = calls_of(fresh(), deed)
    for at in range(1, total + 1):
        killed_at(fresh(), deed, at)
    tally(KILLED, total)
