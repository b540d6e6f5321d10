"""Outputs of a model by name."""

from typing import Any

import numpy as np

from core.arrays import Arrays
from core.errors import CannotSave


def name_outputs(outputs: Any, names: list[str] | None) -> Arrays:
    """Outputs by name. Raises CannotSave where they are nested: no signature and no runtime could give those."""
    if isinstance(outputs, (list, tuple)):
        names = names if names and len(names) == len(outputs) else [f"output_{index}" for index in range(len(outputs))]
        outputs = dict(zip(names, outputs, strict=True))
    elif not isinstance(outputs, dict):
        outputs = {"output_0": outputs}
    nested = [name for name, output in outputs.items() if isinstance(output, (dict, list, tuple))]
    if nested:
        cure = "Return one tensor, or a dictionary or list of tensors."
        raise CannotSave(f"The answers of this model are nested: '{nested[0]}' holds others.", cure=cure)
    return {name: np.asarray(tensor) for name, tensor in outputs.items()}
