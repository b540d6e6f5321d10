"""Open an artifact or live model with the code it needs.

Where the code that an artifact lacks may come from.

Whoever can be asked: an artifact, or the live model of a run, opened in a child of its own.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from core.arrays import Arrays
from core.compare import match_outputs
from core.context import AppContext
from core.errors import InputError, cleanup_on_error
from core.formats import get_format
from core.library import Entry, Library, Query
from core.library.records import ID_PATTERN, Artifact, Run
from core.runtimes.base import ModelSource
from core.runtimes.reference import BATCH_SIZE, Reference
from core.worker.model_loading import demo_of_source, source_with_signature, source_without_code
from core.worker.remote_predictor import RemotePredictor, load_in_child

ARCHITECTURE_FORMAT = "architecture"  # the key of the format
MAX_ARCHITECTURES = 50  # architectures of the run, of its demo, and of any


class CodeSource(NamedTuple):
    """One place where an artifact's code may come from: "none", "demo", or the id of an architecture artifact."""

    key: str
    label: str


def list_code_sources(library: Library, artifact_id: str) -> list[CodeSource]:
    """Where the code of an artifact may come from; the one that it needs is first."""
    artifact = library.artifact(artifact_id)
    run = library.run(artifact.run)
    evidence = library.evidence(artifact_id)
    # Weights that were brought in with their architecture beside them are whole.
    half = get_format(artifact.format).needs_architecture and not evidence.without_code.has_loaded
    needs = evidence.needs_code or half
    demo = [CodeSource("demo", "the demo's own code")] if demo_of_source(run.code_source) else []
    files = (
        [CodeSource(one.id, _architecture_label(one, run)) for one in _list_architectures(library, run)] if half else []
    )
    none = [CodeSource("none", "none: load it as it is")]
    halves = demo + files
    return halves + none if needs else none + halves


def _list_architectures(library: Library, run: Run) -> list[Entry]:
    """Those of the run itself, then of its demo, then of any; of each the newest. More than are offered can be asked
    for by their id (see `resolve_sources`)."""
    asked = Query(formats=(ARCHITECTURE_FORMAT,), size=MAX_ARCHITECTURES)
    near = (replace(asked, run=run.id), replace(asked, demos=(run.demo or "",)), asked)
    found = {one.id: one for query in near for one in library.page(query).entries if one.problem is None}
    return list(found.values())


def _architecture_label(architecture: Entry, run: Run) -> str:
    """Which architecture this is, and whether it is the run's own."""
    whose = "this run" if architecture.run == run.id else f"another run: {architecture.run_name}"
    return f"architecture {architecture.id} of {whose}"


def require_has_been_run(library: Library, ids: Iterable[str]) -> None:
    """Raises InputError where a file from outside, an artifact's or a run's, was only kept: it has no answers yet."""
    for id_ in ids:
        run = library.run(id_ if id_.startswith("r") else library.artifact(id_).run)
        if not run.has_been_run:
            raise InputError(
                "This file was brought in and kept, and nothing has run it yet, so it has no answers.",
                received=run.name,
                cure="Look at it on the Library page and choose “Run it now”, or run `roundtrip import` with the "
                f"artifact's id, {run.brought['artifact']}.",
            )


def resolve_code_sources(library: Library, ids: Iterable[str], requested: dict[str, str]) -> dict[str, str]:
    """The key of the choice for each artifact: what was asked, else what it needs. A run's live model lacks no code.

    Raises InputError when something else was asked, and of what was never run, UnknownName for an unknown artifact.
    """
    resolved, ids = {}, list(ids)
    require_has_been_run(library, ids)
    for id_ in dict.fromkeys(one for one in ids if one.startswith("a")):
        offered = [choice.key for choice in list_code_sources(library, id_)]
        resolved[id_] = requested.get(id_, offered[0])
        if resolved[id_] not in offered and not _is_allowed_architecture(library, resolved[id_], offered):
            raise InputError(
                f"The architecture of {id_} cannot come from there.",
                received=resolved[id_],
                cure=f"Choose from {', '.join(offered)}.",
            )
    return resolved


def _is_allowed_architecture(library: Library, requested: str, offered: list[str]) -> bool:
    """Whether a copy that takes an architecture of another may take this one, which was not offered among others."""
    takes = any(ID_PATTERN.fullmatch(one) for one in offered)
    return takes and bool(ID_PATTERN.fullmatch(requested)) and library.artifact(requested).format == ARCHITECTURE_FORMAT


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


