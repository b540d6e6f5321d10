"""What the commands share: printing, waiting for a job, complaining on standard error."""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any

import typer

from core.errors import InputError, WorkerError, error_from_json
from core.jobs import Jobs
from core.library import Library
from core.library.annotations import INVISIBLE_CHARACTERS
from core.library.job_store import Job
from core.library.records import ID_PATTERN


def parse_id(text: str) -> str:
    """An id as it is, an alias as the id that it points to. Raises UnknownName."""
    return text if ID_PATTERN.fullmatch(text) else open_library().resolve(text)


Id = Annotated[str, typer.Argument(metavar="ID", parser=parse_id, help="An id, or an alias.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", parser=parse_id, help="Ids, or aliases.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", parser=parse_id, help="The id of a run.")]
Code = Annotated[
    list[str] | None,
    typer.Option(metavar="ID=SOURCE", help="Where an artifact's code comes from: none, demo, or an architecture."),
]
REPLACEMENT = "\ufffd"
PROGRESS_SECONDS = 0.1  # seconds between two looks at how far something is
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def print_text(text: str = "", to_stderr: bool = False) -> None:
    """Print lines. What a file or a person has written may hold characters that would steer the terminal: each is
    shown as a sign that something stood there."""
    typer.echo(_replace_control_characters(text), err=to_stderr)


def _replace_control_characters(text: str) -> str:
    return INVISIBLE_CHARACTERS.sub(REPLACEMENT, text.encode("utf-8", "replace").decode())


def print_result(value: Any, as_json: bool, columns: Iterable[str] = ()) -> None:
    """Print rows as a table of the given columns, or anything as JSON."""
    if as_json:
        typer.echo(json.dumps(value, indent=2, default=str))
        return
    columns = list(columns)
    rows = [[_cell(row.get(name)) for name in columns] for row in value]
    widths = [max(len(name), *(len(row[at]) for row in rows)) if rows else len(name) for at, name in enumerate(columns)]
    for row in [columns, *rows]:
        print_text("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return (
        f"{value:.4g}"
        if isinstance(value, float)
        else _replace_control_characters(str(value)).replace("\n", REPLACEMENT)
    )


@contextlib.contextmanager
def progress_line() -> Iterator[Callable[[float, str], None]]:
    """What says on a terminal how far something is, ten times a second at most, and wipes it away at the end."""
    said = 0.0

    def tell(done: float, note: str) -> None:
        nonlocal said
        if sys.stderr.isatty() and time.monotonic() - said >= PROGRESS_SECONDS:
            said = time.monotonic()
            typer.echo(f"\r{done:4.0%}  {_replace_control_characters(note):<40}", nl=False, err=True)

    try:
        yield tell
    finally:
        if sys.stderr.isatty():
            typer.echo("\r" + " " * 60 + "\r", nl=False, err=True)


def wait_for_job(jobs: Jobs, job: Job) -> Job:
    """Wait for a job, saying on a terminal how far it is; raises the error that it ended with."""

    with progress_line() as tell:
        try:
            end = jobs.wait(job.id, lambda seen: tell(seen.progress, seen.note))
        except KeyboardInterrupt:
            jobs.cancel(job.id)
            end = jobs.wait(job.id)
    if end.error:
        raise error_from_json(end.error)
    if end.state != "done":
        raise WorkerError("Its process is gone, so this ended half way; nothing half done was kept.", cure="Try again.")
    return end


def open_library() -> Library:
    """The library that `ROUNDTRIP_HOME` names."""
    return Library()


def parse_whole_number(name: str, text: str | None) -> int | None:
    """The value of an option, None where it is not given. Raises InputError."""
    try:
        return None if text is None else int(text)
    except ValueError as error:
        raise InputError(f"The option --{name} takes a whole number.", received=text, cure="Give 1 or more.") from error


def parse_code_sources(pairs: list[str]) -> dict[str, str]:
    """The sources of `--code ID=SOURCE`, by id. Raises InputError."""
    for pair in pairs:
        if "=" not in pair:
            raise InputError("The option --code takes ID=SOURCE.", received=pair, cure="For example a0123456789=demo.")
    parted = [pair.split("=", 1) for pair in pairs]
    return {parse_id(id_): source if source in ("none", "demo") else parse_id(source) for id_, source in parted}


class open_jobs:
    """Jobs whose worker is ended afterwards, whatever happens."""

    def __enter__(self) -> Jobs:
        self._jobs = Jobs()
        return self._jobs

    def __exit__(self, *_: object) -> None:
        self._jobs.worker.close()


def print_warnings(warnings: Iterable[tuple[str, str | None]]) -> None:
    """One line on standard error for what was done and is not as it seems; the status stays as it is."""
    for name, warning in warnings:
        if warning:
            print_text(f"{name}: {warning}", to_stderr=True)


def exit_on_failures(failures: Iterable[tuple[str, dict[str, str] | None]]) -> None:
    """One line on standard error for each failure; then the status is 1."""
    said = [f"{name}: {error_from_json(error or {})}" for name, error in failures]
    for line in said:
        print_text(line, to_stderr=True)
    if said:
        raise typer.Exit(1)
