"""What a runtime's own predictor lacks: any number of rows where a file fixes how many, or how they lie.

A file may take exactly so many rows at once, count them on any axis, take one value for all of them, or take nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from core.arrays import Arrays, NamedArrays
from core.runtimes.base import Model, PredictFunction, Predictor
from core.runtimes.call_state import CallState
from core.runtimes.row_layout import AxisNames, RowLayout, find_row_layout
from core.runtimes.specs import Shape, Spec

SINGLE_ROW_REMARK = "It takes one row at a time, so it is fed row by row."
NO_BATCH_AXIS_REMARK = "Its inputs have no axis for rows."
ROW_IS_CALL_REMARK = "No axis of its inputs counts rows, so each row is a call of its own."
DEPENDENT_ROWS_REMARK = "Rows of one call change each other's answers, so each is asked alone."
NO_INPUT = Spec("row", "int64", (None,))  # what a row is given where a file takes nothing
NO_INPUT_REMARK = "It takes nothing and answers every row alike; “row” stands for the number of the row."


class BatchAdapter(NamedTuple):
    """Inputs with a free number of rows, what predicts from them, a remark on how it does, how many rows one call takes
    (None: any number), what it remembers, and the order in which the runtime lists both sides by place (see
    `Predictor`)."""

    specs: tuple[Spec, ...]
    predict: PredictFunction
    remark: str
    call_rows: int | None = None
    state: CallState | None = None
    places: Mapping[str, Sequence[str]] = MappingProxyType({})


def adapted_predictor(
    model: Model, adapter: BatchAdapter, weights: Callable[[], NamedArrays] | None = None
) -> Predictor:
    """The predictor over a loaded object through its adapter."""
    return Predictor(
        model,
        adapter.specs,
        adapter.predict,
        weights,
        remark=adapter.remark,
        call_rows=adapter.call_rows,
        state=adapter.state,
        places=adapter.places,
    )


def adapt_batch_size(
    specs: Sequence[Spec], outputs: Mapping[str, Shape], call: PredictFunction, names: AxisNames | None = None
) -> BatchAdapter:
    """Let a function that takes inputs of stated shapes take any number of rows, on the first axis.

    See `find_row_layout`. Where a call takes just so many rows, they are fed in portions, and the last one is filled
    up; an input without an axis for rows is fed one value for the rows that share it; an output that has no row for
    each row is repeated for each.

    Args:
        specs: The inputs of `call`, in exactly the shapes that it takes.
        outputs: The shapes that the file states for its outputs.
        call: Predicts from inputs of those shapes.
        names: What the file calls the axes of its inputs and outputs.
    """
    if not specs:
        return BatchAdapter((NO_INPUT,), _repeat_answer(call), NO_INPUT_REMARK)
    layout = find_row_layout({spec.name: spec.shape for spec in specs}, outputs, names or {})
    freed = tuple(_move_rows_first(spec, layout.inputs[spec.name]) for spec in specs)
    if (
        layout.rows is None
        and {*layout.inputs.values(), *layout.outputs.values()} == {0}
        and None not in outputs.values()
    ):
        return BatchAdapter(freed, call, "")

    def predict(inputs: Arrays) -> Arrays:
        parts = [_predict_one_call(call, part, layout) for part in _split_into_calls(inputs, layout)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return BatchAdapter(freed, predict, _layout_remark(layout), layout.rows)


def _repeat_answer(call: PredictFunction) -> PredictFunction:
    def predict(inputs: Arrays) -> Arrays:
        rows = len(next(iter(inputs.values())))
        return {name: np.stack([array] * rows) for name, array in call({}).items()}

    return predict


def _move_rows_first(spec: Spec, axis: int | None) -> Spec:
    if spec.shape is None:
        return spec
    return replace(spec, shape=(None, *(size for at, size in enumerate(spec.shape) if at != axis)))


def _split_into_calls(inputs: Arrays, layout: RowLayout) -> list[Arrays]:
    """Rows that fit into one call: as many as it takes, with the same value in each input that all of them share."""
    rows = len(next(iter(inputs.values())))
    changes = [_value_changes(inputs[name]) for name in layout.shared_inputs] if layout.rows != 1 else []
    step = max(rows, 1) if layout.rows is None else layout.rows
    cuts = sorted({0, rows, *range(0, rows, step), *(int(row) for change in changes for row in change)})
    return [{name: array[start:end] for name, array in inputs.items()} for start, end in pairwise(cuts)]


def _value_changes(array: np.ndarray) -> np.ndarray:
    """The rows that differ from the one before them."""
    different = array[1:] != array[:-1]
    return np.flatnonzero(different.any(axis=tuple(range(1, array.ndim)))) + 1


def _predict_one_call(call: PredictFunction, part: Arrays, layout: RowLayout) -> Arrays:
    rows = len(next(iter(part.values())))
    outputs = call({name: _arrange_input(array, layout.inputs[name], layout.rows) for name, array in part.items()})
    return {
        name: _expand_output(np.asarray(array), rows, layout.rows, layout.outputs.get(name, 0))
        for name, array in outputs.items()
    }


def _arrange_input(array: np.ndarray, axis: int | None, call_rows: int | None) -> np.ndarray:
    if axis is None:
        return np.asarray(array[0])
    if call_rows and len(array) < call_rows:
        array = array[np.minimum(np.arange(call_rows), len(array) - 1)]
    return np.ascontiguousarray(np.moveaxis(array, 0, axis)) if axis else array


def _expand_output(array: np.ndarray, rows: int, call_rows: int | None, axis: int | None) -> np.ndarray:
    """An output with one row for each row of the inputs, on the first axis."""
    if axis is None or array.ndim <= axis or array.shape[axis] != (call_rows or rows):
        return np.broadcast_to(array, (rows, *array.shape))
    return np.moveaxis(array, axis, 0)[:rows]


def _layout_remark(layout: RowLayout) -> str:
    shared, notes = layout.shared_inputs, []
    if layout.rows is not None:
        several = f"It takes exactly {layout.rows} rows at a time; the last ones are filled up."
        notes.append(several if layout.rows > 1 else SINGLE_ROW_REMARK)
    if len(shared) == len(layout.inputs):
        notes.append(NO_BATCH_AXIS_REMARK)
    elif shared:
        notes.append(f"One value for all rows of a call: {', '.join(shared)}. Rows that share it are asked together.")
    if layout.moved:
        notes.append(
            f"Rows are counted on another axis than the first in {', '.join(layout.moved)}; here they come first."
        )
    repeated = sorted(name for name, axis in layout.outputs.items() if axis is None)
    if repeated and layout.rows != 1:
        notes.append(describe_shared_outputs(repeated))
    return " ".join(notes)


def describe_shared_outputs(names: Iterable[str]) -> str:
    return f"One answer for all rows of a call, repeated for each: {', '.join(sorted(names))}."
