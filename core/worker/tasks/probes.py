"""Probes of a loaded artifact: batch sizes, determinism, XLA, one training step, damaged weights.

The source of each function is shown beside its finding. Damaged weights tell whether the inputs could show a damage.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NotRequired, TypedDict

import numpy as np
from pydantic import BaseModel, Field

from core.arrays import NUMERIC_KINDS, Arrays, Fingerprint, NamedArrays, fingerprint_arrays, is_text, to_plain_array
from core.compare import Verdict, compare
from core.demos import get_demo
from core.demos.keras_training import make_keras_train_step
from core.error_translation import summarize_error
from core.evidence.fingerprint_matching import TensorReply
from core.runtimes.base import BATCH_SIZE, Predictor
from core.runtimes.call_arguments import call_model
from core.runtimes.specs import name_outputs
from core.runtimes.traits import Count
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
    if not variables or predictor.is_apart:
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


BATCHES = (1, 7, 64)
FEW_ROWS = 3  # that are asked among others and each alone
STEP_ROWS = 32  # rows of the one training step
STEP_COST = 3  # times that a row costs as much to train on as to predict


class TrainStep(TypedDict, total=False):
    """The weights after one training step, or why none can be made, or that there was no time for one."""

    weights: list[Fingerprint]
    why: str
    not_tried: bool


class XlaReply(TypedDict):
    """The answers to some rows by XLA beside those without; or why there are none."""

    verdict: NotRequired[str]
    max_abs: NotRequired[float]
    why: NotRequired[str]


class Probes(TypedDict):
    """What each probe below gives: `batches` for each number of rows that there was time for; None and `not_tried`
    stand for what there was none for."""

    batches: dict[str, str]
    row_shift: NotRequired[float]
    repeats: float | None
    xla: NotRequired[XlaReply]
    mutant: NotRequired[MutantReply]
    step: TrainStep


class _ReportedMutant(BaseModel):
    rows: Count
    ulp_share: float
    percent_share: float


class _ReportedStep(BaseModel):
    weights: list[TensorReply] = Field(default_factory=list)
    why: str = ""
    not_tried: bool = False


class _ReportedXla(BaseModel):
    verdict: Verdict | None = None
    max_abs: float = 0.0
    why: str = ""


class ReportedProbes(BaseModel):
    """The `Probes` as a child reports them: one of an untrusted file may report anything."""

    batches: dict[Literal["1", "7", "64"], str]
    row_shift: float = 0.0
    repeats: float | None
    xla: _ReportedXla | None = None
    mutant: _ReportedMutant | None = None
    step: _ReportedStep


def validate_probes(probes: Mapping[str, Any]) -> dict[str, Any]:
    """What a child found by its probes, without anything else. Raises ValueError."""
    return ReportedProbes.model_validate(probes).model_dump(exclude_unset=True)


def probe_predictor(predictor: Predictor, inputs: Arrays, targets: Arrays, demo: str | None, most_rows: int) -> Probes:
    """Run all probes on a loaded artifact that `most_rows` rows at once are enough for; the training step is last,
    because it changes the model."""
    batches = [rows for rows in BATCHES if sum(BATCHES[: BATCHES.index(rows) + 1]) <= most_rows]
    repeated = min(BATCH_SIZE, most_rows // 2)
    may_train = most_rows >= STEP_ROWS * STEP_COST
    probes: Probes = {
        "batches": probe_batch_sizes(predictor, inputs, batches),
        "repeats": probe_determinism(predictor, inputs, repeated) if repeated else None,
        "step": {"not_tried": True},
    }
    if repeated and (answered := probe_xla(predictor, inputs, repeated)):
        probes["xla"] = answered
    if repeated and not any(probes["batches"].values()):
        probes["row_shift"] = probe_row_shift(predictor, inputs, repeated)
    if most_rows >= MUTANT_ROWS * MUTANT_CALLS and (mutant := probe_mutants(predictor, inputs)):
        probes["mutant"] = mutant
    if may_train:
        probes["step"] = train_one_step(predictor.model, inputs, targets, demo)
    return probes


def probe_batch_sizes(predictor: Predictor, inputs: Arrays, batches: Sequence[int] = BATCHES) -> dict[str, str]:
    """Predict 1, 7 and 64 rows at once; returns for each an empty text, or why that failed."""
    return {str(rows): _try_predict(predictor, _resize_rows(inputs, rows), rows) for rows in batches}


def probe_row_shift(predictor: Predictor, inputs: Arrays, count: int = BATCH_SIZE) -> float:
    """Predict a few rows each alone and among `count`; returns how far their answers move, as a share of the largest
    answer."""
    head = {name: array[:count] for name, array in inputs.items()}
    among, rows = predictor.predict(head), len(next(iter(head.values())))
    calls = [{name: array[row : row + 1] for name, array in head.items()} for row in range(min(rows, FEW_ROWS))]
    alone = [predictor.predict(call) for call in calls]
    own = {name: np.concatenate([answer[name] for answer in alone]) for name in among}
    return _largest_share({name: array[: len(own[name])] for name, array in among.items()}, own)


def _resize_rows(inputs: Arrays, rows: int) -> Arrays:
    """The first rows, begun again from the first where there are too few."""
    return {name: np.resize(array[:BATCH_SIZE], (rows, *array.shape[1:])) for name, array in inputs.items()}


def _try_predict(predictor: Predictor, inputs: Arrays, rows: int) -> str:
    try:
        predictions = predictor.predict(inputs)
    except Exception as error:  # noqa: BLE001  any failure of a foreign runtime is the finding itself
        return summarize_error(error)
    counts = {len(array) for array in predictions.values()}
    return "" if counts == {rows} else f"answered {counts} rows instead of {rows}"


def reset_random_state(model: Any) -> None:
    """Begin the random numbers of Dropout and augmentation anew: a copy that has predicted more has drawn more."""
    for variable in getattr(model, "variables", None) or ():
        if "seed_generator_state" in getattr(variable, "path", ""):
            variable.assign(np.zeros(variable.shape, variable.dtype))


def probe_determinism(predictor: Predictor, inputs: Arrays, count: int = BATCH_SIZE) -> float:
    """Predict the same rows twice; returns the largest difference between the two (0.0: the same bits)."""
    rows = {name: array[:count] for name, array in inputs.items()}
    first, second = predictor.predict(rows), predictor.predict(rows)
    return max(_max_difference(first[name], second[name]) for name in first)


def _max_difference(first: np.ndarray, second: np.ndarray) -> float:
    if first.tobytes() == second.tobytes():
        return 0.0
    if first.dtype.kind in "SU":
        return float((first != second).mean())
    return float(np.nan_to_num(np.abs(first.astype("float64") - second.astype("float64"))).max())


def probe_xla(predictor: Predictor, inputs: Arrays, count: int = BATCH_SIZE) -> XlaReply | None:
    """Predict the same rows with XLA, as Keras' own `predict` does where a model asks for it; None of other models."""
    model = predictor.model
    if not getattr(model, "jit_compile", False):
        return None
    import tensorflow as tf  # not before: a copy that is in another runtime is probed without it

    compiled = tf.function(lambda feed: call_model(model, feed), autograph=False, jit_compile=True)
    rows = predictor.prepare_inputs({name: array[:count] for name, array in inputs.items()})
    try:
        outputs = compiled({name: tf.constant(array) for name, array in rows.items()})
    except Exception as error:  # noqa: BLE001  what XLA cannot compile is the finding itself
        return {"why": summarize_error(error)}
    named = name_outputs(outputs, getattr(model, "output_names", None))
    comparison = compare(predictor.predict(rows), {name: to_plain_array(array) for name, array in named.items()})
    return {"verdict": comparison.verdict.value, "max_abs": comparison.max_abs}


def train_one_step(model: Any, inputs: Arrays, targets: Arrays, demo: str | None) -> TrainStep:
    """Train one step on the first test examples; returns the weights afterwards by hash, or why it cannot train."""
    if not targets or demo is None:
        return {"why": "no targets are known for this run"}
    rows = [{name: array[:STEP_ROWS] for name, array in arrays.items()} for arrays in (inputs, targets)]
    try:
        step = (get_demo(demo).make_train_step or partial(make_keras_train_step, run_eagerly=True))(model)
        _fix_randomness()  # not before: what another runtime holds has no step, and TensorFlow need not start for it
        reset_random_state(model)
        step(*rows)
    except Exception as error:  # noqa: BLE001  a copy that cannot train says so in its own way
        return {"why": summarize_error(error)}
    return {"weights": fingerprint_arrays(read_weights(model))}


def _fix_randomness() -> None:
    """Last in the life of a child, so it slows nothing: threads must not decide in which order gradients add up."""
    import keras
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(0)


def read_weights(model: Any) -> NamedArrays:
    """The weights of a live model, by the variables' own names."""
    return [(variable.name, np.asarray(variable)) for variable in weight_variables(model)]
