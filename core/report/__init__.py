"""A comparison as one file: HTML for people, JSON for programs, CSV for tables."""

from collections.abc import Mapping
from pathlib import Path

from core.context import AppContext
from core.errors import InputError
from core.jobs.comparison.compare_result import Tolerance
from core.library import storage
from core.library.job_store import Job
from core.report.csv_report import render_csv
from core.report.data import gather_report_data
from core.report.json_report import render_json

REPORT_KINDS = {
    "html": "one page to read and to send: verdicts, numbers, plots, rows that disagree; opens offline, about 5 MB",
    "json": "every number, for programs",
    "csv": "one line for each copy and output, for a spreadsheet",
}


def report_kind(path: Path) -> str:
    """Return the kind of report for a file's ending. Raises InputError for any other ending."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in REPORT_KINDS:
        raise InputError(
            "A report is an .html, a .json or a .csv file.",
            received=path.name,
            cure="Give the file one of these endings.",
        )
    return kind


def write_report(context: AppContext, job: Job, path: Path, tolerances: Mapping[str, Tolerance] | None = None) -> None:
    """Write the report of a finished comparison atomically, its kind by the file's ending; replaces an earlier file.

    With `tolerances` by output, it has each copy's pass or fail. Raises InputError for another ending, another job, or
    a tolerance of an unknown output; StorageFailed when the disk refuses.
    """
    kind = report_kind(path)
    if job.kind != "compare" or job.state != "done":
        cure = "Compare copies, and ask for the report when that is done."
        raise InputError("Only a finished comparison can be reported.", received=f"{job.kind}, {job.state}", cure=cure)
    data = gather_report_data(context, job, tolerances or {})
    if kind == "html":
        # Plotly and Jinja take half a second to import, for which no other command should wait.
        from core.report.html import render_html

        text = render_html(data)
    else:
        text = render_json(data) if kind == "json" else render_csv(data)
    with storage.translate_disk_errors():
        storage.write_text_atomically(path.expanduser(), text)
