"""Commands: what breaks when packages are upgraded, and which release broke it."""

import itertools
import os
import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.console import (
    AsJson,
    TableRow,
    exit_with,
    open_jobs,
    parse_id,
    print_result,
    print_text,
    wait_for_job,
)
from core.errors import InputError

if TYPE_CHECKING:
    from core.jobs import Jobs
    from core.upgrade.rows import UpgradeRow

app = typer.Typer(rich_markup_mode=None)
COLUMNS = ("model", "format", "after", "cause", "cure")
MAX_CELL = 110  # characters of a cause or a cure in the table
STEP_COLUMNS = ("environment", "release", "there", "cause")
Models = Annotated[Path | None, typer.Argument(metavar="PATH", help="A model, or a folder or zip of models.")]
Source = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="ENV",
        help="What is run today, as `roundtrip environments` lists them; 'here' is Roundtrip's own.",
    ),
]
Target = Annotated[
    str, typer.Option("--to", metavar="ENV", help="What is to be run, likewise; built first where it is not.")
]
Copies = Annotated[
    list[str] | None, typer.Option("--copy", metavar="ID", parser=parse_id, help="A copy of the library (repeatable).")
]


@app.command()
def upgrade(
    source: Source,
    target: Target,
    path: Models = None,
    copies: Copies = None,
    report: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Write a report as .html or .json (repeatable).")
    ] = None,
    cured: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write what was cured and proven into this folder.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(metavar="ATOL", min=0.0, help="Changed answers that are no further off count as stated."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Ask also what was asked before.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask models in one environment and then in another: which load, which answer the same, and what cures the rest."""
    from core.jobs.upgrades.upgrade import read_rows
    from core.report.upgrade_report import write_upgrade_report
    from core.upgrade.rows import exit_status, summarize_upgrade

    _require_places(report or [], cured)
    with open_jobs() as jobs:
        ended = wait_for_job(jobs, jobs.check_upgrade(source, target, path, copies=copies or (), again=again))
        rows = read_rows(ended.result["rows"])
        for file in report or []:
            write_upgrade_report(ended.result, file, tolerance)  # type: ignore[arg-type]
        written = _write_cured(jobs, ended.id, rows, cured.expanduser()) if cured else {}
    status = exit_status(rows, tolerance)
    result = {**ended.result, "headline": summarize_upgrade(rows), "exit_status": status, "cured": written}
    print_result(result if as_json else [_row(row) for row in rows], as_json, COLUMNS)
    for row in rows:
        if row.note and not as_json:
            print_text(f"{row.name}: {row.note}")
    print_text(summarize_upgrade(rows), to_stderr=True)
    exit_with(status)


def _row(row: "UpgradeRow") -> TableRow:
    cure = row.proven_cure or next(iter(row.cures), None)
    proven = "proven: " if cure and cure.is_proven else ""
    return {
        "model": row.name,
        "format": row.format or None,
        "after": row.label,
        "cause": _shorten(row.cause) or None,
        "cure": _shorten(f"{proven}{cure.sentence}") if cure else None,
    }


def _shorten(text: str) -> str:
    """A sentence as a line of the table holds it; reports and JSON have all of it."""
    return textwrap.shorten(text, MAX_CELL, placeholder=" …")


def _require_places(reports: list[Path], folder: Path | None) -> None:
    """Check, before minutes of work and not after, where reports and what was cured are to go. Raises InputError."""
    from core.report.upgrade_report import upgrade_report_kind

    for file in reports:
        upgrade_report_kind(file)
    if folder is None:
        return
    existing = next(path for path in (folder.expanduser(), *folder.expanduser().absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise InputError("This is no folder to write into.", received=existing.name, cure="Name another one.")


def _find_free_path(folder: Path, start: str, name: str) -> Path:
    numbers = itertools.chain([""], (f"{number}-" for number in itertools.count(2)))
    return next(path for number in numbers if not os.path.lexists(path := folder / f"{start}{number}{name}"))


def _write_cured(jobs: "Jobs", job_id: str, rows: list["UpgradeRow"], folder: Path) -> dict[str, str]:
    """Copy what was cured into a folder; returns the files by model. A name that is taken gets a number."""
    written, cured = {}, jobs.find_cured_files(job_id)
    for row in rows:
        if file := cured.get(row.name):
            folder.mkdir(parents=True, exist_ok=True)
            path = _find_free_path(folder, f"{row.name.replace('/', '-')}-", file.name)
            shutil.copytree(file, path) if file.is_dir() else shutil.copyfile(file, path)
            written[row.name] = str(path)
    return written


@app.command()
def bisect(source: Source, target: Target, path: Models = None, copies: Copies = None, as_json: AsJson = False) -> None:
    """Find the first release of Keras between two that answers otherwise, for one model."""
    from core.jobs.upgrades.bisect import describe_bisect
    from core.upgrade.rows import EXIT_CHANGED, EXIT_DOES_NOT_LOAD

    with open_jobs() as jobs:
        result: Any = wait_for_job(jobs, jobs.bisect(source, target, path, copies=copies or ())).result
    first = next((step for step in result["steps"] if step["environment"] == result.get("first")), None)
    table = [_step(step) for step in result["steps"]]
    print_result({**result, "headline": describe_bisect(result)} if as_json else table, as_json, STEP_COLUMNS)
    print_text(describe_bisect(result), to_stderr=True)
    if first:
        exit_with(EXIT_DOES_NOT_LOAD if first["status"] == "does-not-load" else EXIT_CHANGED)


def _step(step: dict[str, Any]) -> TableRow:
    from core.jobs.elsewhere import read_outcome
    from core.text.verdicts import verdict_label

    outcome = read_outcome(step["outcome"])
    there = verdict_label(outcome.verdict, outcome.changed_rows, outcome.rows, outcome.error)
    return {**step, "there": there, "cause": _shorten(step["cause"]) or None}
