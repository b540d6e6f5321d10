"""Activations: list and compute the intermediate tensors of a predictor.

Each runtime has a module here with one function, `build_activations(predictor, folder, inputs)`. Never are all tensors
in memory: the one that is computed becomes an output of its own, and the runtime frees the others as it goes.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from core.activations.matching import Activation
from core.arrays import Arrays, to_plain_array
from core.runtimes.base import Predictor

CHUNK_ROWS = 8  # rows that are computed at once

Compute = Callable[[Arrays], np.ndarray]


@dataclass(frozen=True)
class Activations:
    """The tensors that depend on the inputs, in order of execution.

    `build_compute(key)` makes the function that computes one of them from inputs by the predictor's names, batch first;
    `remark` says what a person should know of the values.
    """

    tensors: list[Activation]
    build_compute: Callable[[str], Compute]
    remark: str = ""

    def compute(self, key: str, inputs: Arrays) -> np.ndarray | None:
        """One tensor for all rows, in chunks; None where it has no numbers, or no row for each row of the inputs."""
        compute, rows = self.build_compute(key), len(next(iter(inputs.values())))
        parts = []
        for start in range(0, rows, CHUNK_ROWS):
            chunk = {name: array[start : start + CHUNK_ROWS] for name, array in inputs.items()}
            part = to_plain_array(compute(chunk))
            if part.dtype.kind not in "fiub" or not part.ndim or len(part) != min(CHUNK_ROWS, rows - start):
                return None
            parts.append(part)
        return np.concatenate(parts) if len({part.shape[1:] for part in parts}) == 1 and parts[0].size else None


def predecessors(keys: Mapping[Any, str], sources: Iterable[Any]) -> tuple[str, ...]:
    """The keys of those sources that are activations themselves, each once; an input of the model has the key ""."""
    return tuple(dict.fromkeys(keys[source] for source in sources if keys.get(source)))


def open_activations(kind: str, predictor: Predictor, folder: Path, inputs: Arrays) -> Activations:
    """Open the activations of a predictor; `kind` is its format's `activations`, `inputs` some rows by its names."""
    return import_module(f"{__name__}.{kind}").build_activations(predictor, folder, inputs)
