"""The trial of an imported model: random inputs made from its specs, the likeliest first, until it predicts."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from core.arrays import Arrays, select_rows
from core.compare import measure_spread
from core.errors import ChildDied, DoesNotLoad, InputError, RoundtripError, TimedOut, TooLarge, UnpairedRows
from core.inputs.fitting import describe_axes, numpy_dtype
from core.inputs.from_random import random_source, row_bytes
from core.jobs.import_request import Shapes, state_shape
from core.runtimes.reference import BATCH_SIZE
from core.runtimes.specs import InputSpec
from core.worker.child_handle import CancelCheck, never_cancelled
from core.worker.remote_predictor import RemotePredictor
from core.worker.row_budget import RowBudget, RowCap

SEED = 0
MAX_BYTES = 8 * 2**20  # of all inputs together: of large pictures there are fewer rows
MAX_ROW_BYTES = 64 * 2**20  # bytes: a file may claim any shape
# Sizes for an axis that the file leaves free, in the order in which they are tried: long ones feed wide windows.
IMAGE_SIZES = (32, 64, 224, 299, 128, 512)
PICTURE_SIZE = 224  # that most models of pictures were trained on
AXIS_SIZES = (8, 16, 32, 128, 64, 4, 1, 256, 512, 1024, 2048, 4096, 16_000)
# Shapes of one row where the file does not even say how many axes there are.
ROW_SHAPES = ((), (1,), (4,), (8,), (2,), (3,), (16,), (8, 8, 1), (28, 28, 1), (32, 32, 3), (224, 224, 3))
# Ranges of numbers with a fraction, and of bytes. All but the first are tried where the answers to it are hardly apart.
RANGES = ((0.0, 1.0), (0.0, 255.0), (-1.0, 1.0), (-10.0, 10.0))
BYTES = RANGES[1]
# Above which whole numbers are not drawn: the words of a vocabulary, of unknown length, are among them.
INTEGER_BOUNDS = (10.0, 2.0, 1.0)


class TrialInput(NamedTuple):
    """Random inputs, and how they were made, so that they can be made again.

    Once they are answered, the recipe also says whether that was "constant", all rows alike, and by "one_row", each
    alone, since rows of one call change each other's answers. Its "ranges" are those that the file asks for, by input.
    """

    inputs: Arrays
    recipe: dict[str, Any]

    def head(self, rows: int) -> Self:
        """The first rows."""
        inputs = {name: array[:rows] for name, array in self.inputs.items()}
        return type(self)(inputs, {**self.recipe, "rows": rows})


def generate_trial_inputs(specs: list[InputSpec], shapes: Shapes | None = None) -> Iterator[TrialInput]:
    """Yield random inputs for what a file takes, the likeliest first: in the ranges that it asks for, where it says so.

    Raises InputError where none can be made. `shapes` are those of a row that a person stated, for some inputs or all.
    """
    if not specs:
        cure = "Save it again with keras.Input, or with a signature."
        raise InputError("The file does not say what it takes, so nothing can be asked of it.", cure=cure)
    stated = [state_shape(spec, shapes or {}) for spec in specs]
    bounds = INTEGER_BOUNDS if any(map(_is_integer, specs)) else INTEGER_BOUNDS[-1:]
    is_asked = any(map(_asked_range, specs))
    for row_shapes in _candidate_shapes(stated):
        if is_asked:
            yield _build_trial_input(specs, row_shapes, bounds[0], as_asked=True)
        yield from (_build_trial_input(specs, row_shapes, bound) for bound in bounds)


def generate_wider_inputs(specs: list[InputSpec], trial: TrialInput) -> Iterator[TrialInput]:
    """Yield inputs of the same shapes in other ranges, then pictures of a size that people take, where it is free.

    Whole numbers, of which each may stand for a word, stay.
    """
    row_shapes = [trial.recipe["shapes"][spec["name"]] for spec in specs]
    more = {"is_negative": "negative" in trial.recipe}
    if any(numpy_dtype(spec["dtype"]).kind == "f" or spec["dtype"] == "uint8" for spec in specs):
        for range_ in RANGES if "ranges" in trial.recipe else RANGES[1:]:
            yield _build_trial_input(specs, row_shapes, trial.recipe["below"], range_, **more)
    if any(len(spec["shape"] or ()) == 4 and None in (spec["shape"] or ())[1:] for spec in specs):
        larger = [
            _fill_free_axes((spec["shape"] or [None, *shape])[1:], PICTURE_SIZE)
            for spec, shape in zip(specs, row_shapes, strict=True)
        ]
        if larger != row_shapes:
            as_asked = "ranges" in trial.recipe
            yield _build_trial_input(specs, larger, trial.recipe["below"], as_asked=as_asked, **more)


def generate_negative_input(specs: list[InputSpec], trial: TrialInput) -> TrialInput | None:
    """The same with whole numbers below 0 among them; None where no input takes such, or the file asks for a range."""
    if not any(numpy_dtype(spec["dtype"]).kind == "i" and not _asked_range(spec) for spec in specs):
        return None
    row_shapes, below = [trial.recipe["shapes"][spec["name"]] for spec in specs], trial.recipe["below"]
    built = _build_trial_input(specs, row_shapes, below, as_asked="ranges" in trial.recipe, is_negative=True)
    return built.head(trial.recipe["rows"])


def _is_integer(spec: InputSpec) -> bool:
    return numpy_dtype(spec["dtype"]).kind in "iu"


def _candidate_shapes(specs: list[InputSpec]) -> Iterator[list[list[int]]]:
    """The shape of a row of each input, every free axis given the same size."""
    shapes = [None if spec["shape"] is None else spec["shape"][1:] for spec in specs]
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes):
        for row in ROW_SHAPES:
            yield [list(row) if shape is None else _fill_free_axes(shape, AXIS_SIZES[0]) for shape in shapes]
    elif any(None in shape for shape in known):
        for size in IMAGE_SIZES if any(len(shape) == 3 for shape in known) else AXIS_SIZES:
            yield [_fill_free_axes(shape, size) for shape in known]
    else:
        yield [_fill_free_axes(shape, 1) for shape in known]


def _fill_free_axes(shape: list[int | None], size: int) -> list[int]:
    return [size if axis is None else axis for axis in shape]


def _build_trial_input(
    specs: list[InputSpec],
    row_shapes: list[list[int]],
    integer_bound: float,
    bounds: tuple[float, float] = RANGES[0],
    as_asked: bool = False,
    is_negative: bool = False,
) -> TrialInput:
    size = sum(map(row_bytes, specs, row_shapes))
    if size > MAX_ROW_BYTES:
        raise InputError(
            f"One row of its inputs would take {size:,} bytes, and at most {MAX_ROW_BYTES:,} are made up for a file.",
            cure="Save it with the shapes that it is really asked in, or state smaller ones.",
        )
    rows = int(min(BATCH_SIZE, max(1, MAX_BYTES // max(size, 1))))
    inputs: Arrays = {}
    for place, (spec, shape) in enumerate(zip(specs, row_shapes, strict=True)):
        fixed: InputSpec = {**spec, "shape": [None, *shape]}
        asked = _asked_range(spec) if as_asked else None
        low, high = asked or _range_of(spec, integer_bound, bounds, is_negative)
        chunks = list(random_source([fixed], rows, low, high, SEED + place).chunks)
        for name in chunks[0]:
            inputs[name.removeprefix("input:")] = np.concatenate([chunk[name] for chunk in chunks])
    shapes = {spec["name"]: shape for spec, shape in zip(specs, row_shapes, strict=True)}
    recipe = {"rows": rows, "seed": SEED, "below": integer_bound, "shapes": shapes, "one_row": False, "constant": False}
    recipe |= {"negative": True} if is_negative else {}
    if as_asked:
        return TrialInput(inputs, recipe | {"ranges": {spec["name"]: _asked_range(spec) for spec in specs}})
    return TrialInput(inputs, recipe | ({} if bounds == RANGES[0] else {"range": list(bounds)}))


def _asked_range(spec: InputSpec) -> tuple[float, float] | None:
    """The range that the file asks of an input, as far as its dtype holds it; None where it says nothing."""
    asked, dtype = spec.get("range"), numpy_dtype(spec["dtype"])
    if not asked or dtype.kind not in "fiu":
        return None
    bounds = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    low, high = max(asked[0], float(bounds.min)), min(asked[1], float(bounds.max))
    if dtype.kind in "iu":
        low, high = math.ceil(low), math.ceil(high)
    return (low, high) if low < high else None


def _range_of(
    spec: InputSpec, integer_bound: float, bounds: tuple[float, float], is_negative: bool
) -> tuple[float, float]:
    """Numbers with a fraction have the range; so do bytes, where it is that of bytes."""
    if _is_integer(spec) and not (spec["dtype"] == "uint8" and bounds == BYTES):
        return -integer_bound if is_negative and numpy_dtype(spec["dtype"]).kind == "i" else 0.0, integer_bound
    return bounds


def describe_ranges(recipe: Mapping[str, Any]) -> str:
    """In which ranges the random numbers lie, where the file asks for them."""
    named = {name: f"{asked[0]:.4g} to {asked[1]:.4g}" for name, asked in recipe.get("ranges", {}).items() if asked}
    if not named:
        return ""
    one = set(named.values())
    ranges = one.pop() if len(one) == 1 else ", ".join(f"{name} {asked}" for name, asked in named.items())
    return f" of numbers as it asks for ({ranges})"


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
        raise InputError("Its answers are empty: there are no numbers in them.")
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
