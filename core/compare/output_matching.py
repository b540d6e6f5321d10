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
    renamed = {name: array for name, array in reference.items() if name not in by_name}
    free = {name: array for name, array in predictions.items() if name not in {match.answer for match in matches}}
    return (*matches, *_match_renamed(renamed, free))


def find_surplus_outputs(predictions: Iterable[str], matches: Iterable[OutputMatch]) -> tuple[str, ...]:
    """The outputs of the prediction that were matched with none of the reference."""
    matched = {match.answer for match in matches}
    return tuple(name for name in predictions if name not in matched)


def _match_renamed(renamed: Arrays, free: Arrays) -> list[OutputMatch]:
    """Match outputs of equal shapes, those first whose values are nearest: one that was damaged takes no other's place.

    Raises InputError when one finds no partner.
    """
    distances = {
        (name, output): _mean_difference(array, values)
        for name, array in renamed.items()
        for output, values in free.items()
        if values.shape == array.shape
    }
    matches: dict[str, OutputMatch] = {}
    while distances:
        name, output = min(distances, key=lambda pair: distances[pair])
        choices = sum(pair[0] == name for pair in distances)
        matches[name] = OutputMatch(name, output, "shape" if choices == 1 else "value")
        distances = {pair: gap for pair, gap in distances.items() if pair[0] != name and pair[1] != output}
    if unmatched := [name for name in renamed if name not in matches]:
        raise _no_partner_error(unmatched[0], renamed[unmatched[0]], free)
    return [matches[name] for name in renamed]


def _no_partner_error(name: str, array: np.ndarray, free: Arrays) -> InputError:
    return InputError(
        f"No output fits the reference's '{name}' of shape {array.shape}.",
        received=", ".join(f"{output} {values.shape}" for output, values in free.items()) or "no outputs",
        cure="Compare copies of models that answer the same question on the same rows.",
    )


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
