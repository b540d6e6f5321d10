"""Looking inside of a predictor: which tensors it computes on the way to its answers, and one of them at a time.

Each runtime has a module here with one function: `inside(predictor, folder, inputs) -> Inside`. Never are all tensors
kept: what is asked for becomes an output of its own, and the runtime frees the others as it goes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

from core.activations.matching import Tensor
from core.arrays import Arrays, plain
from core.runtimes.base import Predictor

CHUNK = 8  # rows that are computed at once

Compute = Callable[[Arrays], np.ndarray]


@dataclass(frozen=True)
class Inside:
    """`tensors` in order of execution, those that depend on the inputs; `only(key)` makes what computes one of them
    from inputs by the predictor's names, batch first; `remark` says what a person should know of the values."""

    tensors: list[Tensor]
    only: Callable[[str], Compute]
    remark: str = ""

    def value(self, key: str, inputs: Arrays) -> np.ndarray | None:
        """One tensor for all rows, in chunks; None where it has no numbers, or no row for each row of the inputs."""
        compute, rows = self.only(key), len(next(iter(inputs.values())))
        parts = []
        for start in range(0, rows, CHUNK):
            chunk = {name: array[start : start + CHUNK] for name, array in inputs.items()}
            part = plain(compute(chunk))
            if part.dtype.kind not in "fiub" or not part.ndim or len(part) != min(CHUNK, rows - start):
                return None
            parts.append(part)
        return np.concatenate(parts) if len({part.shape[1:] for part in parts}) == 1 and parts[0].size else None


def look(kind: str, predictor: Predictor, folder: Path, inputs: Arrays) -> Inside:
    """The inside of a predictor; `kind` is its format's `inside`, `inputs` are some rows under its own names."""
    return import_module(f"{__name__}.{kind}").inside(predictor, folder, inputs)
