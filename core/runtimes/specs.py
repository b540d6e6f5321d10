"""Named inputs and outputs: name, dtype and shape."""

from dataclasses import dataclass
from typing import Any

Shape = tuple[int | None, ...] | None  # None where not even the number of axes is known


@dataclass(frozen=True)
class Spec:
    """One named input or output: its dtype as NumPy names it, its shape with the batch first and None where free."""

    name: str
    dtype: str
    shape: Shape

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype, "shape": None if self.shape is None else list(self.shape)}


def shape_of(tensor: Any) -> Shape:
    """The static shape of a tensor or its spec, None where its rank is unknown."""
    return None if tensor.shape.rank is None else tuple(tensor.shape.as_list())


def to_numpy_dtype(name: str) -> str:
    return "object" if name == "string" else name
