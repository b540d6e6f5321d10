"""Random inputs for the trial of an unknown model, made from the specs of its inputs, the likeliest first."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from core.arrays import Arrays
from core.errors import InputError
from core.inputs.fitting import numpy_dtype
from core.inputs.from_random import random_source, row_bytes
from core.jobs.imports.import_request import Shapes, state_shape
from core.runtimes.base import BATCH_SIZE
from core.runtimes.specs import InputSpec

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
    below, is_negative = trial.recipe["below"], "negative" in trial.recipe
    if any(numpy_dtype(spec["dtype"]).kind == "f" or spec["dtype"] == "uint8" for spec in specs):
        for range_ in RANGES if "ranges" in trial.recipe else RANGES[1:]:
            yield _build_trial_input(specs, row_shapes, below, range_, is_negative=is_negative)
    if any(len(spec["shape"] or ()) == 4 and None in (spec["shape"] or ())[1:] for spec in specs):
        larger = [
            _fill_free_axes((spec["shape"] or [None, *shape])[1:], PICTURE_SIZE)
            for spec, shape in zip(specs, row_shapes, strict=True)
        ]
        if larger != row_shapes:
            as_asked = "ranges" in trial.recipe
            yield _build_trial_input(specs, larger, below, as_asked=as_asked, is_negative=is_negative)


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
    texts = set(named.values())
    ranges = texts.pop() if len(texts) == 1 else ", ".join(f"{name} {asked}" for name, asked in named.items())
    return f" of numbers as it asks for ({ranges})"
