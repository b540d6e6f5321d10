"""Random inputs tried on an unknown model: made from the specs of its inputs, tried until it predicts."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any, NamedTuple, Self

import numpy as np

from core.arrays import Arrays
from core.compare import measure_spread
from core.errors import ChildDied, DoesNotLoad, InputError, RoundtripError, TimedOut, TooLarge
from core.inputs.fitting import describe_axes, numpy_dtype
from core.inputs.from_random import random_source, row_bytes
from core.runtimes.reference import BATCH_SIZE
from core.runtimes.specs import InputSpec
from core.worker.child_handle import CancelCheck, never_cancelled
from core.worker.remote_predictor import RemotePredictor
from core.worker.row_budget import RowBudget, RowCap

SEED = 0
MAX_BYTES = 8 * 2**20  # of all inputs together: of large pictures there are fewer rows
MAX_ROW_BYTES = 64 * 2**20  # bytes: a file may claim any shape
# Sizes for an axis that the file leaves free, in the order in which they are tried.
IMAGE_SIZES = (32, 64, 224, 299, 128)
AXIS_SIZES = (8, 16, 32, 128, 64, 4, 1)
# Shapes of one row where the file does not even say how many axes there are.
ROW_SHAPES = ((), (1,), (4,), (8,), (2,), (3,), (16,), (8, 8, 1), (28, 28, 1), (32, 32, 3), (224, 224, 3))
# Ranges of numbers with a fraction, and of bytes. All but the first are tried where the answers to it are hardly apart.
RANGES = ((0.0, 1.0), (0.0, 255.0), (-1.0, 1.0), (-10.0, 10.0))
BYTES = RANGES[1]
ENOUGH_SPREAD = 0.01  # of the answers, as a share of the largest: then no other range is looked for
# Above which whole numbers are not drawn: the words of a vocabulary, of unknown length, are among them.
INTEGER_BOUNDS = (10.0, 2.0, 1.0)


class TrialInput(NamedTuple):
    """Random inputs, and how they were made, so that they can be made again."""

    inputs: Arrays
    recipe: dict[str, Any]

    def head(self, rows: int) -> Self:
        """The first rows."""
        inputs = {name: array[:rows] for name, array in self.inputs.items()}
        return type(self)(inputs, {**self.recipe, "rows": rows})


def generate_trial_inputs(specs: list[InputSpec]) -> Iterator[TrialInput]:
    """Yield random inputs for what a file takes, the likeliest first. Raises InputError where none can be made."""
    if not specs:
        cure = "Save it again with keras.Input, or with a signature."
        raise InputError("The file does not say what it takes, so nothing can be asked of it.", cure=cure)
    bounds = INTEGER_BOUNDS if any(map(_is_integer, specs)) else INTEGER_BOUNDS[-1:]
    for row_shapes, bound in product(_candidate_shapes(specs), bounds):
        yield _build_trial_input(specs, row_shapes, bound)


def generate_wider_inputs(specs: list[InputSpec], trial: TrialInput) -> Iterator[TrialInput]:
    """Yield inputs of the same shapes in other ranges; whole numbers, of which each may stand for a word, stay."""
    row_shapes = [trial.recipe["shapes"][spec["name"]] for spec in specs]
    if any(numpy_dtype(spec["dtype"]).kind == "f" or spec["dtype"] == "uint8" for spec in specs):
        for low, high in RANGES[1:]:
            yield _build_trial_input(specs, row_shapes, trial.recipe["below"], (low, high))


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
) -> TrialInput:
    size = sum(map(row_bytes, specs, row_shapes))
    if size > MAX_ROW_BYTES:
        raise InputError(
            f"One row of its inputs would take {size:,} bytes, and at most {MAX_ROW_BYTES:,} are made up for a file.",
            cure="Save it with the shapes that it is really asked in.",
        )
    rows = int(min(BATCH_SIZE, max(1, MAX_BYTES // max(size, 1))))
    inputs: Arrays = {}
    for place, (spec, shape) in enumerate(zip(specs, row_shapes, strict=True)):
        fixed: InputSpec = {**spec, "shape": [None, *shape]}
        low, high = _range_of(spec, integer_bound, bounds)
        chunks = list(random_source([fixed], rows, low, high, SEED + place).chunks)
        for name in chunks[0]:
            inputs[name.removeprefix("input:")] = np.concatenate([chunk[name] for chunk in chunks])
    shapes = {spec["name"]: shape for spec, shape in zip(specs, row_shapes, strict=True)}
    recipe = {"rows": rows, "seed": SEED, "below": integer_bound, "shapes": shapes}
    return TrialInput(inputs, recipe | ({} if bounds == RANGES[0] else {"range": list(bounds)}))


def _range_of(spec: InputSpec, integer_bound: float, bounds: tuple[float, float]) -> tuple[float, float]:
    """Numbers with a fraction have the range; so do bytes, where it is that of bytes."""
    if _is_integer(spec) and not (spec["dtype"] == "uint8" and bounds == BYTES):
        return 0.0, integer_bound
    return bounds


def find_accepted_input(
    predictor: RemotePredictor,
    specs: list[InputSpec],
    *,
    seconds: float,
    cancelled: CancelCheck = never_cancelled,
    cap: RowCap | None = None,
) -> tuple[TrialInput, Arrays]:
    """Find the first random inputs of which a loaded file predicts each row; gives them, and the predictions.

    All trials together may take `seconds`: on a shape that is too large for it, TensorFlow alone waits ten for more
    memory. There are as many rows as there is time for by the cost of the first, and as `cap` allows. Raises InputError
    where none is accepted, TimedOut where time is over before, TooLarge where even the child's memory is, and what ends
    its child.
    """
    last: RoundtripError | None = None
    cap, deadline = cap or RowCap(), time.monotonic() + seconds
    for trial in generate_trial_inputs(specs):
        try:
            ask = partial(_ask_rows, predictor, deadline, cancelled)
            trial = trial.head(min(cap.rows, _count_affordable(ask, trial, deadline, cap)))
            cap.asked = trial.recipe["rows"]
            accepted = trial, _require_row_per_input(ask(trial), cap.asked)
            return _find_telling_input(predictor, specs, accepted, deadline, cancelled)
        except (DoesNotLoad, InputError) as error:
            last = error
        except TimedOut as error:
            if time.monotonic() <= deadline:
                raise
            sentence = f"It loads, and answered no random input in {seconds:g} seconds."
            cure = "Save it with the shapes that it takes, or raise ROUNDTRIP_CONFINED_SECONDS."
            raise TimedOut(sentence, cure=cure, detail=_error_text(last or error)) from error
    raise InputError(
        "It loads, and answers none of the random inputs that can be made from what it says of its inputs.",
        received=", ".join(f"{spec['name']} ({describe_axes(spec['shape'])}, {spec['dtype']})" for spec in specs),
        cure="Choose another of its signatures, or save it with the shapes that it takes.",
        detail=_error_text(last),
    ) from last


def _find_telling_input(
    predictor: RemotePredictor,
    specs: list[InputSpec],
    accepted: tuple[TrialInput, Arrays],
    deadline: float,
    cancelled: CancelCheck,
) -> tuple[TrialInput, Arrays]:
    """Of the ranges of numbers that are tried, that whose answers are furthest apart; one alone where it is enough."""
    candidates = [(measure_spread(accepted[1]).share, accepted)]
    for trial in generate_wider_inputs(specs, accepted[0]) if candidates[0][0] < ENOUGH_SPREAD else ():
        left = deadline - time.monotonic()
        if left <= 0 or candidates[-1][0] >= ENOUGH_SPREAD:
            break
        trial = trial.head(accepted[0].recipe["rows"])
        try:
            predictions, _ = predictor.predict(trial.inputs, seconds=left, cancelled=cancelled)
            _require_row_per_input(predictions, trial.recipe["rows"])
        except (DoesNotLoad, InputError):
            continue
        except (ChildDied, TimedOut, TooLarge):  # what was accepted is accepted
            break
        candidates.append((measure_spread(predictions).share, (trial, predictions)))
    return max(candidates, key=lambda candidate: candidate[0])[1]


def _ask_rows(predictor: RemotePredictor, deadline: float, cancelled: CancelCheck, trial: TrialInput) -> Arrays:
    left = max(0.0, deadline - time.monotonic())
    return predictor.predict(trial.inputs, seconds=left, cancelled=cancelled)[0]


def _count_affordable(ask: Callable[[TrialInput], Arrays], trial: TrialInput, deadline: float, cap: RowCap) -> int:
    """How many rows of a trial there is time for, by what the first one costs."""
    cap.asked = 0
    budget, first = RowBudget(max(0.0, deadline - time.monotonic())), trial.head(1)
    budget.measure(lambda: ask(first))
    return budget.affordable_rows(lambda: ask(first), trial.recipe["rows"])


def _error_text(error: RoundtripError | None) -> str:
    return f"{error.sentence} {error.detail}".strip() if error else ""


def _require_row_per_input(predictions: Arrays, rows: int) -> Arrays:
    if names := [name for name, array in predictions.items() if not array.ndim or len(array) != rows]:
        raise InputError(f"Its answer “{names[0]}” has no row for each row of its inputs.")
    return predictions
