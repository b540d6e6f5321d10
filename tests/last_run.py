"""`python -m tests.last_run`: whether what failed in the last run of the tests may be run once more, alone."""

import json
import sys
from pathlib import Path

import pytest

CACHE = Path(".pytest_cache/v")
EXIT_STATUS = "roundtrip/exit_status"  # in pytest's cache; `tests.counters` keeps it
MOST_FAILED = 3  # more than these are no tests that were short of time


def may_repeat(cache: Path) -> bool:
    """Whether a run came to its end with a few tests that failed, and with nothing else wrong."""
    try:
        status, failed = (json.loads((cache / name).read_text()) for name in (EXIT_STATUS, "cache/lastfailed"))
    except FileNotFoundError:
        return False
    return status == pytest.ExitCode.TESTS_FAILED and 0 < len(failed) <= MOST_FAILED


if __name__ == "__main__":
    sys.exit(not may_repeat(CACHE))
