"""The table of a sweep as one file: HTML for people, CSV for spreadsheets, Parquet and JSON for programs."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.environments.machines import label_machine
from core.errors import InputError
from core.library import storage
from core.record import now
from core.report.csv_report import escape_formula
from core.sweep.rows import Status, SweepRow, exit_status, summarize_sweep
from core.upgrade.sides import list_sides

SWEEP_REPORT_SCHEMA = 1
# The columns of a table, in this order; in every kind of report under these names.
COLUMNS = (
    *("model", "format", "environment", "machine", "status", "verdict", "label", "changed_rows", "rows", "bytes"),
    *("seconds", "cause", "cure", "code", "run", "artifact", "is_passing", "is_reused", "tries"),
)
TONES = {Status.ALIKE: "same", Status.CHANGED: "some", Status.DOES_NOT_LOAD: "other"}


def render_sweep_csv(rows: Sequence[SweepRow]) -> bytes:
    """Return a line for each row."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: escape_formula(value) for name, value in _record(row).items()} for row in rows)
    return buffer.getvalue().encode()


def render_sweep_parquet(rows: Sequence[SweepRow]) -> bytes:
    """Return a table with a column for each field, typed also where it has no row."""
    import pyarrow
    from pyarrow import parquet

    whole, real, truth = pyarrow.int64(), pyarrow.float64(), pyarrow.bool_()
    types = {"changed_rows": whole, "rows": whole, "bytes": whole, "seconds": real, "tries": whole}
    types |= {"is_passing": truth, "is_reused": truth}
    schema = pyarrow.schema([(name, types.get(name, pyarrow.string())) for name in COLUMNS])
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist([_record(row) for row in rows], schema), buffer)
    return buffer.getvalue()


def render_sweep_json(rows: Sequence[SweepRow]) -> bytes:
    """Return everything as JSON; keys are fixed within one schema."""
    facts = {"schema": SWEEP_REPORT_SCHEMA, "kind": "sweep", "written": now(), "headline": summarize_sweep(rows)}
    whole = {**facts, "exit_status": exit_status(rows), "rows": [_record(row) for row in rows]}
    return (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode()


def render_sweep_html(rows: Sequence[SweepRow]) -> bytes:
    """Return the page; it has no script, and loads nothing."""
    from markupsafe import Markup

    # Jinja and Plotly take half a second to import, for which no other command should wait.
    from core.report.html import read_template, template_environment

    text = (
        template_environment()
        .get_template("sweep.html")
        .render(
            title="Sweep",
            headline=summarize_sweep(rows),
            rows=rows,
            tones={status: TONES.get(status, "none") for status in Status},
            environments={side.key: side.label for side in list_sides()},
            machines={row.machine: label_machine(row.machine) for row in rows},
            written=now(),
            policy="default-src 'none'; style-src 'unsafe-inline'",
            style=Markup(read_template("report.css")),
        )
    )
    return text.encode()


def _record(row: SweepRow) -> dict[str, Any]:
    return row.model_dump(mode="json", include=set(COLUMNS))


RENDERERS: dict[str, Callable[[Sequence[SweepRow]], bytes]] = {
    "html": render_sweep_html,
    "csv": render_sweep_csv,
    "parquet": render_sweep_parquet,
    "json": render_sweep_json,
}


def sweep_report_kind(path: Path) -> str:
    """Return the kind of report for a file's ending. Raises InputError for any other ending."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in RENDERERS:
        cure = "Give the file one of these endings."
        sentence = "The report of a sweep is an .html, a .csv, a .parquet or a .json file."
        raise InputError(sentence, received=path.name, cure=cure)
    return kind


def write_sweep_report(rows: Sequence[SweepRow], path: Path) -> None:
    """Write the report of a sweep atomically, its kind by the file's ending; replaces an earlier file.

    Raises InputError, StorageFailed.
    """
    data = RENDERERS[sweep_report_kind(path)](rows)
    with storage.translate_disk_errors():
        storage.write_bytes_atomically(path.expanduser(), data)
