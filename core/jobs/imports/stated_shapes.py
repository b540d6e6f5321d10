"""Shapes of rows that a person states for the inputs of a model, where its file leaves sizes free."""

from collections.abc import Iterable, Mapping, Sequence

from core.errors import InputError, UnpairedRows
from core.inputs.fitting import describe_axes
from core.runtimes.specs import InputSpec

Shapes = Mapping[str, Sequence[int]]  # of one row of an input, by its name


def state_shape(spec: InputSpec, shapes: Shapes) -> InputSpec:
    """An input in the shape that a person stated. Raises InputError where the file says something else."""
    shape = shapes.get(spec["name"])
    own = spec["shape"]
    if shape is None:
        return spec
    if own is not None and not _fits(own[1:], shape):
        kind = UnpairedRows if _fits(own, shape) else InputError
        sentence = f"A row of the input “{spec['name']}” has another shape than the one that was stated."
        cure = f"Its shape is {describe_axes(own)}, the rows first: state the sizes that it leaves free."
        raise kind(sentence, received=" × ".join(map(str, shape)), cure=cure)
    return {**spec, "shape": [None, *shape]}


def _fits(free: Sequence[int | None], shape: Sequence[int]) -> bool:
    return len(free) == len(shape) and all(own in (None, size) for own, size in zip(free, shape, strict=True))


def parse_shapes(texts: Iterable[str]) -> dict[str, list[int]]:
    """`["x=200x4"]` as `{"x": [200, 4]}`: the shape of one row of an input. Raises InputError."""
    shapes = {}
    for text in texts:
        name, _, sizes = text.rpartition("=")
        numbers = [part.strip() for part in sizes.lower().replace("×", "x").split("x")]
        if not name.strip() or not all(number.isdecimal() and int(number) for number in numbers):
            sentence = "The shape of a row is stated as INPUT=SIZE, with x between several sizes."
            raise InputError(sentence, received=text, cure="For example x=200x4.")
        shapes[name.strip()] = [int(number) for number in numbers]
    return shapes
