"""Outputs of a model by name: the path of each tensor in the structure that the model returns."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from core.arrays import Arrays


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
