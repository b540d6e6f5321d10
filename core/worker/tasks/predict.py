"""Tasks that use the loaded model: predict, activations, dataset rows.

What a child tells of a file from outside that it has loaded for the first time.

A predictor that a child holds: loaded once, then asked as often as one likes. One for each child.

What a child that holds a predictor can be asked of its inside: which tensors there are, and each one by one.

The data of a demo, some rows at a time, for whoever wants more of it than the rows that a run keeps.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.arrays import Arrays
from core.errors import DoesNotLoad, WorkerError
from core.explain import translate
from core.runtimes.base import Predictor, match_inputs
from core.runtimes.reference import BATCH_SIZE, fingerprint_arrays, predict_in_batches
from core.worker.model_loading import load_artifact, model_code_for, open_live_predictor
from core.worker.tasks.dataset_rows import Reply
from core.worker.tasks.import_model import describe_imported

_loaded: list[Predictor] = []


def loaded_predictor() -> Predictor:
    """The predictor of this child. Raises WorkerError before one is held."""
    if not _loaded:
        raise WorkerError("This process has been asked before anything was loaded into it.", cure="Load it again.")
    return _loaded[-1]


def load_predictor(
    report: Any, arrays: Arrays, *, format: str, folder: str, source: dict[str, Any] | None, variables: bool = True
) -> Reply:
    """Load a copy, keep it in this child, and ask it `arrays`: a first row, or nothing.

    Gives seconds to load and to the first answer, the inputs that it takes and how the given ones were paired with
    them, its remark, and with `variables` its weights by hash. Raises DoesNotLoad in plain words.
    """
    try:
        return _load(lambda: load_artifact(format, Path(folder), model_code_for(source)), arrays, variables)
    except Exception as error:
        raise translate(error, DoesNotLoad, hidden_paths=[folder]) from error


def load_live_predictor(report: Any, arrays: Arrays, *, source: dict[str, Any], kind: str, snapshot: str) -> Reply:
    """Rebuild a run's live model from its snapshot and keep it in this child; as `hold`."""
    try:
        return _load(lambda: open_live_predictor(source, kind, Path(snapshot)), arrays, False)
    except Exception as error:
        raise translate(error, DoesNotLoad, hidden_paths=[snapshot]) from error


def load_imported_predictor(report: Any, arrays: Arrays, *, folder: str, source: dict[str, Any]) -> Reply:
    """Load a file from outside for the first time and keep it in this child; gives what a run's record says of it
    (see `core.worker.tasks.import_model.describe_imported`). Raises DoesNotLoad in plain words."""
    try:
        predictor = open_live_predictor(source, "", Path(folder))
        _loaded[:] = [predictor]
        return describe_imported(predictor, Path(folder), source["brought"]["format"]), None
    except Exception as error:
        raise translate(error, DoesNotLoad, hidden_paths=[folder]) from error


def _load(load: Callable[[], Predictor], first_row: Arrays, with_weights: bool) -> Reply:
    started = time.perf_counter()
    predictor = load()
    facts: dict[str, Any] = {"load_seconds": time.perf_counter() - started, "remark": predictor.remark}
    facts["inputs"] = [spec.to_json() for spec in predictor.inputs]
    facts["weights"] = fingerprint_arrays(predictor.weights()) if with_weights and predictor.weights else None
    facts["input_pairs"] = []
    _loaded[:] = [predictor]
    if first_row:
        pairs = match_inputs(first_row, predictor.inputs) if predictor.inputs else []
        facts["input_pairs"] = [{"reference": one.input_name, "answer": one.spec.name, "by": one.by} for one in pairs]
        started = time.perf_counter()
        predictor.predict(first_row)
        facts["first_seconds"] = time.perf_counter() - started
    return facts, None


def predict_rows(report: Any, arrays: Arrays, *, batch: int = BATCH_SIZE) -> Reply:
    """Have the predictor that is held answer all rows, `batch` at a time; gives the seconds that it took."""
    started = time.perf_counter()
    try:
        answers = predict_in_batches(loaded_predictor(), arrays, batch)
    except Exception as error:
        raise translate(error, DoesNotLoad) from error
    return {"seconds": time.perf_counter() - started}, answers
