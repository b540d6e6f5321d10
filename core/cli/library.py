"""Commands over the library: list, show, bytes, lineage; names, tags, notes, pins, aliases; trash and disk usage."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.console import (
    AsJson,
    Id,
    Ids,
    RunId,
    Strings,
    TableRow,
    name_losses,
    open_library,
    parse_whole_number,
    print_result,
    print_text,
)
from core.cli.summary import describe_artifact, describe_run, print_copies, print_facts
from core.errors import InputError, error_from_json
from core.library import Entry, Library, Query
from core.library.lineage import Lineage, trace_lineage
from core.library.listing import find_same_content
from core.library.records import SORT_ORDERS
from core.library.trash_folder import measure_disk_usage
from core.settings import get_settings
from core.text.numbers import format_size
from core.text.verdicts import verdict_label

if TYPE_CHECKING:
    from core.compatibility.losses import LossJson

app = typer.Typer(rich_markup_mode=None)
RUN_FIELDS = {"name", "demo", "kind", "parameters", "score", "score_name", "seconds", "created", "trust"}
ARTIFACT_COLUMNS = ("artifact", "format", "run", "demo", "bytes", "verdict", "losses", "created", "marks", "problem")
WORD_BY_TRUST = {"ours": "ours", "brought in": "imported"}
TRUST_BY_WORD = {word: trust for trust, word in WORD_BY_TRUST.items()}
ANNOTATION_FIELDS = {"name", "tags", "note", "pinned"}


@app.command("list")
def list_(
    search: Annotated[
        str, typer.Argument(help="Words to look for in ids, runs, demos, formats, tags, aliases, notes and hashes.")
    ] = "",
    demo: Annotated[Strings, typer.Option(help="Only of these demos.")] = None,
    format: Annotated[Strings, typer.Option(help="Only in these formats.")] = None,
    tag: Annotated[Strings, typer.Option(help="Only with all of these tags.")] = None,
    verdict: Annotated[Strings, typer.Option(help="Only with these verdicts, such as does-not-load.")] = None,
    trust: Annotated[str, typer.Option(metavar="ours|imported", help="Only what was made here, or only imports.")] = "",
    pinned: Annotated[
        bool | None, typer.Option("--pinned/--not-pinned", help="Only what is pinned, or is not.")
    ] = None,
    alias: Annotated[bool | None, typer.Option("--alias/--no-alias", help="Only with an alias, or without.")] = None,
    run: Annotated[str, typer.Option(metavar="RUN", help="Only of this run.")] = "",
    sort: Annotated[str, typer.Option(help=f"By {', '.join(SORT_ORDERS)}.")] = "created",
    ascending: Annotated[bool, typer.Option("--ascending", help="The smallest or oldest first.")] = False,
    page: Annotated[str | None, typer.Option(help="Which page, from 1.")] = None,
    limit: Annotated[str | None, typer.Option(help="How many on a page; all where it is not given.")] = None,
    runs: Annotated[bool, typer.Option("--runs", help="List runs instead of artifacts.")] = False,
    trash: Annotated[bool, typer.Option("--trash", help="List what can be restored.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the artifacts in the library, newest first."""
    if runs or trash:
        (_print_runs if runs else _print_trash)(as_json)
        return
    size = parse_whole_number("limit", limit)
    query = Query(
        search,
        demos=tuple(demo or ()),
        formats=tuple(format or ()),
        tags=tuple(tag or ()),
        verdicts=tuple(verdict or ()),
        trust=_parse_trust(trust),
        pinned=pinned,
        alias=alias,
        run=run,
        sort=sort,
        descending=not ascending,
        page=parse_whole_number("page", page) or 1,
        size=50 if size is None and page else size,
    )
    library = open_library()
    entries = library.page(query).entries
    rows = [_artifact_row(entry) | {"losses": _losses_of(library, entry.id)} for entry in entries]
    print_result(rows if as_json else name_losses(rows), as_json, ARTIFACT_COLUMNS)


def _losses_of(library: Library, artifact_id: str) -> list["LossJson"]:
    from core.compatibility.losses import find_losses, losses_to_json  # takes longer to import than all else here

    return losses_to_json(find_losses(library, artifact_id))


def _parse_trust(text: str) -> str:
    """Where a model comes from, as records say it; their own word is taken too. Raises InputError."""
    if text not in ("", *TRUST_BY_WORD, *WORD_BY_TRUST):
        sentence = "The option --trust takes where a model comes from."
        raise InputError(sentence, received=text, cure=f"Choose from {', '.join(TRUST_BY_WORD)}.")
    return TRUST_BY_WORD.get(text, text)


