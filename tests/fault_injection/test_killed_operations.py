"""A process that is killed at any call to the system: what it was doing is wholly done or not at all (I1–I6)."""

import shutil
from pathlib import Path

import pytest

from core.health import repair_library
from core.library import Library
from tests.fault_injection.crash_client import SIGKILL, run_and_kill
from tests.fault_injection.invariants import assert_invariants, hash_entries
from tests.fault_injection.operations import OPERATIONS
from tests.fault_injection.system_calls import FaultInjector, patch_system_calls

KILLED = "faults injected and survived: a process killed in the middle"

pytestmark = pytest.mark.trust


def assert_survives_kill(home: Path, deed: str, at: int) -> None:
    before = hash_entries(home)
    assert run_and_kill(home, deed, at)["status"] == SIGKILL
    assert_invariants(home, before)
    shutil.rmtree(home)


def count_calls(home: Path, deed: str) -> int:
    ended = run_and_kill(home, deed, 0)
    assert ended["status"] == 0
    return ended["result"]


def list_calls(home: Path, deed: str) -> list[str]:
    done = OPERATIONS[deed](Library(home))
    with patch_system_calls(FaultInjector(home)) as calls:
        done()
    return calls.names


@pytest.mark.parametrize("deed", ["save", "remove", "mark"])
def test_process_killed_at_sampled_calls_keeps_invariants(make_library_home, deed, tally):
    total = count_calls(make_library_home(), deed)
    some = range(1, total + 1, max(total // 5, 1))
    for at in some:
        assert_survives_kill(make_library_home(), deed, at)
    tally(KILLED, len(some))


def test_complete_staged_import_of_killed_process_is_stored_by_repair(make_library_home, tally):
    names = list_calls(make_library_home(), "import")
    second_rename = [at for at, name in enumerate(names, 1) if name == "rename"][1]
    library = Library(make_library_home())
    assert run_and_kill(library.home, "import", second_rename)["status"] == SIGKILL
    (run,) = (item for item in library.runs() if item.trust == "brought in")
    (repaired,) = repair_library(library)
    assert repaired[2:] == ("done", "A save that a process did not end lies in staging, and it is whole. It was kept.")
    assert library.artifacts_of(run.id) == [run.brought["artifact"]]
    assert_invariants(library.home, hash_entries(library.home))
    tally(KILLED)


@pytest.mark.long
@pytest.mark.parametrize("deed", OPERATIONS)
def test_process_killed_at_every_call_keeps_invariants(make_library_home, deed, tally):
    total = count_calls(make_library_home(), deed)
    for at in range(1, total + 1):
        assert_survives_kill(make_library_home(), deed, at)
    tally(KILLED, total)
