"""Commands that remove, bring back and delete for good; and how much space all of it takes."""

from typing import Annotated

import typer

from core.errors import InputError
from core.library.space import space as space_of
from core.settings import settings
from core.terminal import AsJson, Ids, open_library, show, whole_number
from core.words import size

app = typer.Typer()


@app.command()
def remove(ids: Ids, as_json: AsJson = False) -> None:
    """Move artifacts, or runs with all of their artifacts, into the trash: all of them or none."""
    show([{"removed": moved} for moved in open_library().remove_all(ids)], as_json, ("removed",))


@app.command()
def restore(ids: Annotated[list[str], typer.Argument(metavar="ID...")], as_json: AsJson = False) -> None:
    """Bring entries back from the trash."""
    library = open_library()
    show([{"restored": moved} for id_ in ids for moved in library.restore(id_)], as_json, ("restored",))


@app.command("empty-trash")
def empty_trash(
    older_than: Annotated[
        str | None, typer.Option(metavar="DAYS", help="What was removed so many days ago or earlier.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Everything that is not pinned.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete for good what has lain in the trash for ROUNDTRIP_TRASH_DAYS (30); never what is pinned."""
    days = whole_number("older-than", older_than)
    if all_ and days is not None:
        raise InputError("Either --all or --older-than says what goes, not both.", cure="Leave one of them out.")
    if days is None and not all_ and not settings().trash_days:
        raise InputError("The trash is never emptied by itself here.", cure="Give --older-than DAYS, or --all.")
    days = 0 if all_ else settings().trash_days if days is None else days
    show([{"deleted": id_} for id_ in open_library().empty_trash(days)], as_json, ("deleted",))


@app.command()
def space(as_json: AsJson = False) -> None:
    """Show how much of the disk the library takes, by what takes it."""
    found = space_of(open_library().home)
    if as_json:
        show(found._asdict() | {"total": found.total}, True)
        return
    parts = {**found._asdict(), "total": found.total}
    show(
        [{"what": name, "size": size(count), "bytes": count} for name, count in parts.items()],
        False,
        ("what", "size", "bytes"),
    )
