"""Many processes that write into one library at once: everything that each was told is kept is there (I1–I6)."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.library import Library
from core.settings import PROJECT
from tests.fault_injection.invariants import assert_invariants, hash_entries

WRITERS_TALLY = "processes that wrote into one library at once, and what they kept was there"

pytestmark = pytest.mark.trust


@pytest.mark.long
@pytest.mark.parametrize(("writers", "count"), [(2, 10), (4, 6), (8, 6), (16, 6)])
def test_concurrent_writers_lose_no_artifact(memory_disk: Path, writers: int, count: int, tally: Callable):
    home = memory_disk / "store"
    Library(home)
    command = [sys.executable, "-m", "tests.fault_injection.concurrent_writers", str(home), str(writers), str(count)]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr[-2000:]
    stored = ended.stdout.split()
    assert len(stored) == writers * count
    library = Library(home)
    result = {entry.id: entry for entry in library.find()}
    assert result.keys() == set(stored)
    assert all(len(entry.tags) == 1 for entry in result.values())
    assert len({entry.tags for entry in result.values()}) == writers
    assert_invariants(home, hash_entries(home))
    tally(WRITERS_TALLY, writers)
