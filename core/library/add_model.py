"""A person's own model, saved from the program in which it lives."""

import re
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Arrays
from core.errors import CannotSave, DoesNotLoad, InputError, RoundtripError
from core.evidence import Evidence, ReloadOutcome
from core.explain import translate
from core.formats import get_format
from core.formats.base import Format
from core.library.commits import CommitMixin
from core.library.records import Artifact, Run
from core.library.storage import translate_disk_errors
from core.reload import gather_evidence, reload_in_process
from core.runtimes.base import ModelCode
from core.runtimes.live import live_predictor
from core.runtimes.model_facts import describe_model
from core.runtimes.model_kinds import model_kind
from core.runtimes.reference import REFERENCE_ROWS, Reference, predict_in_batches
from core.runtimes.traits import custom_classes, model_and_layer_names
from core.settings import get_settings
from core.worker import Worker
from core.worker.halves import load_untrained_model
from core.worker.model_loading import source_with_snapshot
from core.worker.snapshots import write_model_copy

GRAPH_NAME_PATTERN = re.compile(r"[A-Za-z0-9_.\\/>-]+")  # what TensorFlow takes as a name in a graph


class AddResult(NamedTuple):
    """One format's result: an artifact with its evidence, or the error; `warning` says of NaN and infinity."""

    format: str
    artifact: Artifact | None = None
    evidence: Evidence | None = None
    error: RoundtripError | None = None
    warning: str = ""

    def __repr__(self) -> str:
        if self.artifact is None or self.evidence is None:
            return f"{self.format}: failed. {self.error}"
        text = f"{self.format}: {self.artifact.id}, {self.evidence.best.verdict.label}"
        notes = " ".join(filter(None, (self.warning, self.artifact.remark)))
        return f"{text}. {notes}" if notes else text


def save_live_model(
    library: CommitMixin, model: Any, inputs: Any, formats: list[str], name: str, worker: Worker | None = None
) -> list[AddResult]:
    """See `Library.add`."""
    chosen = [get_format(key) for key in formats]
    _require_savable(model)
    reference = _compute_reference(model, inputs)
    run = _commit_run(library, model, reference, name or getattr(model, "name", "") or "A model of my own")
    started = worker or Worker()
    try:
        started.start()
        return [_save_format(library, started, run, model, format_, reference) for format_ in chosen]
    finally:
        if worker is None:
            started.close()


def _require_savable(model: Any) -> None:
    """Raises CannotSave, InputError.

    Before the reference is computed: a prediction would build the model, with weights that nobody trained. Keras
    refuses such names too, and keeps them on its stack then: the program's next model could not be trained.
    """
    if model_kind(model) == "keras" and not model.built:
        raise CannotSave(
            "The model has never seen an input, so its weights do not exist yet.",
            cure="Call it once on a batch, or give it keras.Input, then save again.",
        )
    for name in model_and_layer_names(model):
        if not GRAPH_NAME_PATTERN.fullmatch(name):
            raise InputError(
                f"The name '{name}' holds characters that a TensorFlow graph does not take.",
                cure="Name the model and its layers with letters, digits, '_', '-' and '.' alone.",
            )


def _compute_reference(model: Any, inputs: Any) -> Reference:
    predictor = live_predictor(model)
    specs = predictor.inputs
    named = inputs if isinstance(inputs, dict) else {specs[0].name if len(specs) == 1 else "input_0": inputs}
    arrays: Arrays = {key: np.asarray(value) for key, value in named.items()}
    lengths = {len(array) if array.ndim else 0 for array in arrays.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise InputError(
            "The inputs must be arrays with the same number of rows, at least one, batch first.",
            received={key: array.shape for key, array in arrays.items()},
            cure="Pass a batch: model inputs of shape (rows, ...).",
        )
    arrays = {key: array[:REFERENCE_ROWS] for key, array in arrays.items()}
    try:
        return Reference(arrays, predict_in_batches(predictor, arrays), {})
    except RoundtripError:
        raise
    except Exception as error:  # whatever the model raises on these inputs, the inputs are what to look at
        raise translate(error, InputError) from error


def _commit_run(library: CommitMixin, model: Any, reference: Reference, name: str) -> Run:
    with library.staging() as staged:
        with translate_disk_errors():
            reference.write(staged / "reference.npz")
            (staged / "snapshot").mkdir()
        try:
            write_model_copy(model, staged / "snapshot")
        except Exception as error:  # a model that its richest format refuses cannot be stored as a run at all
            raise translate(error, CannotSave, hidden_paths=[str(staged)]) from error
        return library.commit_run(staged, {**describe_model(model), "name": name, "demo": None, "settings": None})


def _save_format(
    library: CommitMixin, worker: Worker, run: Run, model: Any, format_: Format, reference: Reference
) -> AddResult:
    try:
        with library.staging() as staged:
            folder = staged / "files"
            folder.mkdir()
            saved = format_.save_model(model, run.kind, folder, samples=lambda: reference.inputs)
            evidence = _gather_evidence(library, worker, run, model, format_, folder, reference)
            artifact = library.commit_artifact(staged, run.id, evidence, format=format_.key, **saved._asdict())
            return AddResult(format_.key, artifact, evidence, warning=f"{run.warning} {evidence.best.warning}".strip())
    except RoundtripError as error:
        return AddResult(format_.key, error=error)


def _gather_evidence(
    library: CommitMixin, worker: Worker, run: Run, model: Any, format_: Format, folder: Path, reference: Reference
) -> Evidence:
    """Reload in a fresh process; where classes of the person's own are missing there, in this one as well."""
    original, seconds = library.original(run), get_settings().child_seconds
    source = run.code_source
    if format_.needs_architecture:
        source = source_with_snapshot(source, run.kind, library.snapshot(run.id))
    evidence = gather_evidence(worker, format_.key, folder, source, original, reference, seconds=seconds)
    # Only layers need classes, and what has ended a process of its own is not let into the person's.
    if not (classes := custom_classes(model)) or not _is_refused(evidence.completed or evidence.without_code):
        return evidence
    if "architecture" in format_.keeps:
        outcome = reload_in_process(format_.key, folder, ModelCode(classes=classes), original, reference)
        return evidence.model_copy(update={"with_code": outcome})
    if format_.needs_architecture:
        code = ModelCode(build=partial(load_untrained_model, source, classes), classes=classes)
        outcome = reload_in_process(format_.key, folder, code, original, reference)
        return evidence.model_copy(update={"completed": outcome})
    return evidence


def _is_refused(outcome: ReloadOutcome) -> bool:
    return (outcome.error or {}).get("code") in (DoesNotLoad.code, CannotSave.code)
