"""Random inputs from a model's signature: any number of rows, the same ones for the same seed, in little memory."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.errors import InputError
from core.inputs.fitting import InputSpecs, numpy_dtype
from core.inputs.npy import rows_per_chunk
from core.inputs.source import InputSource, SourceArray

MIN_WORD_LENGTH, MAX_WORD_LENGTH = 3, 8  # letters of a random word
AxisSizes = Mapping[str, Sequence[int]]


def random_source(
    specs: InputSpecs, rows: int, low: float, high: float, seed: int, sizes: AxisSizes | None = None
) -> InputSource:
    """`rows` rows for each input: numbers uniform in [low, high), truths even, words of 3 to 8 letters.

    `sizes` gives for an input a size for each axis (but that of the rows) which its model leaves free, in order. Each
    input has a PCG64 generator of its own from (seed, its place), which is used row by row: the values do not depend on
    how many rows are made together. Raises InputError.
    """
    _check_arguments(specs, rows, low, high, seed)
    shapes = {spec["name"]: _fill_free_axes(spec, (sizes or {}).get(spec["name"], ())) for spec in specs}
    given = [SourceArray(spec["name"], _stored_dtype(spec), shapes[spec["name"]]) for spec in specs]
    return InputSource(given, _random_chunks(specs, shapes, rows, low, high, seed))


def _check_arguments(specs: InputSpecs, rows: int, low: float, high: float, seed: int) -> None:
    if not specs:
        raise InputError("The model does not say what it takes.", cure="Give inputs in a file.")
    if rows < 1:
        raise InputError("At least one row must be made.", received=rows, cure="Choose 1 row or more.")
    if seed < 0:
        raise InputError("A seed is a whole number from 0 on.", received=seed, cure="Choose another seed.")
    if not (math.isfinite(low) and math.isfinite(high) and low < high and math.isfinite(high - low)):
        raise InputError(
            "The range must begin at a number below that at which it ends.",
            received=f"{low} to {high}",
            cure="Choose a lower and a higher number.",
        )
    for spec in specs:
        _integer_range(spec, low, high)


def _integer_range(spec: dict[str, Any], low: float, high: float) -> tuple[int, int]:
    """The first and the last whole number that an input of whole numbers may get. Raises InputError for none."""
    dtype = numpy_dtype(spec["dtype"])
    if dtype.kind == "f" and max(abs(low), abs(high)) > float(np.finfo(dtype).max):
        raise InputError(
            f"“{spec['name']}” takes numbers up to {np.finfo(dtype).max:.3g} ({dtype.name}).",
            received=f"{low} to {high}",
            cure="Choose another range.",
        )
    if dtype.kind not in "iu":
        return 0, 0
    first, last = math.ceil(low), math.ceil(high) - 1
    bounds = np.iinfo(dtype)
    if first > last or first < bounds.min or last > min(bounds.max, 2**63 - 1):
        raise InputError(
            f"“{spec['name']}” takes whole numbers from {bounds.min:,} to {bounds.max:,} ({dtype.name}), and the range "
            "holds none of them, or others too.",
            received=f"{low} to {high}",
            cure="Choose another range.",
        )
    return first, last


def count_free_axes(spec: dict[str, Any]) -> int:
    """How many axes (but that of the rows) the model leaves free."""
    return sum(size is None for size in (spec["shape"] or [None])[1:])


def _fill_free_axes(spec: dict[str, Any], sizes: Sequence[int]) -> tuple[int, ...]:
    free = count_free_axes(spec)
    if spec["shape"] is None or len(sizes) != free or any(size < 1 for size in sizes):
        axes = "one axis" if free == 1 else f"{free or 'an unknown number of'} axes"
        raise InputError(
            f"“{spec['name']}” has {axes} of any size, and each needs one here.",
            received=", ".join(map(str, sizes)) or "no sizes",
            cure="Give a size, 1 or more, for each of them.",
        )
    waiting = iter(sizes)
    return tuple(next(waiting) if size is None else size for size in spec["shape"][1:])


def _stored_dtype(spec: dict[str, Any]) -> np.dtype:
    dtype = numpy_dtype(spec["dtype"])
    return np.dtype(f"U{MAX_WORD_LENGTH}") if dtype.kind == "U" else dtype


def row_bytes(spec: dict[str, Any], shape: Sequence[int]) -> int:
    """Bytes of one row of an input as it is kept; of text, at most."""
    return _stored_dtype(spec).itemsize * math.prod(shape)


def _random_chunks(
    specs: InputSpecs, shapes: dict[str, tuple], rows: int, low: float, high: float, seed: int
) -> Iterator[Arrays]:
    makers = {
        spec["name"]: _value_generator(spec, low, high, np.random.default_rng([seed, at]))
        for at, spec in enumerate(specs)
    }
    # Numbers are made as 64 bits, whatever is kept, and words from one such number a letter.
    each = {spec["name"]: 8 * (MAX_WORD_LENGTH + 1) if spec["dtype"] == "object" else 8 for spec in specs}
    step = rows_per_chunk(sum(each[name] * math.prod(shape) for name, shape in shapes.items()))
    for start in range(0, rows, step):
        count = min(step, rows - start)
        yield {f"input:{name}": make((count, *shapes[name])) for name, make in makers.items()}


def _value_generator(
    spec: dict[str, Any], low: float, high: float, generator: np.random.Generator
) -> Callable[..., np.ndarray]:
    """A function that gives the next values, in a shape that it is given."""
    dtype = numpy_dtype(spec["dtype"])
    if dtype.kind == "U":
        return lambda shape: _draw_words(generator, shape)
    if dtype.kind == "b":
        return lambda shape: generator.random(shape) < 0.5
    if dtype.kind in "iu":
        first, last = _integer_range(spec, low, high)
        # Always as 64 bits: of narrower types the generator makes several at once, and drops the rest of each call.
        return lambda shape: generator.integers(first, last, shape, dtype="int64", endpoint=True).astype(dtype)
    return lambda shape: _draw_uniform(generator, shape, low, high, dtype)


def _draw_uniform(generator: np.random.Generator, shape: tuple, low: float, high: float, dtype: np.dtype) -> np.ndarray:
    """Uniform in [low, high), also after rounding to a dtype in which the largest might become `high` itself."""
    values = (low + (high - low) * generator.random(shape)).astype(dtype)
    return np.where(values < dtype.type(high), values, np.nextafter(dtype.type(high), dtype.type(low)))


def _draw_words(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Words of 3 to 8 small letters."""
    drawn = generator.random((*shape, MAX_WORD_LENGTH + 1))
    lengths = MIN_WORD_LENGTH + (drawn[..., :1] * (MAX_WORD_LENGTH - MIN_WORD_LENGTH + 1)).astype("int64")
    letters = ord("a") + (drawn[..., 1:] * 26).astype("uint32")
    codes = np.where(np.arange(MAX_WORD_LENGTH) < lengths, letters, 0).astype("uint32")
    return np.ascontiguousarray(codes).view(f"U{MAX_WORD_LENGTH}").reshape(shape)
