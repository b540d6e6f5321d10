"""The trial of a model that is imported: random inputs are tried until it predicts, and then wider ones."""

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from core.arrays import Arrays, select_rows
from core.compare import measure_spread
from core.errors import ChildDied, DoesNotLoad, InputError, RoundtripError, TimedOut, TooLarge, UnpairedRows
from core.inputs.fitting import describe_axes
from core.jobs.imports.import_request import Shapes, state_shape
from core.jobs.imports.trial_inputs import (
    TrialInput,
    generate_negative_input,
    generate_trial_inputs,
    generate_wider_inputs,
)
from core.runtimes.base import BATCH_SIZE
from core.runtimes.batch_adapter import DEPENDENT_ROWS_REMARK
from core.runtimes.specs import InputSpec
from core.worker.child_handle import CancelCheck, never_cancelled
from core.worker.remote_predictor import RemotePredictor, RowBudget, RowCap

CONSTANT_REMARK = (
    "All random rows are answered alike, so these answers cannot tell a good copy from a bad one: compare on inputs of "
    "your own."
)
UNTRIED = "untried_below_zero"  # in the recipe of inputs
UNTRIED_REMARK = "Untried: whole numbers below zero, to which it gives no answers that tell rows apart."
ENOUGH_SPREAD = 0.01  # of the answers, as a share of the largest: then no other range is looked for
TOLERANCE = 1e-3  # of an output's largest number: how far one row alone may be off the same row among others
Ask = Callable[..., Arrays]  # inputs, and how many rows are computed together: gives the answers


def find_accepted_input(
    predictor: RemotePredictor,
    specs: list[InputSpec],
    *,
    seconds: float,
    shapes: Shapes | None = None,
    cancelled: CancelCheck = never_cancelled,
    cap: RowCap | None = None,
) -> tuple[TrialInput, Arrays]:
    """Find the first random inputs of which a loaded file predicts each row; gives them, and the predictions.

    Where its answers are hardly apart, wider ranges are tried. Where rows of one call change each other's answers, each
    is asked alone. All trials together may take `seconds`: on a shape that is too large for it, TensorFlow alone waits
    ten for more memory. There are as many rows as there is time for by the cost of the first, and as `cap` allows.
    Raises InputError where none is accepted, TimedOut where time is over before, TooLarge where even the child's memory
    is, and what ends its child.
    """
    deadline, cap = time.monotonic() + seconds, cap or RowCap()

    def ask(inputs: Arrays, batch: int = BATCH_SIZE) -> Arrays:
        left = max(0.0, deadline - time.monotonic())
        predictions, _ = predictor.predict(inputs, seconds=left, cancelled=cancelled, batch=batch)
        return predictions

    stated = [state_shape(spec, shapes or {}) for spec in specs]
    last: RoundtripError | None = None
    kind: type[InputError] = InputError
    empty: tuple[TrialInput, Arrays] | None = None  # the first that was answered by numbers that are none
    for trial in generate_trial_inputs(specs, shapes):
        try:
            trial = trial.head(min(cap.rows, _count_affordable(ask, trial, deadline, cap)))
            cap.asked = trial.recipe["rows"]
            predictions = _require_answers(ask(trial.inputs), cap.asked)
            if not _has_finite_numbers(predictions):
                empty = empty or (trial, predictions)
                continue
            return _improve_trial(ask, stated, trial, predictions)
        except (DoesNotLoad, InputError) as error:
            last, kind = error, UnpairedRows if isinstance(error, UnpairedRows) else kind
        except TimedOut as error:
            if time.monotonic() <= deadline:
                raise
            if empty:
                break
            sentence = f"It loads, and answered no random input in {seconds:g} seconds."
            cure = "Save it with the shapes that it takes, or raise ROUNDTRIP_CONFINED_SECONDS."
            raise TimedOut(sentence, cure=cure, detail=_error_text(last or error)) from error
    if empty:
        return _improve_trial(ask, stated, *empty)
    raise kind(
        "It loads, and answers none of the random inputs that can be made from what it says of its inputs.",
        received=", ".join(f"{spec['name']} ({describe_axes(spec['shape'])}, {spec['dtype']})" for spec in specs),
        cure="State the shape of a row, choose another of its signatures, or save it with the shapes that it takes.",
        detail=_error_text(last),
    ) from last


def _count_affordable(ask: Ask, trial: TrialInput, deadline: float, cap: RowCap) -> int:
    """How many rows of a trial there is time for, by what the first one costs."""
    cap.asked = 0
    budget, first = RowBudget(max(0.0, deadline - time.monotonic())), trial.head(1).inputs
    budget.measure(lambda: ask(first))
    return budget.affordable_rows(lambda: ask(first), trial.recipe["rows"])


def _error_text(error: RoundtripError | None) -> str:
    return f"{error.sentence} {error.detail}".strip() if error else ""


