"""Random inputs for a file that nobody here has seen: made from what it says of its inputs, tried until it answers."""

import time
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Arrays
from core.errors import DoesNotLoad, InputError, RoundtripError, TimedOut
from core.inputs.fitting import describe_axes, numpy_dtype
from core.inputs.from_random import random_source, row_bytes
from core.runtimes.reference import BATCH_SIZE

SEED = 0
MAX_BYTES = 8 * 2**20  # of all inputs together: large pictures are asked in fewer rows
MAX_ROW_BYTES = 64 * 2**20  # bytes: a file may claim any shape
# Sizes for an axis that the file leaves free, in the order in which they are tried.
IMAGE_SIZES = (32, 64, 224, 299, 128)
AXIS_SIZES = (8, 16, 32, 128, 64, 4, 1)
# Shapes of one row where the file does not even say how many axes there are.
ROW_SHAPES = ((), (1,), (4,), (8,), (2,), (3,), (16,), (8, 8, 1), (28, 28, 1), (32, 32, 3), (224, 224, 3))
# Above which whole numbers are not drawn: the words of a vocabulary, of unknown length, are among them.
INTEGER_BOUNDS = (10.0, 2.0, 1.0)
NO_PREDICTION_MESSAGE = (
    "It loads, and answers none of the random inputs that can be made from what it says of its inputs."
)


class TrialInput(NamedTuple):
    """Random inputs, and how they were made, so that they can be made again."""

    inputs: Arrays
    recipe: dict[str, Any]


def generate_trial_inputs(specs: list[dict[str, Any]]) -> Iterator[TrialInput]:
    """Random inputs for what a file takes, the likeliest first. Raises InputError for a kind that cannot be made."""
    if not specs:
        raise InputError(
            "The file does not say what it takes, so nothing can be asked of it.",
            cure="Save it again with keras.Input, or with a signature.",
        )
    whole = any(numpy_dtype(one["dtype"]).kind in "iu" for one in specs)
    for shapes, below in product(_candidate_shapes(specs), INTEGER_BOUNDS if whole else INTEGER_BOUNDS[-1:]):
        settled = [{**one, "shape": [None, *shape]} for one, shape in zip(specs, shapes, strict=True)]
        yield _build_trial_input(settled, below)


def _candidate_shapes(specs: list[dict[str, Any]]) -> Iterator[list[tuple[int, ...]]]:
    """The shape of a row of each input, every free axis given the same size."""
    if any(one["shape"] is None for one in specs):
        for row in ROW_SHAPES:
            yield [row if one["shape"] is None else _fill_free_axes(one, AXIS_SIZES[0]) for one in specs]
    elif any(None in one["shape"][1:] for one in specs):
        for size in IMAGE_SIZES if any(len(one["shape"]) == 4 for one in specs) else AXIS_SIZES:
            yield [_fill_free_axes(one, size) for one in specs]
    else:
        yield [tuple(one["shape"][1:]) for one in specs]


def _fill_free_axes(spec: dict[str, Any], size: int) -> tuple[int, ...]:
    return tuple(size if axis is None else axis for axis in spec["shape"][1:])


def _build_trial_input(specs: list[dict[str, Any]], integer_bound: float) -> TrialInput:
    size = sum(row_bytes(one, one["shape"][1:]) for one in specs)
    if size > MAX_ROW_BYTES:
        raise InputError(
            f"One row of its inputs would take {size:,} bytes, and at most {MAX_ROW_BYTES:,} are made up for a file.",
            cure="Save it with the shapes that it is really asked in.",
        )
    rows = int(min(BATCH_SIZE, max(1, MAX_BYTES // max(size, 1))))
    inputs: Arrays = {}
    for at, one in enumerate(specs):
        high = integer_bound if numpy_dtype(one["dtype"]).kind in "iu" else 1.0
        chunks = random_source([one], rows, 0.0, high, SEED + at).chunks
        inputs |= _concatenate_chunks(chunks)
    shapes = {one["name"]: one["shape"][1:] for one in specs}
    return TrialInput(inputs, {"rows": rows, "seed": SEED, "below": integer_bound, "shapes": shapes})


def _concatenate_chunks(chunks: Iterator[Arrays]) -> Arrays:
    parts = list(chunks)
    return {name.removeprefix("input:"): np.concatenate([part[name] for part in parts]) for name in parts[0]}


def find_accepted_input(
    predictor: Any, specs: list[dict[str, Any]], *, seconds: float, cancelled: Callable[[], bool] = lambda: False
) -> tuple[TrialInput, Arrays]:
    """The first question that a loaded file answers with a row for each row, and its answers. All questions together
    may take `seconds`: on a shape that is too large for it, TensorFlow alone waits ten for more memory.

    Raises InputError where it answers none, TimedOut where time is over before all were asked, and what ends its child.
    """
    last: RoundtripError | None = None
    ends = time.monotonic() + seconds
    for question in generate_trial_inputs(specs):
        try:
            left = max(0.0, ends - time.monotonic())
            answers, _ = predictor.predict(question.inputs, seconds=left, cancelled=cancelled)
            return question, _require_row_per_input(answers, question.recipe["rows"])
        except (DoesNotLoad, InputError) as error:
            last = error
        except TimedOut as error:
            raise (_timeout_error(seconds, last or error) if time.monotonic() > ends else error) from error
    raise InputError(
        NO_PREDICTION_MESSAGE,
        received=", ".join(f"{one['name']} {_describe_spec(one)}" for one in specs),
        cure="Choose another of its signatures, or save it with the shapes that it takes.",
        detail=_error_text(last),
    ) from last


def _timeout_error(seconds: float, last: RoundtripError) -> TimedOut:
    return TimedOut(
        f"It loads, and answered no random input in {seconds:g} seconds.",
        cure="Save it with the shapes that it takes, or raise ROUNDTRIP_CONFINED_SECONDS.",
        detail=_error_text(last),
    )


def _error_text(last: RoundtripError | None) -> str:
    return f"{last.sentence} {last.detail}".strip() if last else ""


def _require_row_per_input(predictions: Arrays, rows: int) -> Arrays:
    if strange := [name for name, array in predictions.items() if not array.ndim or len(array) != rows]:
        raise InputError(f"Its answer “{strange[0]}” has no row for each row of its inputs.")
    return predictions


def _describe_spec(spec: dict[str, Any]) -> str:
    return f"({describe_axes(spec['shape'])}, {spec['dtype']})"
