"""Where the code that an artifact lacks comes from: the demo, the snapshot of its run, or an architecture artifact."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from core.errors import InputError
from core.formats import get_format
from core.jobs.participants import require_has_been_run
from core.library import Entry, Library, Query
from core.library.ids import ID_PATTERN
from core.library.records import Run
from core.worker.model_loading import demo_of_source

ARCHITECTURE_FORMAT = "architecture"  # the key of the format
SNAPSHOT_KINDS = ("keras", "module")  # of which there are halves
MAX_ARCHITECTURES = 50  # architectures that are offered of the run, of its demo, and of any


class CodeSource(NamedTuple):
    """A place where an artifact's code may come from: "none", "demo", "snapshot" (of its own run), or the id of an
    architecture artifact."""

    key: str
    label: str


NO_SOURCE = CodeSource("none", "none: load it as it is")
DEMO_SOURCE = CodeSource("demo", "the demo's own code")
SNAPSHOT_SOURCE = CodeSource("snapshot", "the snapshot of this run: its layers and vocabularies, without its numbers")


def list_code_sources(library: Library, artifact_id: str) -> list[CodeSource]:
    """List where the code of an artifact may come from; the source that it is given by default is first.

    That is never the architecture of another run: whether it fits is for a person to say.
    """
    artifact = library.artifact(artifact_id)
    run = library.run(artifact.run)
    evidence = library.evidence(artifact_id)
    own = [DEMO_SOURCE] if demo_of_source(run.code_source) else []
    # Weights that were imported with their architecture beside them are whole.
    if not get_format(artifact.format).needs_architecture or evidence.without_code.has_loaded:
        return [*own, NO_SOURCE] if evidence.needs_code else [NO_SOURCE, *own]
    halves = _list_architectures(library, run)
    own += _sort_own_halves(run, [half for half in halves if half.run == run.id])
    others = [_architecture_source(half, run) for half in halves if half.run != run.id]
    return [*own, *others, NO_SOURCE] if own else [NO_SOURCE, *others]


def _sort_own_halves(run: Run, architectures: list[Entry]) -> list[CodeSource]:
    """A run's architectures, then its snapshot; that first where the model has vocabularies, which no JSON holds."""
    has_snapshot = run.has_been_run and run.kind in SNAPSHOT_KINDS and not demo_of_source(run.code_source)
    snapshot = [SNAPSHOT_SOURCE] if has_snapshot else []
    written = [_architecture_source(entry, run) for entry in architectures]
    return [*snapshot, *written] if run.traits.get("vocabularies") else [*written, *snapshot]


def _list_architectures(library: Library, run: Run) -> list[Entry]:
    """Those of the run itself, then of its demo, then of any; of each the newest. `resolve_code_sources` takes the id
    of any other too."""
    every = Query(formats=(ARCHITECTURE_FORMAT,), size=MAX_ARCHITECTURES)
    queries = (replace(every, run=run.id), replace(every, demos=(run.demo or "",)), every)
    entries = (entry for query in queries for entry in library.page(query).entries if entry.problem is None)
    return list({entry.id: entry for entry in entries}.values())


def _architecture_source(architecture: Entry, run: Run) -> CodeSource:
    owner = "this run" if architecture.run == run.id else f"another run: {architecture.run_name}"
    return CodeSource(architecture.id, f"architecture {architecture.id} of {owner}")


def describe_code_source(library: Library, artifact_id: str, key: str) -> str:
    """Say where the code of a copy came from, as results record it; empty where it was given none."""
    if key == NO_SOURCE.key:
        return ""
    if key in (DEMO_SOURCE.key, SNAPSHOT_SOURCE.key):
        return next(source.label for source in (DEMO_SOURCE, SNAPSHOT_SOURCE) if source.key == key)
    run, owner = library.run(library.artifact(artifact_id).run), library.run(library.artifact(key).run)
    whose = "this run" if owner.id == run.id else f"another run: {owner.name}"
    return f"architecture {key} of {whose}"


def resolve_code_sources(library: Library, ids: Iterable[str], requested: Mapping[str, str]) -> dict[str, str]:
    """Return the key of the code source of each artifact: as requested, else what it needs. Live models lack no code.

    Raises InputError where a source is not to be had, and of what was never run, UnknownName for an unknown artifact.
    """
    resolved: dict[str, str] = {}
    require_has_been_run(library, ids := list(ids))
    for id_ in dict.fromkeys(id_ for id_ in ids if id_.startswith("a")):
        offered = [source.key for source in list_code_sources(library, id_)]
        key = resolved[id_] = requested.get(id_, offered[0])
        if key not in offered and not _is_allowed_architecture(library, key, offered):
            cure = f"Choose from {', '.join(offered)}."
            raise InputError(f"The architecture of {id_} cannot come from there.", received=key, cure=cure)
    return resolved


def _is_allowed_architecture(library: Library, requested: str, offered: list[str]) -> bool:
    """Whether an artifact that takes any architecture artifact may take this one, which was not offered."""
    takes_artifacts = any(map(ID_PATTERN.fullmatch, offered))
    is_id = takes_artifacts and bool(ID_PATTERN.fullmatch(requested))
    return is_id and library.artifact(requested).format == ARCHITECTURE_FORMAT