def _require_answers(predictions: Arrays, rows: int) -> Arrays:
    """Raises InputError for an answer that has not one row for each row of the inputs, and where there are no numbers
    at all in the answers: the inputs were too short for it."""
    if names := [name for name, array in predictions.items() if not array.ndim or len(array) != rows]:
        raise UnpairedRows(f"Its answer “{names[0]}” has no row for each row of its inputs.")
    if not any(array.size for array in predictions.values()):
        cure = "State the shape of a row, long enough for the model."
        raise InputError("Its answers are empty: there are no numbers in them.", cure=cure)
    return predictions


def _has_finite_numbers(predictions: Arrays) -> bool:
    """Whether anything in the answers tells rows apart: text, or a number that is not NaN or infinite."""
    return any(array.dtype.kind not in "fc" or bool(np.isfinite(array).any()) for array in predictions.values())


def _improve_trial(
    ask: Ask, specs: list[InputSpec], trial: TrialInput, predictions: Arrays
) -> tuple[TrialInput, Arrays]:
    """Inputs whose answers are further apart, if there are any, and answers that do not depend on other rows."""
    with contextlib.suppress(ChildDied, TimedOut, TooLarge):  # what was accepted is accepted
        trial, predictions = _find_negative_input(ask, specs, trial, predictions)
        trial, predictions = _find_telling_input(ask, specs, trial, predictions)
        if _rows_depend(ask, trial.inputs, predictions):
            trial.recipe["one_row"] = True
            predictions = ask(trial.inputs, 1)
    trial.recipe["constant"] = _is_constant(predictions)
    return trial, predictions


def _find_negative_input(
    ask: Ask, specs: list[InputSpec], trial: TrialInput, predictions: Arrays
) -> tuple[TrialInput, Arrays]:
    """With whole numbers below 0 among the inputs, if the file answers them too: converters round their quotients, and
    look them up, otherwise than TensorFlow."""
    negative = generate_negative_input(specs, trial)
    if negative is None:
        return trial, predictions
    trial.recipe[UNTRIED] = True
    try:
        answers = _require_answers(ask(negative.inputs), negative.recipe["rows"])
    except (DoesNotLoad, InputError):
        return trial, predictions
    is_finite = all(np.isfinite(array).all() for array in answers.values() if array.dtype.kind in "fc")
    tells = measure_spread(answers).share >= min(ENOUGH_SPREAD, measure_spread(predictions).share)
    return (negative, answers) if is_finite and tells else (trial, predictions)


def _find_telling_input(
    ask: Ask, specs: list[InputSpec], trial: TrialInput, predictions: Arrays
) -> tuple[TrialInput, Arrays]:
    """Of the ranges of numbers that are tried, that whose answers are furthest apart; one alone where it is enough."""
    candidates = [(measure_spread(predictions).share, (trial, predictions))]
    for wider in generate_wider_inputs(specs, trial):
        if candidates[-1][0] >= ENOUGH_SPREAD:
            break
        wider = wider.head(min(trial.recipe["rows"], wider.recipe["rows"]))
        try:
            answers = _require_answers(ask(wider.inputs), wider.recipe["rows"])
        except (DoesNotLoad, InputError):
            continue
        except (ChildDied, TimedOut, TooLarge):
            break
        candidates.append((measure_spread(answers).share, (wider, answers)))
    return max(candidates, key=lambda candidate: candidate[0])[1]


def _is_constant(predictions: Arrays) -> bool:
    """Whether every row of several is answered alike, NaN for NaN."""
    return all(
        len(array) > 1 and all(row.tobytes() == array[0].tobytes() for row in array) for array in predictions.values()
    )


def _rows_depend(ask: Ask, inputs: Arrays, predictions: Arrays) -> bool:
    """Whether the last row alone is answered otherwise than among others, and not because each answer is another."""
    if len(next(iter(inputs.values()))) < 2:
        return False
    alone = ask(select_rows(inputs, slice(-1, None)))
    if _are_close(alone, select_rows(predictions, slice(-1, None))):
        return False
    return _are_close(ask(inputs), predictions)


def _are_close(left: Arrays, right: Arrays) -> bool:
    return all(_is_close(left[name], right[name]) for name in right)


def _is_close(left: np.ndarray, right: np.ndarray) -> bool:
    if left.shape != right.shape or right.dtype.kind not in "fc":
        return left.shape == right.shape and bool(np.array_equal(left, right))
    finite = np.abs(right[np.isfinite(right)])
    return bool(np.allclose(left, right, rtol=0, atol=TOLERANCE * float(finite.max(initial=0)), equal_nan=True))


def list_trial_remarks(recipe: Mapping[str, Any]) -> list[str]:
    """What a person should know of how the reference was made."""
    remarks = [DEPENDENT_ROWS_REMARK] if recipe["one_row"] else []
    remarks += [UNTRIED_REMARK] if recipe.get(UNTRIED) and not recipe.get("negative") else []
    return [*remarks, CONSTANT_REMARK] if recipe["constant"] else remarks
