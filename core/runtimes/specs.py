"""Named inputs and outputs: name, dtype and shape, and the path of each output in a model's structure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import numpy as np

from core.arrays import Arrays

Shape = tuple[int | None, ...] | None  # None where not even the number of axes is known


class InputSpec(TypedDict):
    """One input of a model, as its run records it.

    `dtype` is NumPy's name ("object" is text); `shape` has the rows first and None where an axis may have any size,
    and is None where not even the number of axes is known. An `optional` input may be left out. `range` is from the
    lowest to the highest number that an imported file asks for, where it says so (see `core.runtimes.asked_ranges`).
    """

    name: str
    dtype: str
    shape: list[int | None] | None
    optional: NotRequired[bool]
    range: NotRequired[list[float]]


@dataclass(frozen=True)
class Spec:
    """One named input or output: its dtype as NumPy names it, its shape with the batch first and None where free.

    An optional input may be left out.
    """

    name: str
    dtype: str
    shape: Shape
    is_optional: bool = False

    def to_json(self) -> InputSpec:
        sizes = None if self.shape is None else list(self.shape)
        known: InputSpec = {"name": self.name, "dtype": self.dtype, "shape": sizes}
        return {**known, "optional": True} if self.is_optional else known


def shape_of(tensor: Any) -> Shape:
    """The static shape of a tensor or its spec, None where its rank is unknown."""
    return None if tensor.shape.rank is None else tuple(tensor.shape.as_list())


def to_numpy_dtype(name: str) -> str:
    return "object" if name == "string" else name


def fixed_row_shape(spec: InputSpec) -> tuple[int, ...] | None:
    """Return the shape of one row; None where the model leaves a size free."""
    if spec["shape"] is None:
        return None
    sizes = tuple(size for size in spec["shape"][1:] if size is not None)
    return sizes if len(sizes) == len(spec["shape"][1:]) else None


def name_outputs(outputs: Any, names: list[str] | None = None) -> Arrays:
    """Outputs by name, as `flatten_outputs` names them."""
    return {name: np.asarray(tensor) for name, tensor in flatten_outputs(outputs, names).items()}


def flatten_outputs(outputs: Any, names: list[str] | None = None) -> dict[str, Any]:
    """Every tensor of a structure by its path in it, as "output_0", "scores" or "heads/left/output_1".

    Args:
        outputs: A tensor, or lists, tuples and dictionaries of them at any depth; None stands for no tensor.
        names: What the model calls the items of a list, where each has one name of its own.
    """
    if isinstance(outputs, (list, tuple)) and names and len({*names}) == len(outputs) == len(names):
        outputs = dict(zip(names, outputs, strict=True))
    paths = list(_walk_outputs(outputs, ""))
    if len({path for path, _ in paths}) == len(paths):
        return dict(paths)
    return {f"output_{index}": tensor for index, (_, tensor) in enumerate(paths)}  # two keys made one path


def is_nested(outputs: Any) -> bool:
    """Whether a structure holds others: no signature of a SavedModel and no other runtime could give those."""
    items = outputs.values() if isinstance(outputs, dict) else outputs if isinstance(outputs, (list, tuple)) else ()
    return any(isinstance(item, (dict, list, tuple)) for item in items)


def _walk_outputs(outputs: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(outputs, dict):
        items = [(str(key), item) for key, item in outputs.items()]
    elif isinstance(outputs, (list, tuple)):
        items = [(f"output_{index}", item) for index, item in enumerate(outputs)]
    else:
        if outputs is not None:
            yield path or "output_0", outputs
        return
    for key, item in items:
        yield from _walk_outputs(item, f"{path}/{key}" if path else key)


def repeat_for_rows(array: np.ndarray, rows: int) -> np.ndarray:
    """An output with one item for each row: what is one for the whole call, as a mean over it, is repeated."""
    return array if array.ndim and len(array) == rows else np.broadcast_to(array, (rows, *array.shape))
