"""Tasks that use the loaded model: predict, activations, dataset rows.

What a child tells of a file from outside that it has loaded for the first time.

A predictor that a child holds: loaded once, then asked as often as one likes. One for each child.

What a child that holds a predictor can be asked of its inside: which tensors there are, and each one by one.

The data of a demo, some rows at a time, for whoever wants more of it than the rows that a run keeps.
"""

from pathlib import Path
from typing import Any

from core.activations import Activations, open_activations
from core.activations.matching import compute_sketch
from core.arrays import Arrays
from core.errors import DoesNotLoad, WorkerError
from core.explain import translate
from core.worker.tasks.dataset_rows import Reply
from core.worker.tasks.predict import loaded_predictor

_open_activations: list[tuple[Activations, Arrays]] = []


def list_activations(report: Any, arrays: Arrays, *, kind: str, folder: str) -> Reply:
    """Look inside of the predictor that is held, and keep `arrays`, the rows that all that follows is computed for.

    Gives `{"tensors": [...], "remark"}`, the tensors in order of execution. Raises DoesNotLoad in plain words.
    """
    try:
        fitted = loaded_predictor().prepare_inputs(arrays)
        inside = open_activations(kind, loaded_predictor(), Path(folder), fitted)
    except Exception as error:
        raise translate(error, DoesNotLoad, hidden_paths=[folder]) from error
    _open_activations[:] = [(inside, fitted)]
    return {"tensors": [tensor.to_json() for tensor in inside.tensors], "remark": inside.remark}, None


def sketch_activation(report: Any, arrays: Arrays, *, key: str) -> Reply:
    """Gives `{"shape": [...] without the batch}` and the sketch; the shape None where there is nothing to compare."""
    values = _compute_activation(key, None)
    if values is None:
        return {"shape": None}, None
    return {"shape": list(values.shape[1:])}, {"sketch": compute_sketch(values)}


def read_activation(report: Any, arrays: Arrays, *, key: str, rows: int) -> Reply:
    """Gives one tensor for the first rows, batch first; no array where there is nothing to compare."""
    values = _compute_activation(key, rows)
    return {}, None if values is None else {"values": values}


def _compute_activation(key: str, rows: int | None) -> Any:
    if not _open_activations:
        raise WorkerError("This process has been asked for a tensor before it looked for any.", cure="Begin again.")
    inside, inputs = _open_activations[-1]
    try:
        return inside.compute(key, {name: array[:rows] for name, array in inputs.items()})
    except Exception as error:
        raise translate(error, DoesNotLoad) from error
