"""Which output is held against which: by name, else by shape, else by the nearest values; and its right answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from core.arrays import Arrays, as_text, is_text
from core.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True)
class OutputMatch:
    """Which output was held against which, and why those two: by "name", or by "shape" or "value" where renamed."""

    reference: str
    answer: str
    by: str


def match_outputs(reference: Arrays, predictions: Arrays) -> tuple[OutputMatch, ...]:
    """Pair outputs by name; those that were renamed by shape, and where several shapes fit by the nearest values.

    Raises InputError when an output of the reference finds no partner, or when the reference has none.
    """
    if not reference:
        raise InputError("There are no outputs to compare.", cure="Choose a model that answers something.")
    pairs = [
        OutputMatch(name, name, "name") for name in reference if _has_same_shape(reference[name], predictions.get(name))
    ]
    for name in reference:
        if name in {pair.reference for pair in pairs}:
            continue
        taken = {pair.answer for pair in pairs}
        fitting = [
            one for one in predictions if one not in taken and _has_same_shape(reference[name], predictions[one])
        ]
        if not fitting:
            raise InputError(
                f"No output fits the reference's '{name}' of shape {reference[name].shape}.",
                received=", ".join(f"{one} {array.shape}" for one, array in predictions.items()) or "no outputs",
                cure="Compare copies of models that answer the same question on the same rows.",
            )
        nearest = min(fitting, key=lambda one: _mean_difference(reference[name], predictions[one]))
        pairs.append(OutputMatch(name, nearest, "shape" if len(fitting) == 1 else "value"))
    return tuple(pairs)


def find_targets(output: str, outputs: Sequence[str], targets: Mapping[str, T]) -> T | None:
    """The right answers to one of the `outputs`: those of its name; None where there are none.

    By position only where no target has the name of any output, and there are as many of them as outputs.
    """
    if len(targets) != len(outputs) or not targets.keys().isdisjoint(outputs):
        return targets.get(output)
    return list(targets.values())[outputs.index(output)]


def _has_same_shape(reference: np.ndarray, prediction: np.ndarray | None) -> bool:
    return prediction is not None and reference.shape == prediction.shape


def _mean_difference(reference: np.ndarray, prediction: np.ndarray) -> float:
    if is_text(reference, prediction):
        return float(np.mean(as_text(reference) != as_text(prediction)))
    with np.errstate(all="ignore"):
        return float(np.nan_to_num(np.abs(reference.astype("float64") - prediction.astype("float64")), nan=0.0).mean())
