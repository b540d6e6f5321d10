"""Tasks: intermediate tensors of the loaded predictor, listed and then read one by one."""

from pathlib import Path
from typing import TypedDict

import numpy as np

from core.activations import Activations, open_activations
from core.activations.matching import ActivationJson, compute_sketch
from core.arrays import Arrays
from core.error_translation import translated
from core.errors import DoesNotLoad, WorkerError
from core.worker.tasks.base import Reply, Report
from core.worker.tasks.predict import loaded_predictor

_open_activations: list[tuple[Activations, Arrays]] = []


class ActivationsReply(TypedDict):
    """The tensors in order of execution, and what a person should know of their values."""

    tensors: list[ActivationJson]
    remark: str


class SketchReply(TypedDict):
    """The measured shape without the batch, None where nothing can be compared; the array "sketch" with it."""

    shape: list[int] | None


def list_activations(report: Report, arrays: Arrays, *, kind: str, folder: str) -> Reply:
    """List the tensors of the loaded predictor; `arrays` are the rows for which the next requests compute them.

    Returns an `ActivationsReply`. Raises DoesNotLoad.
    """
    with translated(DoesNotLoad, [folder]):
        inputs = loaded_predictor().prepare_inputs(arrays)
        activations = open_activations(kind, loaded_predictor(), Path(folder), inputs)
    _open_activations[:] = [(activations, inputs)]
    tensors = [tensor.to_json() for tensor in activations.tensors]
    return ActivationsReply(tensors=tensors, remark=activations.remark), None


def sketch_activation(report: Report, arrays: Arrays, *, key: str) -> Reply:
    """Compute one tensor for all rows, and return its sketch (`SketchReply`)."""
    values = _compute_activation(key, None)
    if values is None:
        return SketchReply(shape=None), None
    return SketchReply(shape=list(values.shape[1:])), {"sketch": compute_sketch(values)}


def read_activation(report: Report, arrays: Arrays, *, key: str, rows: int) -> Reply:
    """Return one tensor for the first rows, batch first, as "values"; no array where nothing can be compared."""
    values = _compute_activation(key, rows)
    return {}, None if values is None else {"values": values}


def _compute_activation(key: str, rows: int | None) -> np.ndarray | None:
    if not _open_activations:
        raise WorkerError("This process has been asked for a tensor before it looked for any.", cure="Begin again.")
    activations, inputs = _open_activations[-1]
    with translated(DoesNotLoad):
        return activations.compute(key, {name: array[:rows] for name, array in inputs.items()})
