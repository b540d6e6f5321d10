"""What a runtime's own predictor lacks: a signature chosen, and any number of rows where a file fixes how many.

A file may take exactly so many rows at once, one value for all of them, or no axis for rows at all.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from core.arrays import Arrays, NamedArrays
from core.errors import DoesNotLoad, InputError
from core.runtimes.base import Model, PredictFunction, Predictor
from core.runtimes.specs import Shape, Spec

DEFAULT_SIGNATURE = "serving_default"
SINGLE_ROW_REMARK = "It takes one row at a time, so it is fed row by row."
NO_BATCH_AXIS_REMARK = "Its inputs have no axis for rows."


def selectable_signatures(names: Iterable[str]) -> list[str]:
    """The signatures that a person may choose from; TensorFlow's own, for initialising, are left out."""
    return sorted(name for name in names if not name.startswith("__saved_model"))


def choose_signature(names: Iterable[str], requested: str = "") -> tuple[str, str]:
    """Choose the requested signature, else serving_default, else the first.

    Returns its name, and a remark where it is not the one that is usually expected. Raises DoesNotLoad where there is
    none, InputError where the requested one is not there.
    """
    selectable = selectable_signatures(names)
    if not selectable:
        raise DoesNotLoad(
            "This file loads, but has no signature to answer through.",
            received="no signatures",
            cure="Save it again with signatures={'serving_default': function}.",
        )
    if requested and requested not in selectable:
        raise InputError("It has no such signature.", received=requested, cure=f"Choose from {', '.join(selectable)}.")
    chosen = requested or (DEFAULT_SIGNATURE if DEFAULT_SIGNATURE in selectable else selectable[0])
    return chosen, _signature_remark(chosen, [name for name in selectable if name != chosen])


def _signature_remark(chosen: str, others: list[str]) -> str:
    if not others:
        return "" if chosen == DEFAULT_SIGNATURE else f"It answers through its only signature, “{chosen}”."
    return f"It answers through its signature “{chosen}”; it also has {', '.join(f'“{name}”' for name in others)}."


def join_remarks(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


class BatchAdapter(NamedTuple):
    """Inputs with a free number of rows, what predicts from them, a remark on how it does, and how many rows one call
    takes (None: any number)."""

    specs: tuple[Spec, ...]
    predict: PredictFunction
    remark: str
    call_rows: int | None = None


def adapted_predictor(
    model: Model, adapter: BatchAdapter, weights: Callable[[], NamedArrays] | None = None
) -> Predictor:
    """The predictor over a loaded object through its adapter."""
    return Predictor(model, adapter.specs, adapter.predict, weights, remark=adapter.remark, call_rows=adapter.call_rows)


def adapt_batch_size(specs: Sequence[Spec], outputs: Mapping[str, Shape], call: PredictFunction) -> BatchAdapter:
    """Let a function that takes inputs of fixed shapes take any number of rows.

    Where the first axis is fixed, rows are fed in portions, and the last one is filled up; an input without any axis is
    fed one value for rows that share it; an output that has no row for each row is repeated for each.

    Args:
        specs: The inputs of `call`, in exactly the shapes that it takes.
        outputs: The shapes that the file states for its outputs.
        call: Predicts from inputs of those shapes.
    """
    scalars = [spec.name for spec in specs if spec.shape == ()]
    size = _fixed_batch_size([spec.shape for spec in specs if spec.shape != ()], list(outputs.values()))
    shared = {name for name, shape in outputs.items() if _is_shared_output(shape, size)}
    freed = tuple(_free_batch_axis(spec, size) for spec in specs)
    if size is None and not scalars and not shared and None not in outputs.values():
        return BatchAdapter(freed, call, "")

    def predict(inputs: Arrays) -> Arrays:
        parts = [_run_call(call, part, scalars, size, shared) for part in _split_into_calls(inputs, scalars, size)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    call_rows = None if size is None else max(size, 1)
    return BatchAdapter(freed, predict, _batch_size_remark(size, scalars, shared), call_rows)


def _fixed_batch_size(inputs: list[Shape], outputs: list[Shape]) -> int | None:
    """How many rows a call takes: None for any number, 0 where the inputs have no axis for rows."""
    sizes = {shape[0] if shape else None for shape in inputs}
    if len(sizes) != 1 or None in sizes:
        return 0 if inputs and None not in sizes else None
    size = sizes.pop()
    return size if size == 1 or any(shape and shape[0] == size for shape in outputs) else 0


def _is_shared_output(shape: Shape, batch_size: int | None) -> bool:
    """Whether an output is one for all rows of a call, by what the file says of its shape."""
    return shape is not None and (not shape or batch_size == 0 or shape[0] not in (None, 1, batch_size))


def _free_batch_axis(spec: Spec, batch_size: int | None) -> Spec:
    if spec.shape is None:
        return spec
    return replace(spec, shape=(None, *(spec.shape if batch_size == 0 or not spec.shape else spec.shape[1:])))


def _split_into_calls(inputs: Arrays, scalars: list[str], batch_size: int | None) -> list[Arrays]:
    """Rows that fit into one call: as many as it takes, with the same value in each input without an axis."""
    rows = len(next(iter(inputs.values())))
    changes = [np.flatnonzero(inputs[name][1:] != inputs[name][:-1]) + 1 for name in scalars]
    step = max(batch_size, 1) if batch_size is not None else max(rows, 1)
    cuts = sorted({0, rows, *range(0, rows, step), *(int(row) for change in changes for row in change)})
    return [{name: array[start:end] for name, array in inputs.items()} for start, end in pairwise(cuts)]


def _run_call(
    call: PredictFunction, part: Arrays, scalars: list[str], batch_size: int | None, shared: set[str]
) -> Arrays:
    rows = len(next(iter(part.values())))
    outputs = call({name: _pad_input(array, name in scalars, batch_size) for name, array in part.items()})
    return {
        name: _expand_output(np.asarray(array), rows, batch_size, name in shared) for name, array in outputs.items()
    }


def _pad_input(array: np.ndarray, is_scalar: bool, batch_size: int | None) -> np.ndarray:
    if is_scalar or batch_size == 0:
        return np.asarray(array[0])
    return array if not batch_size else array[np.minimum(np.arange(batch_size), len(array) - 1)]


def _expand_output(array: np.ndarray, rows: int, batch_size: int | None, is_shared: bool) -> np.ndarray:
    """An output with one row for each row of the inputs."""
    if is_shared or not array.ndim or len(array) != (batch_size or rows):
        return np.broadcast_to(array, (rows, *array.shape))
    return array[:rows]


def _batch_size_remark(batch_size: int | None, scalars: list[str], shared: set[str]) -> str:
    notes = []
    if batch_size is not None:
        several = f"It takes exactly {batch_size} rows at a time; the last ones are filled up."
        notes.append(several if batch_size > 1 else SINGLE_ROW_REMARK)
    if batch_size == 0:
        notes.append(NO_BATCH_AXIS_REMARK)
    if scalars:
        notes.append(f"One value for all rows of a call: {', '.join(scalars)}. Rows that share it are asked together.")
    if shared and batch_size != 0:
        notes.append(f"One answer for all rows of a call, repeated for each: {', '.join(sorted(shared))}.")
    return " ".join(notes)