def build_code_source(library: Library, run: Run, key: str, artifact: Artifact) -> ModelSource | None:
    """What a child is given to make the code of an artifact from (see `core.worker.model_loading.model_code_for`), by
    the key of a choice; also which signature of its files answers, where a person chose one."""
    source = source_with_signature(run.code_source, artifact.options.get("signature", ""))
    if key == "none":
        return source_without_code(source)
    if key == "demo":
        return source
    return {**source, "architecture": library.verified_folder(key)}


def is_imported(library: Library, run: Run, source: str = "none") -> bool:
    """Whether a run's files, or those that give them their architecture, came from outside: then only a confined child
    may load them."""
    given = library.artifact(source).trust if source not in ("none", "demo") else "ours"
    return "brought in" in (run.trust, given)


def map_input_names(library: Library, id_: str, run_names: Iterable[str]) -> dict[str, str]:
    """How an artifact calls the inputs that its run calls `given`, as its evidence found out; empty for a live model,
    and where the inputs go by other names than the run's."""
    if id_.startswith("r"):
        return {}
    pairs = {pair["reference"]: pair["answer"] for pair in library.evidence(id_).best.input_pairs}
    return pairs if pairs.keys() == set(run_names) else {}


def rename_arrays(arrays: Arrays, names: Mapping[str, str]) -> Arrays:
    """Arrays under other names, where there are others for them."""
    return {names.get(name, name): array for name, array in arrays.items()}


def run_id_of(context: AppContext, id_: str) -> str:
    """The id of the run that a participant (an artifact's id, or a run's own) belongs to. Raises UnknownName."""
    return id_ if id_.startswith("r") else context.library.artifact(id_).run


def load_participant(
    context: AppContext,
    id_: str,
    source: str = "none",
    first_row: Arrays | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    variables: bool = False,
) -> RemotePredictor:
    """Load an artifact, or a run's live model, in a fresh child, after its files are verified.

    Args:
        id_: of an artifact, or of a run for its live model.
        source: the key of a `CodeSource`.
        first_row: a row that is predicted at once, by input name.
        variables: whether an artifact's weights are fingerprinted.

    Raises what `load_in_child` raises, Damaged and UnknownName.
    """
    library = context.library
    run = library.run(run_id_of(context, id_))
    request: dict[str, Any] = {"arrays": first_row or {}, "sandboxed": is_imported(library, run, source)}
    if id_ == run.id:
        request |= {"source": run.code_source, "kind": run.kind, "folder": library.snapshot(id_)}
    else:
        artifact = library.artifact(id_)
        request |= {"format": artifact.format, "folder": library.verified_folder(id_), "variables": variables}
        request |= {"source": build_code_source(library, run, source, artifact)}
    return load_in_child(context.worker, seconds=context.config.child_seconds, cancelled=cancelled, **request)


class AlignedPredictor:
    """A participant that speaks as a reference does: asked by the names of its inputs, it answers by the names of its
    outputs, in their order. Which of its own they are was found out when it was opened, on rows with known answers."""

    def __init__(self, predictor: RemotePredictor, input_names: dict[str, str], output_names: dict[str, str]):
        self.predictor, self._input_names, self._output_names = predictor, input_names, output_names

    @classmethod
    def load(
        cls,
        context: AppContext,
        id_: str,
        source: str,
        reference: Reference,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> "AlignedPredictor":
        """Load a participant, and match its outputs on the rows of `reference`. Raises as `load_participant`."""
        names = map_input_names(context.library, id_, reference.inputs)
        loaded = load_participant(context, id_, source, cancelled=cancelled)
        with cleanup_on_error(loaded.close):
            known, _ = loaded.predict(rename_arrays(reference.inputs, names), cancelled=cancelled)
            own = {pair.reference: pair.answer for pair in match_outputs(reference.predictions, known)}
            return cls(loaded, names, {name: own[name] for name in reference.predictions})

    def predict(
        self, inputs: Arrays, *, batch: int = BATCH_SIZE, cancelled: Callable[[], bool] = lambda: False
    ) -> Arrays:
        """Answers to all rows, `batch` at a time; an output that is missing this time is left out."""
        answers, _ = self.predictor.predict(rename_arrays(inputs, self._input_names), batch=batch, cancelled=cancelled)
        return {name: answers[own] for name, own in self._output_names.items() if own in answers}

    def close(self) -> None:
        self.predictor.close()