def _artifact_row(entry: Entry) -> TableRow:
    marks = [*entry.aliases, *(f"#{tag}" for tag in entry.tags), *(["pinned"] if entry.pinned else [])]
    imported = [WORD_BY_TRUST[entry.trust]] if entry.trust == "brought in" else []
    fields = entry._asdict()
    return {"artifact": fields.pop("id"), **fields, "marks": " ".join(imported + marks)}


def _print_runs(as_json: bool) -> None:
    rows = [{"run": run.id, **run.model_dump(include=RUN_FIELDS)} for run in open_library().runs()]
    rows = rows if as_json else [row | {"trust": WORD_BY_TRUST[row["trust"]]} for row in rows]
    print_result(rows, as_json, ("run", "name", "demo", "trust", "score_name", "score", "created"))


def _print_trash(as_json: bool) -> None:
    rows = [_artifact_row(item.entry) | {"removed": item.removed_at} for item in open_library().trashed_entries()]
    print_result(rows, as_json, ("artifact", "format", "run", "demo", "bytes", "removed", "problem"))


@app.command("show")
def show_(id_: Id, as_json: AsJson = False) -> None:
    """Show what tells a run or an artifact from others, and what came back of it; with --json all of its record."""
    library = open_library()
    if as_json:
        print_result(_record_facts(library, id_), True)
        return
    notes, aliases = library.annotations(id_), _list_aliases(library, id_)
    if id_.startswith("r"):
        print_facts(describe_run(library.run(id_), notes, aliases))
        entries = library.page(Query(run=id_, size=None)).entries
        print_copies(name_losses(_artifact_row(entry) | {"losses": _losses_of(library, entry.id)} for entry in entries))
        return
    best = library.evidence(id_).best
    verdict = verdict_label(best.verdict, best.changed_rows, best.rows, best.error)
    print_facts(describe_artifact(library.artifact(id_), verdict, notes, aliases))
    if best.error:
        print_text(str(error_from_json(best.error)))
    for loss in _losses_of(library, id_):
        print_text(f"- {loss['label']}: {loss['words']}")


def _list_aliases(library: Library, id_: str) -> list[str]:
    return sorted(name for name, target in library.aliases().items() if target == id_)


def _record_facts(library: Library, id_: str) -> dict[str, Any]:
    """The record of a run, or of an artifact with its evidence, and their annotations."""
    if id_.startswith("r"):
        facts = {"run": id_, **library.run(id_).model_dump(mode="json", by_alias=True, exclude={"id"})}
    else:
        record, evidence = library.artifact(id_), library.evidence(id_)
        facts = {"artifact": id_, "bytes": record.bytes, "verdict": evidence.best.verdict.value}
        facts["losses"] = _losses_of(library, id_)
        facts |= {"other_versions": record.version_changes} if record.version_changes else {}
        facts |= record.model_dump(mode="json", by_alias=True, exclude={"id"})
        facts["same_content"] = find_same_content(library, record.content, id_)
        facts |= {"evidence": evidence.model_dump(mode="json", by_alias=True)}
    marks = library.annotations(id_).model_dump(mode="json", include=ANNOTATION_FIELDS)
    return facts | {"marks": marks | {"aliases": _list_aliases(library, id_)}}


@app.command("lineage")
def lineage_(id_: Id, as_json: AsJson = False) -> None:
    """Show where an artifact comes from, and what was converted from it; of a run, its artifacts."""
    lineage = trace_lineage(open_library(), id_)
    if as_json:
        print_result(lineage.model_dump(mode="json"), True)
        return
    print_result(list(_lineage_rows(lineage)), False, ("what", "id", "is", "state", "created"))
    if lineage.problem:
        print_text(lineage.problem)


def _lineage_rows(lineage: Lineage) -> Iterator[dict[str, Any]]:
    if run := lineage.origin:
        origin = f"{run.brought.get('file', 'a file')}, imported" if run.brought else run.demo
        text = f"{run.name} ({origin or 'added from a program'})"
        yield {"what": "run", "id": run.run, "is": text, "state": "kept", "created": run.created}
    steps = [("converted from", step) for step in reversed(lineage.made_from)]
    steps += [("made into", step) for step in lineage.made_into]
    for relation, step in steps:
        yield {"what": relation, "id": step.artifact, "is": step.format, "state": step.state, "created": step.created}


Tags = Annotated[list[str], typer.Option("--tag", help="The tag (repeatable).")]


@app.command()
def rename(
    run: RunId,
    name: Annotated[str, typer.Argument(help="The new name; empty: its first one.")],
    as_json: AsJson = False,
) -> None:
    """Give a run another name."""
    open_library().annotate(run, name=name)
    _print_annotations([run], as_json)


@app.command()
def tag(ids: Ids, tags: Tags, as_json: AsJson = False) -> None:
    """Add tags to runs or artifacts."""
    open_library().tag(ids, add=tags)
    _print_annotations(ids, as_json)


