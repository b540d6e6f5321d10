"""What the files of a copy can tell of themselves, part by part, without the model being run."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

WEIGHTS, OPTIMIZER, OTHER = "weights", "optimizer state", "other"
MAX_ENTRIES = 5_000  # operations, tensors or layers that are listed of one file


@dataclass(frozen=True)
class StoredTensor:
    """One tensor as a file holds it: `key` is its address in the file, `name` what it is called there.

    `group` is "weights", "optimizer state" or "other" (counters, vocabularies, shapes); `read` gives the array as it is
    stored; `scaled`, of a quantised one, the numbers that its integers stand for, which `note` explains.
    """

    key: str
    name: str
    shape: tuple[int, ...]
    dtype: str
    group: str
    read: Callable[[], np.ndarray]
    note: str = ""
    read_dequantized: Callable[[], np.ndarray] | None = None


@dataclass(frozen=True)
class FileContents:
    """One copy, open. Each part is None where such a file has none; `tensors` lists before it reads.

    `signatures` gives `{"signatures": [...], "functions": [...], "facts": {...}}`, `layers` a list of layers,
    `config` JSON documents by name, `operators` `{"counts", "operators", "tensors", "facts"}`. `remarks` are sentences.
    """

    kind: str
    tensors: Callable[[], Iterable[StoredTensor]] | None = None
    signatures: Callable[[], dict[str, Any]] | None = None
    layers: Callable[[], list[dict[str, Any]]] | None = None
    config: Callable[[], dict[str, Any]] | None = None
    operators: Callable[[], dict[str, Any]] | None = None
    remarks: list[str] = field(default_factory=list)


def describe_port(name: str, dtype: str, shape: Iterable[int | None] | None, **extra: Any) -> dict[str, Any]:
    """One input or output; None stands for a free size, and for a shape of which nothing is known."""
    return {"name": name, "dtype": dtype, "shape": None if shape is None else list(shape), **extra}


def count_operations(operators: Iterable[str]) -> dict[str, int]:
    """How often each operation occurs, the most frequent first."""
    found: dict[str, int] = {}
    for one in operators:
        found[one] = found.get(one, 0) + 1
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))
