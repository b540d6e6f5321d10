"""Commands over what is kept: list, show, account for bytes, lineage."""

import json
from typing import Annotated

import typer

from core.library import Query
from core.library.content import account
from core.library.entries import SORTS
from core.library.lineage import Lineage, lineage
from core.terminal import AsJson, Id, open_library, say, show, whole_number

app = typer.Typer()
OF_A_RUN = {"name", "demo", "kind", "parameters", "score", "score_name", "seconds", "created", "trust"}
COLUMNS = ("artifact", "format", "run", "demo", "bytes", "verdict", "created", "marks", "problem")
Many = list[str] | None


@app.command("list")
def list_(
    search: Annotated[
        str, typer.Argument(help="Words to look for in ids, runs, demos, formats, tags, aliases, notes and hashes.")
    ] = "",
    demo: Annotated[Many, typer.Option(help="Only of these demos.")] = None,
    format: Annotated[Many, typer.Option(help="Only in these formats.")] = None,
    tag: Annotated[Many, typer.Option(help="Only with all of these tags.")] = None,
    verdict: Annotated[Many, typer.Option(help="Only with these verdicts, such as does-not-load.")] = None,
    trust: Annotated[str, typer.Option(help='Only "ours", or only "brought in".')] = "",
    pinned: Annotated[
        bool | None, typer.Option("--pinned/--not-pinned", help="Only what is pinned, or is not.")
    ] = None,
    alias: Annotated[bool | None, typer.Option("--alias/--no-alias", help="Only with an alias, or without.")] = None,
    run: Annotated[str, typer.Option(metavar="RUN", help="Only of this run.")] = "",
    sort: Annotated[str, typer.Option(help=f"By {', '.join(SORTS)}.")] = "created",
    ascending: Annotated[bool, typer.Option("--ascending", help="The smallest or oldest first.")] = False,
    page: Annotated[str | None, typer.Option(help="Which page, from 1.")] = None,
    limit: Annotated[str | None, typer.Option(help="How many on a page; all where it is not given.")] = None,
    runs: Annotated[bool, typer.Option("--runs", help="List runs instead of artifacts.")] = False,
    trash: Annotated[bool, typer.Option("--trash", help="List what can be restored.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the artifacts in the library, newest first."""
    if runs or trash:
        (_runs if runs else _trash)(as_json)
        return
    asked = {"demos": demo, "formats": format, "tags": tag, "verdicts": verdict}
    size = whole_number("limit", limit)
    query = Query(
        search,
        **{name: tuple(values or ()) for name, values in asked.items()},
        trust=trust,
        pinned=pinned,
        alias=alias,
        run=run,
        sort=sort,
        descending=not ascending,
        page=whole_number("page", page) or 1,
        size=50 if size is None and page else size,
    )
    rows = [{"artifact": entry.id, **_without_id(entry)} for entry in open_library().page(query).entries]
    show(rows, as_json, COLUMNS)


def _without_id(entry) -> dict:
    marks = [*entry.aliases, *(f"#{tag}" for tag in entry.tags), *(["pinned"] if entry.pinned else [])]
    more = [entry.trust] if entry.trust == "brought in" else []
    return {name: value for name, value in entry._asdict().items() if name != "id"} | {"marks": " ".join(more + marks)}


def _runs(as_json: bool) -> None:
    found = [{"run": run.id, **run.model_dump(include=OF_A_RUN)} for run in open_library().runs()]
    show(found, as_json, ("run", "name", "demo", "trust", "score_name", "score", "created"))


def _trash(as_json: bool) -> None:
    found = [
        {"artifact": one.entry.id, **_without_id(one.entry), "removed": one.removed} for one in open_library().trashed()
    ]
    show(found, as_json, ("artifact", "format", "run", "demo", "bytes", "removed", "problem"))


@app.command("show")
def show_(id_: Id, as_json: AsJson = False) -> None:
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
    found["marks"] = library.marks(id_).model_dump(mode="json", include={"name", "tags", "note", "pinned"})
    found["marks"] |= {"aliases": sorted(name for name, target in library.aliases().items() if target == id_)}
    if as_json:
        show(found, True)
        return
    for name, value in found.items():
        say(f"{name}: {value if not isinstance(value, dict | list) else json.dumps(value, indent=2)}")


@app.command("bytes")
def bytes_(artifact: Id, as_json: AsJson = False) -> None:
    """Show where the bytes of an artifact go: weights, optimizer state, graph, padding; they add up to its size."""
    library = open_library()
    parts, notes = account(library, artifact)
    rows = [{"artifact": artifact, **part._asdict()} for part in parts]
    if as_json:
        total = library.artifact(artifact).bytes
        show({"artifact": artifact, "bytes": total, "parts": rows, "notes": notes}, True)
        return
    show(rows, False, ("bytes", "group", "name", "where"))
    say("\n".join(notes))


@app.command("lineage")
def lineage_(id_: Id, as_json: AsJson = False) -> None:
    """Show where an artifact comes from, and what was converted from it; of a run, its artifacts."""
    found = lineage(open_library(), id_)
    if as_json:
        show(found.model_dump(mode="json"), True)
        return
    show(list(_steps(found)), False, ("what", "id", "is", "state", "created"))
    if found.problem:
        say(found.problem)


def _steps(found: Lineage):
    if run := found.origin:
        came = f"{run.brought.get('file', 'a file')}, brought in" if run.brought else run.demo or "added from a program"
        yield {"what": "run", "id": run.run, "is": f"{run.name} ({came})", "state": "kept", "created": run.created}
    for what, steps in (("converted from", reversed(found.made_from)), ("made into", found.made_into)):
        for one in steps:
            yield {"what": what, "id": one.artifact, "is": one.format, "state": one.state, "created": one.created}
