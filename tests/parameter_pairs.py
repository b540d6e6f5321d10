"""Which parameters every run meets: each value of two of them, or a part that a seed draws; the long run meets all."""

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

# Files of whose tests every run draws one of two: each test of them takes seconds of processor time.
HALVED = (
    "activations/test_layer_comparison.py",
    "break_it/test_cards.py",
    "browser/test_browser_canvas.py",
    "browser/test_browser_compare.py",
    "browser/test_browser_inspect.py",
    "browser/test_browser_pages.py",
    "browser/test_browser_report.py",
    "formats/test_conversion_fallbacks.py",
    "import_model/test_imported_proof_kits.py",
    "import_model/test_packaged_imports.py",
    "jobs/test_benchmark.py",
    "jobs/test_disagreement.py",
    "jobs/test_resume.py",
    "ui/test_compare_page.py",
    "ui/test_pages.py",
)
SEED = int(os.environ.get("ROUNDTRIP_TESTS_SEED", "0"))  # of what every run draws: another one draws others


def is_drawn(at: int, parts: int) -> bool:
    """Whether every run meets the value at this place, which is one of so many parts of all values."""
    return (at + SEED) % parts == 0


def drawn_values(values: Sequence[Any], parts: int) -> list[Any]:
    """Parameter sets of all values; those outside of the drawn part are marked long."""
    return [
        pytest.param(value, marks=() if is_drawn(at, parts) else pytest.mark.long) for at, value in enumerate(values)
    ]


def pairs_covering_each(rows: Sequence[Any], columns: Sequence[Any], long_rows: Sequence[Any] = ()) -> list[Any]:
    """Parameter sets of all pairs of a row and a column, in the order of the columns.

    Every run has as few of them as meet each row and each column once; `long_rows` and all other pairs are marked long.
    """
    covered = {(rows[at % len(rows)], columns[at % len(columns)]) for at in range(max(len(rows), len(columns)))}
    return [
        pytest.param(row, column, marks=() if (row, column) in covered else pytest.mark.long)
        for column in columns
        for row in (*rows, *long_rows)
    ]


def leave_undrawn_to_the_long_run(items: Sequence[pytest.Item], tests: Path) -> None:
    """Mark as long the tests of `HALVED` that are not drawn, by a number that a test's own name gives it."""
    for item in items:
        path = item.path.relative_to(tests).as_posix()
        if path in HALVED and not is_drawn(zlib.crc32(f"{path}::{item.name}".encode()), 2):
            item.add_marker(pytest.mark.long)
