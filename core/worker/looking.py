"""What a child that holds a predictor can be asked of its inside: which tensors there are, and each one by one."""

from pathlib import Path
from typing import Any

from core.errors import DoesNotLoad, WorkerError
from core.explain import translate
from core.formats.contract import Arrays
from core.layers.sketch import sketch
from core.worker.holding import Reply, held
from core.worker.inside import Inside, look

_looked_at: list[tuple[Inside, Arrays]] = []


def look_inside(report: Any, arrays: Arrays, *, kind: str, folder: str) -> Reply:
    """Look inside of the predictor that is held, and keep `arrays`, the rows that all that follows is computed for.

    Gives `{"tensors": [...], "remark"}`, the tensors in order of execution. Raises DoesNotLoad in plain words.
    """
    try:
        fitted = held().fitted(arrays)
        inside = look(kind, held(), Path(folder), fitted)
    except Exception as error:
        raise translate(error, DoesNotLoad, hide=[folder]) from error
    _looked_at[:] = [(inside, fitted)]
    return {"tensors": [tensor.to_json() for tensor in inside.tensors], "remark": inside.remark}, None


def sketch_tensor(report: Any, arrays: Arrays, *, key: str) -> Reply:
    """Gives `{"shape": [...] without the batch}` and the sketch; the shape None where there is nothing to compare."""
    values = _value(key, None)
    if values is None:
        return {"shape": None}, None
    return {"shape": list(values.shape[1:])}, {"sketch": sketch(values)}


def read_tensor(report: Any, arrays: Arrays, *, key: str, rows: int) -> Reply:
    """Gives one tensor for the first rows, batch first; no array where there is nothing to compare."""
    values = _value(key, rows)
    return {}, None if values is None else {"values": values}


def _value(key: str, rows: int | None) -> Any:
    if not _looked_at:
        raise WorkerError("This process has been asked for a tensor before it looked for any.", cure="Begin again.")
    inside, inputs = _looked_at[-1]
    try:
        return inside.value(key, {name: array[:rows] for name, array in inputs.items()})
    except Exception as error:
        raise translate(error, DoesNotLoad) from error
