"""What the commands share: printing, waiting for a job, complaining on standard error."""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, overload

import typer

from core.errors import InputError, WorkerError, error_from_json
from core.grading import Grade
from core.library import Library
from core.library.annotation_files import INVISIBLE_CHARACTERS
from core.library.ids import ID_PATTERN, PLACE_SEPARATOR
from core.library.job_store import Job, JobStore
from core.library.records import BUILT_IN_SOURCES
from core.settings import get_settings

if TYPE_CHECKING:
    from core.jobs import Jobs

# What the commands that use a worker import: the warm process loads it too.
COMMAND_MODULES = ("core.__main__", "core.jobs", "core.cli.models", "core.cli.compare", "core.cli.inspect")
REPLACEMENT = "\ufffd"
PROGRESS_INTERVAL = 0.1  # seconds between two updates of the progress line


def parse_id(text: str) -> str:
    """An id as it is, an alias as the id that it points to. Raises UnknownName, InputError for a copy at a place."""
    if PLACE_SEPARATOR in text:
        cure = "Name the copy without its place, or take `roundtrip compare`."
        raise InputError("Copies answer in other environments for `compare` alone.", received=text[:80], cure=cure)
    return text if ID_PATTERN.fullmatch(text) else open_library().resolve(text)


Id = Annotated[
    str, typer.Argument(metavar="ID", parser=parse_id, help="An id, as `roundtrip list` prints them, or an alias.")
]
Ids = Annotated[
    list[str],
    typer.Argument(metavar="ID", parser=parse_id, help="Ids, as `roundtrip list` prints them, or aliases."),
]
RunId = Annotated[
    str, typer.Argument(metavar="RUN", parser=parse_id, help="The id of a run, as `roundtrip list --runs` prints them.")
]
Strings = list[str] | None
TableRow = dict[str, object]  # by column what is printed: `print_result` takes whatever it is
Code = Annotated[
    Strings,
    typer.Option(metavar="ID=SOURCE", help="Where its code comes from: none, demo, snapshot, or an architecture."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def print_text(text: str = "", to_stderr: bool = False) -> None:
    """Print lines, with a sign in place of each character that would steer the terminal."""
    typer.echo(_replace_control_characters(text), err=to_stderr)


def _replace_control_characters(text: str) -> str:
    return INVISIBLE_CHARACTERS.sub(REPLACEMENT, text.encode("utf-8", "replace").decode())


def print_result(value: Any, as_json: bool, columns: Iterable[str] = ()) -> None:
    """Print anything as JSON, or rows (dictionaries) as a table of the given columns."""
    if as_json:
        typer.echo(json.dumps(value, indent=2, default=str))
        return
    header = list(columns)
    table = [header, *([_cell(row.get(name)) for name in header] for row in value)]
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    for cells in table:
        print_text("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return _replace_control_characters(str(value)).replace("\n", REPLACEMENT)


@contextlib.contextmanager
def progress_line() -> Iterator[Callable[[float, str], None]]:
    """A function that shows progress (0 to 1, and a note) in one line of a terminal; the line is wiped at the end."""
    last_update = 0.0

    def update(progress: float, note: str) -> None:
        nonlocal last_update
        if sys.stderr.isatty() and time.monotonic() - last_update >= PROGRESS_INTERVAL:
            last_update = time.monotonic()
            typer.echo(f"\r{progress:4.0%}  {_replace_control_characters(note):<40}", nl=False, err=True)

    try:
        yield update
    finally:
        if sys.stderr.isatty():
            typer.echo("\r" + " " * 60 + "\r", nl=False, err=True)


def wait_for_job(jobs: "Jobs", job: Job) -> Job:
    """Wait for a job, with its progress on a terminal. Raises the error that it ended with."""
    with progress_line() as update:
        try:
            ended = jobs.wait(job.id, lambda running: update(running.progress, running.note))
        except KeyboardInterrupt:
            jobs.cancel(job.id)
            ended = jobs.wait(job.id)
    if ended.error:
        raise error_from_json(ended.error)
    if ended.state != "done":
        raise WorkerError("Its process is gone, so this ended half way; nothing half done was kept.", cure="Try again.")
    return ended


def open_library() -> Library:
    """The library that `ROUNDTRIP_HOME` names, or the team's that `ROUNDTRIP_STORE_URL` does."""
    if get_settings().is_team:
        from core.object_store.team_library import open_library  # with what only a team needs

        return open_library()
    return Library()


def open_job_store(library: Library) -> JobStore:
    """The records of a library's jobs, to be read."""
    from core.context import open_job_store as open_store  # takes longer to import than many commands take in all

    return open_store(library.home, get_settings())


@contextlib.contextmanager
def open_jobs() -> Iterator["Jobs"]:
    """Jobs over the same library; their worker is closed afterwards, whatever happens.

    Its warm process stays for the next command (see `core.worker.kept_process`).
    """
    from core.jobs import Jobs  # takes longer to import than most commands that need none take in all
    from core.worker import Worker

    jobs = Jobs(worker=Worker(kept_for=COMMAND_MODULES))
    try:
        yield jobs
    finally:
        jobs.worker.close()


@overload
def parse_whole_number(name: str, text: str) -> int: ...
@overload
def parse_whole_number(name: str, text: str | None) -> int | None: ...
def parse_whole_number(name: str, text: str | None) -> int | None:
    """The value of an option, None where it is not given. Raises InputError."""
    try:
        return None if text is None else int(text)
    except ValueError as error:
        raise InputError(f"The option --{name} takes a whole number.", received=text, cure="Give 1 or more.") from error


def parse_code_sources(pairs: Strings) -> dict[str, str]:
    """The sources of `--code ID=SOURCE`, by id. Raises InputError."""
    sources = {}
    for pair in pairs or ():
        id_, sign, source = pair.partition("=")
        if not sign:
            raise InputError("The option --code takes ID=SOURCE.", received=pair, cure="For example a0123456789=demo.")
        sources[parse_id(id_)] = source if source in BUILT_IN_SOURCES else parse_id(source)
    return sources


def name_losses(rows: Iterable[Mapping[str, Any]]) -> list[TableRow]:
    """Rows for a table: in place of the losses with their findings (see `core.compatibility.losses`), their names."""
    return [{**row, "losses": ", ".join(loss["label"] for loss in row["losses"]) or None} for row in rows]


def name_grades(rows: Iterable[Mapping[str, Any]]) -> list[TableRow]:
    """Rows for a table: in place of the grade with its numbers (see `core.grading.Grade`), its label."""
    return [{**row, "grade": Grade.model_validate(row["grade"]).label if row["grade"] else None} for row in rows]


def print_warnings(warnings: Iterable[tuple[str, str | None]]) -> None:
    """One line on standard error for what was done and is not as it seems; the exit status stays as it is."""
    for name, warning in warnings:
        if warning:
            print_text(f"{name}: {warning}", to_stderr=True)


def exit_on_failures(failures: Iterable[tuple[str, dict[str, str] | None]]) -> None:
    """One line on standard error for each failure (name, error as JSON); then the exit status is 1."""
    lines = [f"{name}: {error_from_json(error or {})}" for name, error in failures]
    for line in lines:
        print_text(line, to_stderr=True)
    exit_with(1 if lines else 0)


def exit_with(status: int | bool) -> None:
    """End the command with this exit status, unless it is 0."""
    if status:
        raise typer.Exit(int(status))
