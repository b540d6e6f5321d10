"""Named inputs and outputs: name, dtype and shape."""

from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

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
