"""Which parameters every run meets: each value of two of them, or a part that a seed draws; the long run meets all."""

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

# Files of which every run draws one test of so many, as each takes seconds of processor time; a test's own number goes
# before its file's.
DRAWN = {
    "activations/test_layer_comparison.py": 3,
    "break_it/test_cards.py": 3,
    "browser/test_browser_canvas.py": 3,
    "browser/test_browser_compare.py": 3,
    "browser/test_browser_import.py": 2,
    "browser/test_browser_inspect.py": 3,
    "browser/test_browser_newcomer_tasks.py": 2,
    "browser/test_browser_pages.py": 3,
    "browser/test_browser_pages.py::test_nothing_moves_where_less_motion_is_asked_for": 1,
    "browser/test_browser_pages.py::test_pages_fit_width_and_pass_axe_in_light_and_dark": 1,
    "browser/test_browser_report.py": 3,
    "browser/test_browser_tour.py": 2,
    "browser/test_browser_workflow.py": 2,
    "cli/test_commands.py": 2,
    "formats/test_conversion_fallbacks.py": 3,
    "formats/test_new_format.py": 2,
    "formats/test_training_state.py": 2,
    "import_model/test_import_model.py": 2,
    "import_model/test_imported_proof_kits.py": 2,
    "import_model/test_packaged_imports.py": 2,
    "jobs/test_benchmark.py": 3,
    "jobs/test_code_sources.py": 2,
    "jobs/test_compare.py": 2,
    "jobs/test_disagreement.py": 3,
    "jobs/test_interrupted_jobs.py": 2,
    "jobs/test_live_session.py": 2,
    "jobs/test_resume.py": 3,
    "jobs/test_service.py": 2,
    "library/test_add_model.py": 2,
    "library/test_damaged_entries.py": 2,
    "regressions/test_prevented_by_design.py": 2,
    "regressions/test_runtime_errors.py": 2,
    "regressions/test_silent_prediction_changes.py": 2,
    "regressions/test_silent_state_loss.py": 2,
    "report/test_report_files.py": 2,
    "size_breakdown/test_breakdown.py": 2,
    "ui/test_benchmark_tables.py": 2,
    "ui/test_compare_inputs.py": 2,
    "ui/test_compare_page.py": 3,
    "ui/test_disagreement_section.py": 2,
    "ui/test_layers_section.py": 2,
    "ui/test_metric_tables.py": 2,
    "ui/test_pages.py": 3,
    "worker/test_limits.py": 2,
    "worker/test_remote_predictor.py": 2,
    "worker/test_worker.py": 2,
}
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
    """Mark as long what is not drawn of the tests of `DRAWN`, by a number that a test's own name gives it."""
    for item in items:
        path = item.path.relative_to(tests).as_posix()
        parts = DRAWN.get(f"{path}::{item.name.partition('[')[0]}") or DRAWN.get(path, 1)
        if not is_drawn(zlib.crc32(f"{path}::{item.name}".encode()), parts):
            item.add_marker(pytest.mark.long)
