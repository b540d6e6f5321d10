"""Tasks that load a model into the child and predict with it, as often as one likes."""

import gc
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NotRequired, TypedDict

from core.arrays import Arrays, Fingerprint, fingerprint_arrays
from core.error_translation import translated
from core.errors import DoesNotLoad, WorkerError
from core.runtimes.base import BATCH_SIZE, ModelSource, Predictor, predict_in_batches
from core.runtimes.specs import InputSpec
from core.worker.child_reuse import has_loaded_before, has_settings_as_before, is_as_before, note_first_load
from core.worker.live_models import complete_model_code, load_live
from core.worker.model_loading import load_artifact
from core.worker.tasks.base import InputPair, Reply, Report, TimedReply, pair_inputs, timed

_loaded: list[Predictor] = []  # one for each child


class UnloadReply(TypedDict):
    """Whether the process is as it was before it loaded anything."""

    is_clean: bool


class LoadReply(TypedDict):
    """What is known of a model once it is loaded; times in seconds."""

    load_seconds: float
    loaded_warm: bool  # in a process that had loaded another model before
    first_seconds: NotRequired[float]  # of the prediction of one row, where one was sent
    remark: str
    inputs: list[InputSpec]
    input_pairs: list[InputPair]
    weights: list[Fingerprint] | None  # where these were asked for
    lists: list[str]  # as in `Predictor`


def loaded_predictor() -> Predictor:
    """Return the predictor of this child. Raises WorkerError before one is loaded."""
    if not _loaded:
        raise WorkerError("This process has been asked before anything was loaded into it.", cure="Load it again.")
    return _loaded[-1]


def load_into_child(make: Callable[[], Predictor]) -> tuple[float, Predictor]:
    """Load a predictor for later requests; returns the seconds that it took, and the predictor."""
    note_first_load()
    seconds, predictor = timed(make)
    _loaded[:] = [predictor]
    return seconds, predictor


def load(
    report: Report,
    arrays: Arrays,
    *,
    source: ModelSource | None,
    format: str = "",
    folder: str = "",
    kind: str = "",
    snapshot: str = "",
    variables: bool = False,
) -> tuple[LoadReply, None]:
    """Load an artifact, or a run's live model, for later predictions.

    Args:
        arrays: a first row by input name, or nothing.
        source: of an artifact the code that it is given (see `complete_model_code`), of a live model its run's source.
        format: the artifact's format, and `folder` its files; or else:
        kind: the live model's kind, and `snapshot` the files of its run's.
        variables: whether to fingerprint the weights.

    Raises DoesNotLoad.
    """

    def make() -> Predictor:
        if source and snapshot:
            return load_live(source, kind, Path(snapshot))
        return load_artifact(format, Path(folder), complete_model_code(source))

    loaded_warm = has_loaded_before()
    with translated(DoesNotLoad, [folder or snapshot]):
        seconds, predictor = load_into_child(make)
        reply: LoadReply = {
            "load_seconds": seconds,
            "loaded_warm": loaded_warm,
            "remark": predictor.remark,
            "inputs": [spec.to_json() for spec in predictor.inputs],
            "input_pairs": pair_inputs(predictor, arrays) if arrays else [],
            "weights": fingerprint_arrays(predictor.weights()) if variables and predictor.weights else None,
            "lists": sorted(predictor.lists),
        }
        if arrays:
            reply["first_seconds"], _ = timed(lambda: predictor.predict(arrays))
            predictor.forget()
    return reply, None


def predict(report: Report, arrays: Arrays, *, batch: int = BATCH_SIZE) -> Reply:
    """Predict all rows, `batch` at a time (`TimedReply`). Raises DoesNotLoad."""
    with translated(DoesNotLoad):
        seconds, predictions = timed(lambda: predict_in_batches(loaded_predictor(), arrays, batch))
    return TimedReply(seconds=seconds), predictions


def unload(report: Report, arrays: Arrays) -> Reply:
    """Let go of what was loaded, so that something else can be (`UnloadReply`)."""
    import keras

    _loaded.clear()
    has_settings = has_settings_as_before()
    keras.backend.clear_session(free_memory=False)
    gc.collect()
    _keep_imported()
    return UnloadReply(is_clean=has_settings and is_as_before()), None


@cache
def _keep_imported() -> None:
    """What the first load had imported is there to stay: later collections need not look through it."""
    gc.freeze()
