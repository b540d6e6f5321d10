"""Where the code that an artifact lacks may come from."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from core.errors import InputError
from core.formats import get_format
from core.formats.contract import Arrays
from core.library import Entry, Library, Query
from core.library.entries import ID
from core.library.records import Artifact, Run
from core.worker.snapshot import demo_of, of_signature, without_code

ARCHITECTURE = "architecture"  # the key of the format
OFFERED = 50  # architectures of the run, of its demo, and of any


class Choice(NamedTuple):
    """One place where an artifact's code may come from: "none", "demo", or the id of an architecture artifact."""

    key: str
    words: str


def choices(library: Library, artifact_id: str) -> list[Choice]:
    """Where the code of an artifact may come from; the one that it needs is first."""
    artifact = library.artifact(artifact_id)
    run = library.run(artifact.run)
    evidence = library.evidence(artifact_id)
    # Weights that were brought in with their architecture beside them are whole.
    half = get_format(artifact.format).needs_architecture and not evidence.without_code.loads
    needs = evidence.needs_code or half
    demo = [Choice("demo", "the demo's own code")] if demo_of(run.source) else []
    files = [Choice(one.id, _words(one, run)) for one in _architectures(library, run)] if half else []
    none = [Choice("none", "none: load it as it is")]
    halves = demo + files
    return halves + none if needs else none + halves


def _architectures(library: Library, run: Run) -> list[Entry]:
    """Those of the run itself, then of its demo, then of any; of each the newest. More than are offered can be asked
    for by their id (see `resolve_sources`)."""
    asked = Query(formats=(ARCHITECTURE,), size=OFFERED)
    near = (replace(asked, run=run.id), replace(asked, demos=(run.demo or "",)), asked)
    found = {one.id: one for query in near for one in library.page(query).entries if one.problem is None}
    return list(found.values())


def _words(architecture: Entry, run: Run) -> str:
    """Which architecture this is, and whether it is the run's own."""
    whose = "this run" if architecture.run == run.id else f"another run: {architecture.run_name}"
    return f"architecture {architecture.id} of {whose}"


def require_run(library: Library, ids: Iterable[str]) -> None:
    """Raises InputError where a file from outside, an artifact's or a run's, was only kept: it has no answers yet."""
    for id_ in ids:
        run = library.run(id_ if id_.startswith("r") else library.artifact(id_).run)
        if not run.was_run:
            raise InputError(
                "This file was brought in and kept, and nothing has run it yet, so it has no answers.",
                received=run.name,
                cure="Look at it on the Library page and choose “Run it now”, or run `python -m core import` with the "
                f"artifact's id, {run.brought['artifact']}.",
            )


def resolve_sources(library: Library, ids: Iterable[str], asked: dict[str, str]) -> dict[str, str]:
    """The key of the choice for each artifact: what was asked, else what it needs. A run's live model lacks no code.

    Raises InputError when something else was asked, and of what was never run, UnknownName for an unknown artifact.
    """
    resolved, ids = {}, list(ids)
    require_run(library, ids)
    for id_ in dict.fromkeys(one for one in ids if one.startswith("a")):
        offered = [choice.key for choice in choices(library, id_)]
        resolved[id_] = asked.get(id_, offered[0])
        if resolved[id_] not in offered and not _may_give(library, resolved[id_], offered):
            raise InputError(
                f"The architecture of {id_} cannot come from there.",
                received=resolved[id_],
                cure=f"Choose from {', '.join(offered)}.",
            )
    return resolved


def _may_give(library: Library, asked: str, offered: list[str]) -> bool:
    """Whether a copy that takes an architecture of another may take this one, which was not offered among others."""
    takes = any(ID.fullmatch(one) for one in offered)
    return takes and bool(ID.fullmatch(asked)) and library.artifact(asked).format == ARCHITECTURE


def require_same_inputs(library: Library, artifacts: list[str]) -> None:
    """Raises InputError when not all of the artifacts take inputs of the same dtypes and shapes, whatever their names.

    A run that says nothing of its inputs (a subclassed model) is given the benefit of the doubt.
    """
    runs = [library.run(library.artifact(id_).run) for id_ in artifacts]
    asked = {
        run.name: sorted((one["dtype"], str(one["shape"][1:])) for one in run.inputs) for run in runs if run.inputs
    }
    if len(set(map(str, asked.values()))) > 1:
        raise InputError(
            "These artifacts are of models that take different inputs, so they cannot be asked the same questions.",
            received=" and ".join(asked),
            cure="Compare copies of one run, or of runs on the same data.",
        )


def source_of(library: Library, run: Run, key: str, artifact: Artifact) -> dict[str, Any] | None:
    """What a child is given to make the code of an artifact from (see `core.worker.snapshot.code_from`), by the key of
    a choice; also which signature of its files answers, where a person chose one."""
    source = of_signature(run.source, artifact.options.get("signature", ""))
    if key == "none":
        return without_code(source)
    if key == "demo":
        return source
    return source | {"architecture": library.files(key)}


def from_outside(library: Library, run: Run, source: str = "none") -> bool:
    """Whether a run's files, or those that give them their architecture, came from outside: then only a confined child
    may load them."""
    given = library.artifact(source).trust if source not in ("none", "demo") else "ours"
    return "brought in" in (run.trust, given)


def renamed_inputs(library: Library, id_: str, given: Iterable[str]) -> dict[str, str]:
    """How an artifact calls the inputs that its run calls `given`, as its evidence found out; empty for a live model,
    and where the inputs go by other names than the run's."""
    if id_.startswith("r"):
        return {}
    pairs = {pair["reference"]: pair["answer"] for pair in library.evidence(id_).best.input_pairs}
    return pairs if pairs.keys() == set(given) else {}


def renamed(arrays: Arrays, names: Mapping[str, str]) -> Arrays:
    """Arrays under other names, where there are others for them."""
    return {names.get(name, name): array for name, array in arrays.items()}
