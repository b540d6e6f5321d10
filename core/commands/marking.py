"""Commands that say something of what is kept: rename, tag, untag, note, pin, unpin, alias."""

from typing import Annotated

import typer

from core.errors import InputError
from core.terminal import AsJson, Id, Ids, RunId, open_library, show

app = typer.Typer()
Tags = Annotated[list[str], typer.Option("--tag", help="The tag (repeatable).")]
MARKS = {"name", "tags", "note", "pinned"}


@app.command()
def rename(run: RunId, name: Annotated[str, typer.Argument(help="Empty: its first name.")], as_json: AsJson = False):
    """Give a run another name."""
    library = open_library()
    library.mark(run, name=name)
    _say([run], as_json)


@app.command()
def tag(ids: Ids, tags: Tags, as_json: AsJson = False) -> None:
    """Add tags to runs or artifacts."""
    open_library().tag(ids, add=tags)
    _say(ids, as_json)


@app.command()
def untag(ids: Ids, tags: Tags, as_json: AsJson = False) -> None:
    """Take tags off runs or artifacts."""
    open_library().tag(ids, drop=tags)
    _say(ids, as_json)


@app.command()
def note(id_: Id, text: Annotated[str, typer.Argument(help="Empty: none.")], as_json: AsJson = False) -> None:
    """Write the note of a run or an artifact, in place of the one it has."""
    open_library().mark(id_, note=text)
    _say([id_], as_json)


@app.command()
def pin(ids: Ids, as_json: AsJson = False) -> None:
    """Pin runs or artifacts: they cannot be removed until they are unpinned."""
    _pin(ids, True, as_json)


@app.command()
def unpin(ids: Ids, as_json: AsJson = False) -> None:
    """Unpin runs or artifacts."""
    _pin(ids, False, as_json)


def _pin(ids: list[str], pinned: bool, as_json: bool) -> None:
    library = open_library()
    for id_ in ids:
        library.mark(id_, pinned=pinned)
    _say(ids, as_json)


@app.command()
def alias(
    name: Annotated[str, typer.Argument(help="The alias; without one, all are listed.")] = "",
    artifact: Annotated[str, typer.Argument(metavar="[ID]", help="What it shall point to.")] = "",
    drop: Annotated[bool, typer.Option("--drop", help="Forget the alias.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have an alias point to an artifact, in place of the one that it pointed to; or list the aliases."""
    library = open_library()
    if drop:
        rows = [{"alias": name, "artifact": None, "before": library.drop_alias(name)}]
    elif artifact:
        target = library.resolve(artifact)
        rows = [{"alias": name, "artifact": target, "before": library.point(name, target)}]
    else:
        rows = [{"alias": one, "artifact": id_} for one, id_ in library.aliases().items() if name in ("", one)]
        if name and not rows:
            raise InputError("There is no such alias.", received=name, cure="Name an artifact for it to point to.")
    show(rows, as_json, ("alias", "artifact", *(("before",) if drop or artifact else ())))


def _say(ids: list[str], as_json: bool) -> None:
    """What is said of each of them now."""
    library = open_library()
    rows = [{"id": id_, **library.marks(id_).model_dump(include=MARKS)} for id_ in ids]
    texts = [row | {"tags": " ".join(row["tags"]), "note": " ".join(row["note"].split())[:60]} for row in rows]
    show(rows if as_json else texts, as_json, ("id", "name", "tags", "pinned", "note"))
