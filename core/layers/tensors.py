"""What is said of one tensor inside a model before a number of it is computed."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Tensor:
    """One intermediate tensor.

    `key` is how it is asked for; `name` and `op` are the runtime's own words for it and for what made it (a layer's
    class, an operation); `shape` has the batch first and None where free, or is None where nothing is known; `after`
    are the keys of the listed tensors that it is computed from directly.
    """

    key: str
    name: str
    op: str
    shape: tuple[int | None, ...] | None
    dtype: str
    after: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Tensor":
        shape = record["shape"]
        known = None if shape is None else tuple(shape)
        return cls(**record | {"shape": known, "after": tuple(record["after"])})
