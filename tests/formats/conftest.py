"""Here every demo is saved in every format: all that a run needs of a demo at once, side by side."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.formats import FORMATS
from tests.formats.rewritten_expectations import REWRITTEN
from tests.parameter_pairs import is_drawn
from tests.shared_entries import SharedEntries

HERE = Path(__file__).parent
KEYS = [format_.key for format_ in FORMATS]
# Demos whose copies are saved and reloaded in the long run only: what each format does with them is of a kind with
# what it does with the others, and all eleven take longer than every change can wait for.
LONG_DEMOS = {"digits-denoiser", "digits-mixed", "digits-subclassed", "stocks-lstm"}
# Demos of which every run saves a part of the formats, so that together they meet each once; the long run saves the
# rest. Another seed draws other parts.
PARTIAL_DEMOS = ("digits-cnn", "digits-core", "digits-custom", "names", "tips", "two-in-two-out")
# Forms that are made from another format's file.
FORMS = sorted({key for _, key in REWRITTEN}, key=KEYS.index)


def is_in_every_run(demo: str, format_key: str) -> bool:
    """Whether a demo is saved in this format in every run, and not in the long one alone."""
    if demo in PARTIAL_DEMOS:
        return is_drawn(PARTIAL_DEMOS.index(demo) + KEYS.index(format_key), len(PARTIAL_DEMOS))
    return demo not in LONG_DEMOS


def part_of(demo: str, format_key: str) -> tuple[bool, bool]:
    """What is saved at once: all thirty formats of a demo would take one test too long."""
    return is_in_every_run(demo, format_key), format_key in FORMS


@pytest.fixture(scope="session")
def saved(shared_entries: SharedEntries) -> Callable[[str, str], dict[str, Any]]:
    """A function that gives the row of a demo saved in a format."""

    def row(demo: str, format_key: str) -> dict[str, Any]:
        together = [key for key in KEYS if part_of(demo, key) == part_of(demo, format_key)]
        return shared_entries.rows(demo, together)[format_key]

    return row


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        demo, key = params.get("demo"), params.get("format_key")
        is_pair = item.path == HERE / "test_contract.py" and demo is not None and key is not None
        if item.path.parent == HERE and (demo in LONG_DEMOS or (is_pair and not is_in_every_run(demo, key))):
            item.add_marker(pytest.mark.long)
