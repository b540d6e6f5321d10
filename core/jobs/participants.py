"""Participants of a job (artifacts, or runs for their live models): names, the code they need, how they are loaded.

The code that an artifact lacks comes from the demo, the snapshot of its run, or an architecture artifact. The inputs
and outputs of a loaded participant are matched with those of a reference.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, TypedDict, TypeVar

from core.arrays import Arrays
from core.compare import match_outputs
from core.compatibility.losses import list_silent_losses
from core.context import AppContext
from core.errors import InputError, LibraryError, cleanup_on_error
from core.formats import get_format
from core.jobs.places.place import entry_of, place_of
from core.library import Entry, Library, Query
from core.library.entry_names import name_entry
from core.library.ids import ID_PATTERN
from core.library.records import BUILT_IN_SOURCES, Run
from core.runtimes.base import BATCH_SIZE
from core.runtimes.reference import Reference
from core.text.labels import live_model_phrase, short_labels
from core.worker.child_handle import CancelCheck, Child, never_cancelled
from core.worker.model_loading import demo_of_source, source_with_signature, source_with_snapshot, source_without_code
from core.worker.remote_predictor import RemotePredictor, load_in_child
from core.worker.tasks.resume import ArtifactCopy, RunSnapshot


def run_id_of(context: AppContext, id_: str) -> str:
    """Return the id of the run that a participant belongs to. Raises UnknownName."""
    entry = entry_of(id_)
    return entry if entry.startswith("r") else context.library.artifact(entry).run


def require_has_been_run(library: Library, ids: Iterable[str]) -> None:
    """Raise InputError where an imported file, an artifact's or a run's, was only stored: it has no predictions yet."""
    runs = dict.fromkeys(id_ if id_.startswith("r") else library.artifact(id_).run for id_ in ids)
    for run in map(library.run, runs):
        if not run.has_been_run:
            raise InputError(
                "This file was imported and kept, and nothing has run it yet, so it has no answers.",
                received=run.name,
                cure="Look at it on the Library page and choose “Run it now”, or run `roundtrip import` with the "
                f"artifact's id, {run.brought['artifact']}.",
            )


def rows_together(runs: Iterable[Run]) -> int:
    """How many rows participants are asked together: as each file from outside had the time for at first."""
    return min(BATCH_SIZE, *(int(run.brought.get("asked", {}).get("rows", BATCH_SIZE)) for run in runs))


def require_same_inputs(library: Library, artifacts: list[str]) -> None:
    """Raise InputError unless all artifacts take inputs of the same dtypes and shapes, whatever their names.

    A run that says nothing of its inputs (a subclassed model) is given the benefit of the doubt.
    """
    runs = [library.run(library.artifact(id_).run) for id_ in artifacts]
    specs = {
        run.name: sorted((spec["dtype"], str(spec["shape"][1:])) for spec in run.inputs) for run in runs if run.inputs
    }
    if len(set(map(str, specs.values()))) > 1:
        raise InputError(
            "These artifacts are of models that take different inputs, so they cannot be asked the same questions.",
            received=" and ".join(specs),
            cure="Compare copies of one run, or of runs on the same data.",
        )


def is_imported(library: Library, run: Run, source: str = "none") -> bool:
    """Whether a run's files, or those of their architecture, are imported: only a sandboxed child may load these."""
    source_trust = library.artifact(source).trust if source not in BUILT_IN_SOURCES else "ours"
    return "brought in" in (run.trust, source_trust)


def snapshot_request(library: Library, run: Run) -> RunSnapshot:
    """What a child needs to load a run's live model, with a Path that the worker shares."""
    return {"source": run.code_source, "kind": run.kind, "snapshot": library.snapshot(run.id)}


def artifact_request(library: Library, artifact_id: str, source_key: str) -> ArtifactCopy:
    """What a child needs to load an artifact with the code of a `CodeSource`, with a Path that the worker shares.

    Raises Damaged and UnknownName.
    """
    artifact = library.artifact(artifact_id)
    # Of an imported model's copy another signature may answer than of the file itself.
    run = library.run(artifact.run)
    source = source_with_signature(run.code_source, artifact.options.get("signature", ""))
    code = source_without_code(source) if source_key == "none" else source
    if source_key == "snapshot":
        code = source_with_snapshot(source, run.kind, library.snapshot(run.id))
    elif source_key not in BUILT_IN_SOURCES:
        code = {**source, "architecture": library.verified_folder(source_key)}
    return {"source": code, "format": artifact.format, "folder": library.verified_folder(artifact_id)}


def load_participant(
    context: AppContext,
    id_: str,
    source: str = "none",
    first_row: Arrays | None = None,
    cancelled: CancelCheck = never_cancelled,
    variables: bool = False,
    child: Child | None = None,
) -> RemotePredictor:
    """Load an artifact, or a run's live model, in a fresh child, after its files are verified.

    Args:
        id_: of an artifact, or of a run for its live model.
        source: the key of a `CodeSource`.
        first_row: a row that is predicted at once, by input name.
        variables: whether an artifact's weights are fingerprinted.
        child: one that is open, to be taken instead, where it may be (see `core.jobs.comparison.shared_children`).

    Raises what `load_in_child` raises, Damaged and UnknownName.
    """
    run = context.library.run(run_id_of(context, id_))
    request: dict[str, Any] = {"arrays": first_row or {}, "sandboxed": is_imported(context.library, run, source)}
    if id_ == run.id:
        request |= snapshot_request(context.library, run)
    else:
        request |= artifact_request(context.library, id_, source) | {"variables": variables}
    seconds = context.config.child_seconds
    return load_in_child(context.worker, seconds=seconds, cancelled=cancelled, child=child, **request)


