"""Match the outputs of two sides: by name, else by shape, else by the nearest values; and find their targets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from core.arrays import Arrays, as_text, is_text
from core.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True)
class OutputMatch:
    """Which output is compared with which, and why those two: by "name", or by "shape" or "value" where renamed."""

    reference: str
    answer: str
    by: str


def match_outputs(reference: Arrays, predictions: Arrays) -> tuple[OutputMatch, ...]:
    """Match outputs by name; those that were renamed by shape, and where several shapes fit by the nearest values.

    Raises InputError when an output of the reference finds no partner, or when the reference has none.
    """
    if not reference:
        raise InputError("There are no outputs to compare.", cure="Choose a model that answers something.")
    matches = [
        OutputMatch(name, name, "name")
        for name, array in reference.items()
        if name in predictions and array.shape == predictions[name].shape
    ]
    by_name = {match.reference for match in matches}
    for name, array in reference.items():
        if name not in by_name:
            taken = {match.answer for match in matches}
            matches.append(_match_renamed(name, array, predictions, taken))
    return tuple(matches)


def find_surplus_outputs(predictions: Iterable[str], matches: Iterable[OutputMatch]) -> tuple[str, ...]:
    """The outputs of the prediction that were matched with none of the reference."""
    matched = {match.answer for match in matches}
    return tuple(name for name in predictions if name not in matched)


def _match_renamed(name: str, array: np.ndarray, predictions: Arrays, taken: set[str]) -> OutputMatch:
    """Return the output of the same shape whose values are nearest, among those that are not taken."""
    fitting = [output for output, values in predictions.items() if output not in taken and values.shape == array.shape]
    if not fitting:
        raise InputError(
            f"No output fits the reference's '{name}' of shape {array.shape}.",
            received=", ".join(f"{output} {values.shape}" for output, values in predictions.items()) or "no outputs",
            cure="Compare copies of models that answer the same question on the same rows.",
        )
    nearest = min(fitting, key=lambda output: _mean_difference(array, predictions[output]))
    return OutputMatch(name, nearest, "shape" if len(fitting) == 1 else "value")


def find_targets(output: str, outputs: Sequence[str], targets: Mapping[str, T]) -> T | None:
    """The targets of one of the `outputs`: those of its name; None where there are none.

    By position only where no target has the name of any output, and there are as many of them as outputs.
    """
    if len(targets) != len(outputs) or not targets.keys().isdisjoint(outputs):
        return targets.get(output)
    return list(targets.values())[outputs.index(output)]


def _mean_difference(reference: np.ndarray, prediction: np.ndarray) -> float:
    if is_text(reference, prediction):
        return float(np.mean(as_text(reference) != as_text(prediction)))
    with np.errstate(all="ignore"):
        return float(np.nan_to_num(np.abs(reference.astype("float64") - prediction.astype("float64")), nan=0.0).mean())
