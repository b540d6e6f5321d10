"""Which process of pytest-xdist runs what, and in which order: the longest files first, and one process browses."""

from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
# Files and folders that take longest, in that order: no process is left alone with one of them at the end.
LONGEST_FIRST = (
    "browser",
    "formats/test_contract.py",
    "oracle",
    "demos",
    "cli/test_commands.py",
    "import_model",
    "jobs",
    "regressions",
    "report",
    "ui",
    "worker",
    "fault_injection",
    "environments",
    "library",
    "introspection",
    "security",
    "break_it",
    "sandbox",
    "size_breakdown",
    "runtimes",
)
TOGETHER = "tests/browser/"  # one process starts the browser and its servers, and not each process its own


def rank_file(path: Path) -> int:
    """The place of a test file in the order of `LONGEST_FIRST`."""
    name = path.relative_to(TESTS).as_posix()
    return next((at for at, start in enumerate(LONGEST_FIRST) if name.startswith(start)), len(LONGEST_FIRST))


def sort_items(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files first."""
    items.sort(key=lambda item: rank_file(item.path))


def find_scope(nodeid: str) -> str:
    """What is run by one process: a file, or all tests that browse."""
    return TOGETHER if nodeid.startswith(TOGETHER) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Schedule by `find_scope`, where files are kept whole and something else than the browser's tests is run, too."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return find_scope(nodeid)

    is_ours = config.getvalue("dist") == "loadfile" and config.option.markexpr != "browser"
    return Scheduling(config, log) if is_ours else None
