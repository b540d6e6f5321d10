"""Command: many models × formats × environments × machines, from a plan."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.console import AsJson, TableRow, exit_with, open_jobs, print_result, print_text, wait_for_job
from core.errors import InputError
from core.library.ids import ID_PATTERN
from core.text.numbers import format_duration, format_size

if TYPE_CHECKING:
    from core.jobs.sweeps.sweep import Sweeps
    from core.library.job_store import Job
    from core.sweep.plan import SweepPlan
    from core.sweep.rows import SweepRow
    from core.sweep.size import SweepSize

app = typer.Typer(rich_markup_mode=None)
COLUMNS = ("model", "format", "environment", "machine", "verdict", "changed", "size", "time", "cause")
MAX_CELL = 80  # characters of a cause in the table; reports and JSON have all of it


@app.command()
def sweep(
    plan: Annotated[
        Path | None, typer.Argument(metavar="PLAN", help="A plan (.toml), or the id of a sweep that was stopped.")
    ] = None,
    example: Annotated[bool, typer.Option("--example", help="Print a plan with comments, and do nothing.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Say how much the plan is, and do nothing.")] = False,
    report: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Write a report as .html, .csv, .parquet or .json (repeatable)."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Ask also what was asked before.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask many models in many formats and environments, as a plan says; stopped (Ctrl-C), it goes on where it was."""
    from core.jobs.sweeps.sweep import Sweeps
    from core.report.sweep_report import render_sweep_json, sweep_report_kind, write_sweep_report
    from core.sweep.plan import EXAMPLE
    from core.sweep.rows import exit_status, summarize_sweep

    if example:
        print_text(EXAMPLE.rstrip())
        return
    if plan is None:
        raise InputError("No plan was named.", cure="roundtrip sweep --example prints one: save it as plan.toml.")
    for file in report or []:
        sweep_report_kind(file)
    with open_jobs() as jobs:
        sweeps = Sweeps(jobs)
        if preview:
            _print_size(sweeps.measure(*_read_plan(plan)), as_json)
            return
        ended = wait_for_job(jobs, _start(sweeps, plan, again))
        rows = sweeps.read_rows(ended.id)
    for file in report or []:
        write_sweep_report(rows, file)
    if as_json:
        typer.echo(render_sweep_json(rows).decode().rstrip())
    else:
        print_result([_row(row) for row in rows], False, COLUMNS)
    print_text(summarize_sweep(rows), to_stderr=True)
    exit_with(exit_status(rows))


def _read_plan(path: Path) -> "tuple[SweepPlan, Path]":
    from core.sweep.plan import read_plan

    return read_plan(path), path.absolute().parent


def _start(sweeps: "Sweeps", path: Path, again: bool) -> "Job":
    if ID_PATTERN.fullmatch(str(path)) and not path.exists():
        return sweeps.resume(str(path), again)
    plan, folder = _read_plan(path)
    return sweeps.start(plan, folder, path.name, again)


def _print_size(size: "SweepSize", as_json: bool) -> None:
    from core.sweep.size import describe_size

    if as_json:
        print_result(size._asdict(), True)
    else:
        print_text("\n".join(describe_size(size)))


def _row(row: "SweepRow") -> TableRow:
    cause = row.cause if len(row.cause) <= MAX_CELL else f"{row.cause[: MAX_CELL - 2]} …"
    changed = None if row.changed_rows is None else f"{row.changed_rows:,} of {row.rows:,}"
    shown = {"verdict": row.label, "changed": changed, "size": format_size(row.bytes)}
    shown |= {"time": format_duration(row.seconds), "cause": cause or None, "format": row.format or None}
    return {"model": row.model, "environment": row.environment, "machine": row.machine, **shown}
