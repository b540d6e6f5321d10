"""Participants of a job: artifacts, or runs for their live models; what they are called, and how they are loaded."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from core.arrays import Arrays
from core.compatibility.matrix import list_silent_losses
from core.context import AppContext
from core.errors import InputError, LibraryError
from core.formats import get_format
from core.library import Library
from core.library.records import BUILT_IN_SOURCES, Run
from core.runtimes.reference import BATCH_SIZE
from core.text.labels import live_model_phrase, mark_imported
from core.worker.child_handle import CancelCheck, Child, never_cancelled
from core.worker.model_loading import source_with_signature, source_with_snapshot, source_without_code
from core.worker.remote_predictor import RemotePredictor, load_in_child
from core.worker.tasks.resume import ArtifactCopy, RunSnapshot


def run_id_of(context: AppContext, id_: str) -> str:
    """Return the id of the run that a participant belongs to. Raises UnknownName."""
    return id_ if id_.startswith("r") else context.library.artifact(id_).run


def require_has_been_run(library: Library, ids: Iterable[str]) -> None:
    """Raise InputError where an imported file, an artifact's or a run's, was only stored: it has no predictions yet."""
    for id_ in ids:
        run = library.run(id_ if id_.startswith("r") else library.artifact(id_).run)
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
        child: one that is open, to be taken instead, where it may be (see `core.jobs.shared_children`).

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
        return live_model_phrase(id_, library.run(id_))
    artifact = library.artifact(id_)
    return mark_imported(f"{get_format(artifact.format).label} ({id_})", artifact)


def find_silent_losses(library: Library, artifact_id: str) -> list[str]:
    """What an artifact lost that its answers do not show (see `list_silent_losses`); nothing where none is known."""
    try:
        artifact = library.artifact(artifact_id)
        return list_silent_losses(library.run(artifact.run), artifact, library.evidence(artifact_id))
    except LibraryError:
        return []