class Closable(Protocol):
    def close(self) -> None: ...


Side = TypeVar("Side", bound=Closable)


@contextlib.contextmanager
def loaded_together(loads: Iterable[Callable[[], Side]]) -> Iterator[list[Side]]:
    """Load several models at the same time; all are closed at the end, also where one of them does not load."""
    with contextlib.ExitStack() as stack:
        with ThreadPoolExecutor() as pool:
            futures = [pool.submit(load) for load in loads]
        for future in futures:
            if future.exception() is None:
                stack.callback(future.result().close)
        yield [future.result() for future in futures]


def participant_name(library: Library, id_: str) -> str:
    """Return the name of an artifact or a run in a sentence."""
    if id_.startswith("r"):
        return live_model_phrase(library.run_names().get(id_, id_), library.run(id_))
    return name_entry(library, id_)


def participant_labels(library: Library, ids: Iterable[str]) -> list[str]:
    """Return the names of artifacts and runs without their ids; equal ones are numbered."""
    ids, runs = list(ids), library.run_names()
    entries = {id_: library.artifact(id_) for id_ in ids if id_.startswith("a")}
    labels = short_labels(entries, entries)
    return [labels.get(id_) or live_model_phrase(runs.get(id_, id_), library.run(id_)) for id_ in ids]


def find_silent_losses(library: Library, artifact_id: str) -> list[str]:
    """What an artifact lost that its answers do not show (see `list_silent_losses`); nothing where none is known, as of
    a copy at a place."""
    if place_of(artifact_id):
        return []
    try:
        artifact = library.artifact(artifact_id)
        return list_silent_losses(library.run(artifact.run), artifact, library.evidence(artifact_id))
    except LibraryError:
        return []


class CallFacts(TypedDict, total=False):
    """How a copy is called, as its evidence has it (see `ReloadOutcome`); nothing where that is not known."""

    alone: float | None
    places: dict[str, list[str]]


def find_call_facts(library: Library, artifact_id: str) -> CallFacts:
    if place_of(artifact_id):
        return {}
    try:
        best = library.evidence(artifact_id).best
    except LibraryError:
        return {}
    return {"alone": best.alone, "places": best.places}


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
    page = library.page(every)
    entries = page.entries
    if page.has_more or page.total > len(entries):
        queries = (replace(every, run=run.id), replace(every, demos=(run.demo or "",)))
        entries = [*(entry for query in queries for entry in library.page(query).entries), *entries]
    readable = {entry.id: entry for entry in entries if entry.problem is None}
    return sorted(readable.values(), key=lambda entry: (entry.run != run.id, entry.demo != (run.demo or "")))


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
    described = "this run" if owner.id == run.id else f"another run: {owner.name}"
    return f"architecture {key} of {described}"


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
            raise InputError(
                f"The architecture of {name_entry(library, id_)} cannot come from there.", received=key, cure=cure
            )
    return resolved


def _is_allowed_architecture(library: Library, requested: str, offered: list[str]) -> bool:
    """Whether an artifact that takes any architecture artifact may take this one, which was not offered."""
    takes_artifacts = any(map(ID_PATTERN.fullmatch, offered))
    is_id = takes_artifacts and bool(ID_PATTERN.fullmatch(requested))
    return is_id and library.artifact(requested).format == ARCHITECTURE_FORMAT


def map_input_names(library: Library, id_: str, run_names: Iterable[str]) -> dict[str, str]:
    """How an artifact calls the inputs of its run, by the run's names, as its evidence found out.

    Empty for a live model, and where the inputs go by other names than the run's.
    """
    if id_.startswith("r"):
        return {}
    pairs = {pair["reference"]: pair["answer"] for pair in library.evidence(id_).best.input_pairs}
    return pairs if pairs.keys() == set(run_names) else {}


def rename_arrays(arrays: Arrays, names: Mapping[str, str]) -> Arrays:
    """Return arrays under other names, where there are others for them."""
    return {names.get(name, name): array for name, array in arrays.items()}


class AlignedPredictor:
    """A loaded participant that takes inputs by the names of a reference and predicts outputs by its names, in its
    order. Which of its own these are (`output_names`, by the reference's) is found out on rows of the reference, when
    it is loaded."""

    def __init__(self, predictor: RemotePredictor, input_names: dict[str, str], output_names: dict[str, str]):
        self.predictor, self._input_names, self.output_names = predictor, input_names, output_names

    @classmethod
    def load(
        cls, context: AppContext, id_: str, source: str, reference: Reference, cancelled: CancelCheck = never_cancelled
    ) -> "AlignedPredictor":
        """Load a participant, and match its outputs on the rows of `reference`. Raises as `load_participant`."""
        names = map_input_names(context.library, id_, reference.inputs)
        predictor = load_participant(context, id_, source, cancelled=cancelled)
        with cleanup_on_error(predictor.close):
            predictions, _ = predictor.predict(rename_arrays(reference.inputs, names), cancelled=cancelled)
            own = {pair.reference: pair.answer for pair in match_outputs(reference.predictions, predictions)}
            return cls(predictor, names, {name: own[name] for name in reference.predictions})

    def predict(self, inputs: Arrays, *, batch: int = BATCH_SIZE, cancelled: CancelCheck = never_cancelled) -> Arrays:
        """Predict all rows, `batch` at a time; an output that is missing this time is left out."""
        inputs = rename_arrays(inputs, self._input_names)
        predictions, _ = self.predictor.predict(inputs, batch=batch, cancelled=cancelled)
        return {name: predictions[own] for name, own in self.output_names.items() if own in predictions}

    def close(self) -> None:
        self.predictor.close()
