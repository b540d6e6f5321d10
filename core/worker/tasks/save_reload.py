"""Tasks train, save, reload; registry TASKS (train may move out).

What a child can be asked to do. Each task takes `report`, the arrays of the request and plain arguments, and gives
(facts for JSON, arrays by name). TensorFlow is loaded in here, and nowhere above.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.arrays import Arrays
from core.demos import get_demo
from core.demos.base import TrainSettings
from core.errors import DoesNotLoad
from core.explain import translate
from core.formats import get_format
from core.runtimes.base import ModelCode, ModelSource, Predictor
from core.runtimes.reference import fingerprint_arrays, predict_in_batches, select_by_prefix
from core.worker.model_loading import load_artifact, load_live_model, model_code_for, require_no_code_execution
from core.worker.tasks.base import Report, clear_folder
from core.worker.tasks.dataset_rows import Reply
from core.worker.tasks.predict import pair_inputs
from core.worker.tasks.probes import probe_predictor


def save(
    report: Report,
    arrays: Arrays,
    *,
    source: ModelSource,
    kind: str,
    snapshot: str,
    format: str,
    folder: str,
    options: dict[str, Any],
) -> Reply:
    """Rebuild a run's live model and save it in one format; gives the seconds that the format took.

    `arrays` are inputs to calibrate on where no demo has training data. Raises CannotSave in plain words when the
    format does not take the model.
    """
    require_no_code_execution(get_format(format))
    clear_folder(Path(folder))
    model = load_live_model(source, kind, Path(snapshot))
    seconds = get_format(format).save_model(
        model, kind, Path(folder), options, lambda: _calibration_inputs(source, arrays)
    )
    return {"seconds": seconds}, None


def _calibration_inputs(source: ModelSource, arrays: Arrays) -> Arrays:
    """Inputs from the training data, so that nothing is calibrated on the rows that it is judged by."""
    if source["demo"] is None or source["settings"] is None:
        return arrays
    return get_demo(source["demo"]).data(TrainSettings(**source["settings"])).train.inputs


def reload(
    report: Report,
    arrays: Arrays,
    *,
    format: str,
    folder: str,
    source: ModelSource | None,
    probe_as: dict[str, Any] | None = None,
) -> Reply:
    """Load a copy in this process and answer; gives times, what can be seen of its variables, and the answers.

    With `probe_as` (`{"demo": key}`), `arrays` holds `input:` and `target:` names, and everything in
    `core.worker.tasks.probes` is tried too. Raises DoesNotLoad in plain words when it does not come back.
    """
    return reload_and_predict(arrays, format, Path(folder), lambda: model_code_for(source), probe_as)


def reload_and_predict(
    arrays: Arrays, format: str, folder: Path, code: Callable[[], ModelCode], probe_as: dict[str, Any] | None
) -> tuple[dict[str, Any], Arrays]:
    """See `reload`, in whatever process this is; `code` makes what the copy may lack."""
    inputs = {name.removeprefix("input:"): array for name, array in arrays.items() if not name.startswith("target:")}
    targets = select_by_prefix("target:", arrays)
    try:
        load_seconds, predictor = _timed(lambda: load_artifact(format, folder, code()))
        before = None if predictor.weights is None else fingerprint_arrays(predictor.weights())
        first_seconds, _ = _timed(lambda: predict_in_batches(predictor, _first_batch(inputs)))
        answers = predict_in_batches(predictor, inputs)
    except Exception as error:
        raise translate(error, DoesNotLoad, hidden_paths=[str(folder)]) from error
    facts = _reload_facts(predictor, load_seconds, first_seconds, before)
    facts["input_pairs"] = pair_inputs(predictor, inputs)
    if probe_as:
        facts["probes"] = probe_predictor(predictor, inputs, targets, probe_as["demo"])
    return facts, answers


def _first_batch(arrays: Arrays) -> Arrays:
    return {name: array[:1] for name, array in arrays.items()}


def _reload_facts(predictor: Predictor, load_seconds: float, first_seconds: float, before: Any) -> dict[str, Any]:
    """What is seen of the variables is what came back, before the first answer; an answer may move them."""
    after = None if predictor.weights is None else fingerprint_arrays(predictor.weights())
    return {
        "load_seconds": load_seconds,
        "first_seconds": first_seconds,
        "inputs": [spec.to_json() for spec in predictor.inputs],
        "weights": before,
        "moved_by_answering": 0 if after is None else sum(one != two for one, two in zip(before, after, strict=True)),
        "optimizer": None if predictor.optimizer_state is None else fingerprint_arrays(predictor.optimizer_state()),
    }


def _timed(action: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = action()
    return time.perf_counter() - started, result
