"""Probe: whether the inputs could tell a damaged copy, by what answers do when every weight is a little off."""

import math
from collections.abc import Callable
from typing import Any, TypedDict

import numpy as np

from core.arrays import NUMERIC_KINDS, Arrays, is_text
from core.runtimes.base import Predictor
from core.runtimes.variables import weight_variables

MUTANT_ROWS = 8  # rows that are asked with weights a little off
MUTANT_CALLS = 3  # in which they are
MAX_VALUES = 2**24  # of larger models, changing every weight costs more than it tells
FLOATS = ("float32", "float64")


class MutantReply(TypedDict):
    """How far the answers to some rows move, as a share of the largest answer, where every weight is off by one unit in
    the last place, and by 1 %."""

    rows: int
    ulp_share: float
    percent_share: float


def probe_mutants(predictor: Predictor, inputs: Arrays) -> MutantReply | None:
    """Predict a few rows with all weights a little off, and restore them; None where they cannot be set."""
    variables = _float_weights(predictor.model)
    if not variables:
        return None
    rows = {name: array[:MUTANT_ROWS] for name, array in inputs.items()}
    values, before = [np.asarray(variable) for variable in variables], predictor.predict(rows)

    def measure(change: Callable[[np.ndarray], np.ndarray]) -> float:
        _assign(variables, [change(value) for value in values])
        return _largest_share(before, predictor.predict(rows))

    try:
        count = len(next(iter(rows.values())))
        return MutantReply(rows=count, ulp_share=measure(_one_ulp_off), percent_share=measure(_one_percent_off))
    finally:
        _assign(variables, values)


def _float_weights(model: Any) -> list[Any]:
    """The weights of a live model that are numbers with a fraction; none where they are hidden or too many."""
    try:
        variables = [variable for variable in weight_variables(model) if hasattr(variable, "assign")]
    except Exception:  # noqa: BLE001  what came back is neither a Keras model nor a tf.Module
        return []
    floats = [variable for variable in variables if getattr(variable.dtype, "name", variable.dtype) in FLOATS]
    return floats if sum(math.prod(variable.shape) for variable in floats) <= MAX_VALUES else []


def _one_ulp_off(value: np.ndarray) -> np.ndarray:
    return np.nextafter(value, value.dtype.type(np.inf))


def _one_percent_off(value: np.ndarray) -> np.ndarray:
    """Each number 1 % larger or smaller, by turns: where all grow alike, a normalisation may take it back."""
    signs = np.where(np.arange(value.size).reshape(value.shape) % 2, -1, 1)
    return np.asarray(value * (1 + 0.01 * signs), dtype=value.dtype)


def _assign(variables: list[Any], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _largest_share(before: Arrays, after: Arrays) -> float:
    """The largest difference of all outputs, as a share of the largest value of its output; texts that differ: 1."""
    return max(_share(before[name], after[name]) for name in before)


def _share(before: np.ndarray, after: np.ndarray) -> float:
    if before.tobytes() == after.tobytes():
        return 0.0
    if is_text(before, after) or before.dtype.kind not in NUMERIC_KINDS:
        return 1.0
    sides = (np.nan_to_num(side.astype("float64"), posinf=0.0, neginf=0.0) for side in (before, after))
    left, right = sides
    return float(np.abs(left - right).max() / max(np.abs(left).max(), np.finfo("float32").tiny))