@app.command()
def untag(ids: Ids, tags: Tags, as_json: AsJson = False) -> None:
    """Take tags off runs or artifacts."""
    open_library().tag(ids, drop=tags)
    _print_annotations(ids, as_json)


@app.command()
def note(id_: Id, text: Annotated[str, typer.Argument(help="The note; empty: none.")], as_json: AsJson = False) -> None:
    """Write the note of a run or an artifact, in place of the one it has."""
    open_library().annotate(id_, note=text)
    _print_annotations([id_], as_json)


@app.command()
def pin(ids: Ids, as_json: AsJson = False) -> None:
    """Pin runs or artifacts: they cannot be removed until they are unpinned."""
    _set_pinned(ids, True, as_json)


@app.command()
def unpin(ids: Ids, as_json: AsJson = False) -> None:
    """Unpin runs or artifacts."""
    _set_pinned(ids, False, as_json)


def _set_pinned(ids: list[str], pinned: bool, as_json: bool) -> None:
    library = open_library()
    for id_ in ids:
        library.annotate(id_, pinned=pinned)
    _print_annotations(ids, as_json)


@app.command()
def alias(
    name: Annotated[str, typer.Argument(help="The alias; without one, all are listed.")] = "",
    artifact: Annotated[str, typer.Argument(metavar="ID", help="The artifact that it points to.")] = "",
    drop: Annotated[bool, typer.Option("--drop", help="Forget the alias.")] = False,
    history: Annotated[bool, typer.Option("--history", help="Where it pointed from when on, and who set it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Point an alias to an artifact, or list the aliases."""
    library = open_library()
    if history:
        changes = [change.model_dump() for change in library.alias_history(name)]
        print_result(changes, as_json, ("alias", "artifact", "before", "created", "set_by"))
        return
    if drop:
        rows = [{"alias": name, "artifact": None, "before": library.drop_alias(name)}]
    elif artifact:
        target = library.resolve(artifact)
        rows = [{"alias": name, "artifact": target, "before": library.set_alias(name, target)}]
    else:
        rows = [{"alias": key, "artifact": id_} for key, id_ in library.aliases().items() if name in ("", key)]
        if name and not rows:
            raise InputError("There is no such alias.", received=name, cure="Name an artifact for it to point to.")
    print_result(rows, as_json, ("alias", "artifact", *(("before",) if drop or artifact else ())))


def _print_annotations(ids: list[str], as_json: bool) -> None:
    """The annotations of these runs or artifacts as they are now."""
    library = open_library()
    rows = [{"id": id_, **library.annotations(id_).model_dump(include=ANNOTATION_FIELDS)} for id_ in ids]
    if not as_json:
        rows = [row | {"tags": " ".join(row["tags"]), "note": " ".join(row["note"].split())[:60]} for row in rows]
    print_result(rows, as_json, ("id", "name", "tags", "pinned", "note"))


@app.command()
def remove(ids: Ids, as_json: AsJson = False) -> None:
    """Move artifacts, or runs with all of their artifacts, into the trash: all of them or none."""
    print_result([{"removed": moved} for moved in open_library().remove_all(ids)], as_json, ("removed",))


@app.command()
def restore(
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Ids, as `roundtrip list --trash` prints them.")],
    as_json: AsJson = False,
) -> None:
    """Bring entries back from the trash."""
    library = open_library()
    print_result([{"restored": moved} for id_ in ids for moved in library.restore(id_)], as_json, ("restored",))


@app.command("empty-trash")
def empty_trash(
    older_than: Annotated[
        str | None, typer.Option(metavar="DAYS", help="What was removed so many days ago or earlier.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Everything that is not pinned.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete for good what has lain in the trash for ROUNDTRIP_TRASH_DAYS (30); never what is pinned."""
    days = parse_whole_number("older-than", older_than)
    if all_ and days is not None:
        raise InputError("Either --all or --older-than says what goes, not both.", cure="Leave one of them out.")
    if days is None and not all_ and not get_settings().trash_days:
        raise InputError("The trash is never emptied by itself here.", cure="Give --older-than DAYS, or --all.")
    days = 0 if all_ else get_settings().trash_days if days is None else days
    print_result([{"deleted": id_} for id_ in open_library().empty_trash(days)], as_json, ("deleted",))


@app.command()
def space(as_json: AsJson = False) -> None:
    """Show how much of the disk the library takes, by what takes it."""
    usage = measure_disk_usage(open_library().home)
    parts = usage._asdict() | {"total": usage.total}
    if as_json:
        print_result(parts, True)
        return
    rows = [{"what": name, "size": format_size(count), "bytes": count} for name, count in parts.items()]
    print_result(rows, False, ("what", "size", "bytes"))
