"""Command that brings the library into an object store that a team shares, and back."""

from typing import Annotated

import typer

from core.cli.console import AsJson, exit_with, open_library, print_result, print_text, progress_line
from core.errors import InputError
from core.library import Library
from core.migration import Migration, migrate_from_store, migrate_to_store
from core.object_store import open_object_store
from core.settings import get_settings
from core.text.labels import pluralize
from core.text.numbers import format_size

app = typer.Typer(rich_markup_mode=None)
ADDRESS = "s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, az://CONTAINER/FOLDER or file:///FOLDER"


@app.command()
def migrate(
    to: Annotated[str, typer.Option(metavar="ADDRESS", help=f"Bring the library there: {ADDRESS}.")] = "",
    from_: Annotated[str, typer.Option("--from", metavar="ADDRESS", help="Bring what lies there into this one.")] = "",
    read_back: Annotated[bool, typer.Option(help="Read back and hash what was put, before it counts.")] = True,
    as_json: AsJson = False,
) -> None:
    """Bring the library into an object store, or what lies there into the library; stopped, it goes on where it was.

    The exit status is 1 where something was not brought along.
    """
    if bool(to) == bool(from_):
        raise InputError("It takes either --to or --from.", received=f"{to} {from_}".strip() or None, cure="Give one.")
    library, store = _open_own_library(), open_object_store(to or from_, makes_folder=bool(to))
    with progress_line() as update:
        migration = (
            migrate_to_store(library, store, read_back, update) if to else migrate_from_store(library, store, update)
        )
    _print_migration(migration, as_json)
    exit_with(not migration.is_complete)


def _open_own_library() -> Library:
    """The library in the folder that `ROUNDTRIP_HOME` names, also where a team's is set beside it."""
    config = get_settings()
    if not config.is_team:
        return open_library()
    return Library(config.home, f"sqlite:///{(config.home / 'catalog.sqlite').expanduser().resolve().as_posix()}")


def _print_migration(migration: Migration, as_json: bool) -> None:
    rows = [entry._asdict() for entry in migration.entries]
    if as_json:
        print_result({**migration._asdict(), "entries": rows}, True)
        return
    print_result([row for row in rows if row["state"] != "present"], False, ("id", "state", "bytes", "sentence"))
    present = sum(row["state"] == "present" for row in rows)
    size = format_size(sum(entry.bytes for entry in migration.entries))
    print_text(f"{pluralize(len(rows), 'entry', 'entries')}, {size}; {present:,} were there already.")
    for job in migration.active_jobs:
        print_text(f"The job {job} still runs and was left; bring it along when it has ended.")
