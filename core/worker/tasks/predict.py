"""Tasks that load a model into the child and predict with it, as often as one likes."""

import time
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from core.arrays import Arrays
from core.errors import DoesNotLoad, WorkerError
from core.explain import translated
from core.runtimes.base import ModelSource, Predictor, match_inputs
from core.runtimes.reference import BATCH_SIZE, Fingerprint, fingerprint_arrays, predict_in_batches
from core.worker.model_loading import load_artifact, load_live, model_code_for
from core.worker.tasks.dataset_rows import Reply
from core.worker.tasks.import_model import describe_imported

_loaded: list[Predictor] = []  # one for each child


class LoadReply(TypedDict):
    """What is known of a model once it is loaded; times in seconds."""

    load_seconds: float
    first_seconds: NotRequired[float]  # of the prediction of one row, where one was sent
    remark: str
    inputs: list[dict[str, Any]]  # `Spec.to_json`
    input_pairs: list[dict[str, str]]  # which input of the reference goes where, as `match_inputs` says
    weights: list[Fingerprint] | None  # fingerprints, where these were asked for


def loaded_predictor() -> Predictor:
    """Return the predictor of this child. Raises WorkerError before one is loaded."""
    if not _loaded:
        raise WorkerError("This process has been asked before anything was loaded into it.", cure="Load it again.")
    return _loaded[-1]


def pair_inputs(predictor: Predictor, inputs: Arrays) -> list[dict[str, str]]:
    """Which of the inputs goes where, as records say it; nothing where the predictor names none of its own."""
    pairs = match_inputs(inputs, predictor.inputs) if predictor.inputs else []
    return [{"reference": pair.input_name, "answer": pair.spec.name, "by": pair.by} for pair in pairs]


def load(
    report: Any,
    arrays: Arrays,
    *,
    source: ModelSource | None,
    folder: str,
    format: str = "",
    kind: str = "",
    variables: bool = False,
) -> tuple[LoadReply, None]:
    """Load an artifact, or a run's live model, for later predictions.

    Args:
        arrays: a first row by input name, or nothing.
        source: of an artifact the code that it is given (see `model_code_for`), of a live model its run's source.
        folder: the artifact's files, or the run's snapshot.
        format: the artifact's format; empty for a live model.
        kind: the live model's kind.
        variables: whether to fingerprint the weights.

    Raises DoesNotLoad.
    """
    with translated(DoesNotLoad, [folder]):
        started = time.perf_counter()
        if source and not format:
            predictor = load_live(source, kind, Path(folder))
        else:
            predictor = load_artifact(format, Path(folder), model_code_for(source))
        reply: LoadReply = {
            "load_seconds": time.perf_counter() - started,
            "remark": predictor.remark,
            "inputs": [spec.to_json() for spec in predictor.inputs],
            "input_pairs": [],
            "weights": fingerprint_arrays(predictor.weights()) if variables and predictor.weights else None,
        }
        _loaded[:] = [predictor]
        if arrays:
            reply["input_pairs"] = pair_inputs(predictor, arrays)
            started = time.perf_counter()
            predictor.predict(arrays)
            reply["first_seconds"] = time.perf_counter() - started
        return reply, None


def load_imported(report: Any, arrays: Arrays, *, folder: str, source: ModelSource) -> Reply:
    """Load a file from outside for the first time; gives what its run's record says of it. Raises DoesNotLoad.

    See `core.worker.tasks.import_model.describe_imported`.
    """
    with translated(DoesNotLoad, [folder]):
        _loaded[:] = [load_live(source, "", Path(folder))]
        return describe_imported(loaded_predictor(), Path(folder), source["brought"]["format"]), None


def predict(report: Any, arrays: Arrays, *, batch: int = BATCH_SIZE) -> Reply:
    """Predict all rows, `batch` at a time; gives the seconds that it took, and the predictions. Raises DoesNotLoad."""
    started = time.perf_counter()
    with translated(DoesNotLoad):
        predictions = predict_in_batches(loaded_predictor(), arrays, batch)
    return {"seconds": time.perf_counter() - started}, predictions
