"""Random inputs from a model's signature: any number of rows, the same ones for the same seed, in little memory."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from core.arrays import Arrays
from core.errors import InputError
from core.inputs.fitting import InputSpecs, numpy_dtype
from core.inputs.npy import rows_per_chunk
from core.inputs.source import InputSource, SourceArray, require_row_request
from core.runtimes.specs import InputSpec

MIN_WORD_LENGTH, MAX_WORD_LENGTH = 3, 8  # letters of a random word
AxisSizes = Mapping[str, Sequence[int]]
Shape = tuple[int, ...]


def random_source(
    specs: InputSpecs, rows: int, low: float, high: float, seed: int, sizes: AxisSizes | None = None
) -> InputSource:
    """Make `rows` rows for each input: numbers uniform in [low, high), truths even, words of 3 to 8 letters.

    Each input has a PCG64 generator of its own from (seed, its place), which is used row by row: the values do not
    depend on how many rows are made together.

    Args:
        sizes: For an input, a size for each axis (but that of the rows) which its model leaves free, in order.

    Raises:
        InputError: When a number does not fit.
    """
    if not specs:
        raise InputError("The model does not say what it takes.", cure="Give inputs in a file.")
    require_row_request(rows, seed, "made")
    if not (math.isfinite(low) and math.isfinite(high) and low < high and math.isfinite(high - low)):
        sentence = "The range must begin at a number below that at which it ends."
        raise InputError(sentence, received=f"{low} to {high}", cure="Choose a lower and a higher number.")
    for spec in specs:
        _integer_range(spec, low, high)
    shapes = {spec["name"]: _fill_free_axes(spec, (sizes or {}).get(spec["name"], ())) for spec in specs}
    arrays = [SourceArray(spec["name"], _stored_dtype(spec), shapes[spec["name"]]) for spec in specs]
    return InputSource(arrays, _random_chunks(specs, shapes, rows, low, high, seed))


def _integer_range(spec: InputSpec, low: float, high: float) -> tuple[int, int]:
    """Return the first and the last integer in [low, high), (0, 0) for other dtypes.

    Raises InputError when the input's dtype does not hold all of the range.
    """
    dtype = numpy_dtype(spec["dtype"])
    first, last = math.ceil(low), math.ceil(high) - 1
    sentence = ""
    if dtype.kind == "f" and max(abs(low), abs(high)) > float(np.finfo(dtype).max):
        sentence = f"“{spec['name']}” takes numbers up to {np.finfo(dtype).max:.3g} ({dtype.name})."
    elif dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        if first > last or first < bounds.min or last > min(bounds.max, 2**63 - 1):
            sentence = (
                f"“{spec['name']}” takes whole numbers from {bounds.min:,} to {bounds.max:,} ({dtype.name}), and the "
                "range holds none of them, or others too."
            )
    if sentence:
        raise InputError(sentence, received=f"{low} to {high}", cure="Choose another range.")
    return (first, last) if dtype.kind in "iu" else (0, 0)


def count_free_axes(spec: InputSpec) -> int:
    """Return how many axes (but that of the rows) the model leaves free."""
    return (spec["shape"] or [])[1:].count(None)


def _fill_free_axes(spec: InputSpec, sizes: Sequence[int]) -> Shape:
    free = count_free_axes(spec)
    if spec["shape"] is None or len(sizes) != free or any(size < 1 for size in sizes):
        axes = "one axis" if free == 1 else f"{free or 'an unknown number of'} axes"
        sentence = f"“{spec['name']}” has {axes} of any size, and each needs one here."
        cure = "Give a size, 1 or more, for each of them."
        raise InputError(sentence, received=", ".join(map(str, sizes)) or "no sizes", cure=cure)
    pending = iter(sizes)
    return tuple(next(pending) if size is None else size for size in spec["shape"][1:])


def _stored_dtype(spec: InputSpec) -> np.dtype:
    dtype = numpy_dtype(spec["dtype"])
    return np.dtype(f"U{MAX_WORD_LENGTH}") if dtype.kind == "U" else dtype


def row_bytes(spec: InputSpec, shape: Sequence[int]) -> int:
    """Return the bytes of one stored row of an input; of text, at most."""
    return _stored_dtype(spec).itemsize * math.prod(shape)


def _random_chunks(
    specs: InputSpecs, shapes: dict[str, Shape], rows: int, low: float, high: float, seed: int
) -> Iterator[Arrays]:
    makers = {
        spec["name"]: _value_generator(spec, low, high, np.random.default_rng([seed, at]))
        for at, spec in enumerate(specs)
    }
    # Numbers are made as 64 bits, whatever is stored, and words from one such number a letter.
    widths = {spec["name"]: 8 * (MAX_WORD_LENGTH + 1) if spec["dtype"] == "object" else 8 for spec in specs}
    step = rows_per_chunk(sum(widths[name] * math.prod(shape) for name, shape in shapes.items()))
    for start in range(0, rows, step):
        count = min(step, rows - start)
        yield {f"input:{name}": make((count, *shapes[name])) for name, make in makers.items()}


def _value_generator(
    spec: InputSpec, low: float, high: float, generator: np.random.Generator
) -> Callable[[Shape], np.ndarray]:
    """Return a function that makes the next values, in a shape that it is given."""
    dtype = numpy_dtype(spec["dtype"])
    if dtype.kind == "U":
        return lambda shape: _draw_words(generator, shape)
    if dtype.kind == "b":
        return lambda shape: np.less(generator.random(shape), 0.5)
    if dtype.kind in "iu":
        first, last = _integer_range(spec, low, high)
        # Always as 64 bits: of narrower types the generator makes several at once, and drops the rest of each call.
        return lambda shape: generator.integers(first, last, shape, dtype="int64", endpoint=True).astype(dtype)
    return lambda shape: _draw_uniform(generator, shape, low, high, dtype)


def _draw_uniform(generator: np.random.Generator, shape: Shape, low: float, high: float, dtype: np.dtype) -> np.ndarray:
    """Uniform in [low, high), also after rounding to a dtype in which the largest might become `high` itself."""
    values = (low + (high - low) * generator.random(shape)).astype(dtype)
    return np.where(values < dtype.type(high), values, np.nextafter(dtype.type(high), dtype.type(low)))


def _draw_words(generator: np.random.Generator, shape: Shape) -> np.ndarray:
    """Words of 3 to 8 small letters."""
    draws = generator.random((*shape, MAX_WORD_LENGTH + 1))
    lengths = MIN_WORD_LENGTH + (draws[..., :1] * (MAX_WORD_LENGTH - MIN_WORD_LENGTH + 1)).astype("int64")
    letters = ord("a") + (draws[..., 1:] * 26).astype("uint32")
    codes = np.where(np.arange(MAX_WORD_LENGTH) < lengths, letters, 0).astype("uint32")
    return np.ascontiguousarray(codes).view(f"U{MAX_WORD_LENGTH}").reshape(shape)
