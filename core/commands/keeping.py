"""Commands over what is kept: list, show, account for bytes, remove, restore."""

import json
from typing import Annotated

import typer

from core.library.content import account
from core.terminal import AsJson, open_library, show

app = typer.Typer()
OF_A_RUN = {"name", "demo", "kind", "parameters", "score", "score_name", "seconds", "created"}


@app.command("list")
def list_(
    search: Annotated[str, typer.Argument(help="Words to look for in ids, runs, demos and formats.")] = "",
    demo: Annotated[list[str] | None, typer.Option(help="Only of these demos.")] = None,
    format: Annotated[list[str] | None, typer.Option(help="Only in these formats.")] = None,
    runs: Annotated[bool, typer.Option("--runs", help="List runs instead of artifacts.")] = False,
    trash: Annotated[bool, typer.Option("--trash", help="List what can be restored.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the artifacts in the library, newest first."""
    if runs:
        found = [{"run": run.id, **run.model_dump(include=OF_A_RUN)} for run in open_library().runs()]
        show(found, as_json, ("run", "name", "demo", "score_name", "score", "created"))
        return
    library = open_library()
    found = [one.entry for one in library.trashed()] if trash else library.find(search, demo or (), format or ())
    rows = [
        {"artifact": entry.id, **{key: value for key, value in entry._asdict().items() if key != "id"}}
        for entry in found
    ]
    show(rows, as_json, ("artifact", "format", "run", "demo", "bytes", "verdict", "created", "problem"))


@app.command("show")
def show_(id_: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show a run, or an artifact with its evidence."""
    library = open_library()
    if id_.startswith("r"):
        found = {"run": id_, **library.run(id_).model_dump(mode="json", by_alias=True, exclude={"id"})}
    else:
        record, evidence = library.artifact(id_), library.evidence(id_)
        found = {"artifact": id_, "bytes": record.bytes, "verdict": evidence.best.verdict.value}
        found |= {"other_versions": record.other_versions} if record.other_versions else {}
        found |= record.model_dump(mode="json", by_alias=True, exclude={"id"})
        found |= {"evidence": evidence.model_dump(mode="json", by_alias=True)}
    if as_json:
        show(found, True)
        return
    for name, value in found.items():
        typer.echo(f"{name}: {value if not isinstance(value, dict | list) else json.dumps(value, indent=2)}")


@app.command("bytes")
def bytes_(artifact: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show where the bytes of an artifact go: weights, optimizer state, graph, padding; they add up to its size."""
    library = open_library()
    parts, notes = account(library, artifact)
    rows = [{"artifact": artifact, **part._asdict()} for part in parts]
    if as_json:
        total = library.artifact(artifact).bytes
        show({"artifact": artifact, "bytes": total, "parts": rows, "notes": notes}, True)
        return
    show(rows, False, ("bytes", "group", "name", "where"))
    typer.echo("\n".join(notes))


@app.command()
def remove(ids: Annotated[list[str], typer.Argument(metavar="ID...")], as_json: AsJson = False) -> None:
    """Move artifacts, or runs with all of their artifacts, into the trash."""
    library = open_library()
    show([{"removed": moved} for id_ in ids for moved in library.remove(id_)], as_json, ("removed",))


@app.command()
def restore(ids: Annotated[list[str], typer.Argument(metavar="ID...")], as_json: AsJson = False) -> None:
    """Bring entries back from the trash."""
    library = open_library()
    show([{"restored": moved} for id_ in ids for moved in library.restore(id_)], as_json, ("restored",))
