"""Match the outputs of two sides: by name, else by shape, values or order; find their order and targets."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from core.arrays import Arrays, as_text, describe_rows, is_text
from core.errors import InputError

T = TypeVar("T")
Gaps = dict[tuple[str, str], tuple[float, float]]  # by output and possible partner, see `_difference`
# Outputs that were renamed belong together when they are nearer to one another than this share of any other's gap:
# numbers in 8 bits are some hundredths off, and two outputs that are not each other's rarely come as close by chance.
CONVINCING_SHARE = 0.25


@dataclass(frozen=True)
class OutputMatch:
    """Which output is compared with which, and why: by "name", or by "shape", "value" or "order" where renamed."""

    reference: str
    answer: str
    by: str


def match_outputs(reference: Arrays, predictions: Arrays) -> tuple[OutputMatch, ...]:
    """Match outputs by name; those that were renamed by shape; and where several shapes fit by values that are much the
    nearest, else in their order.

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


def find_other_order(
    reference: Iterable[str], given: Sequence[str], pairs: Iterable[Mapping[str, str]], is_list: bool
) -> list[str]:
    """The names of the reference in the order in which the other side has their partners, where it is another one; else
    nothing.

    Args:
        reference: Inputs or outputs of the reference, in its order.
        given: Those of the other side, in its order.
        pairs: {"reference", "answer", "by"}, as of `OutputMatch`.
        is_list: Whether the order of the other side counts. Else the names do, so only renamed ones can be exchanged;
            and as a name may hold the place ("output_10"), and a runtime may go by the alphabet, both orders must be
            another one than the reference's.
    """
    partners = {pair["reference"]: pair["answer"] for pair in pairs if is_list or pair["by"] != "name"}
    answers = [partners[name] for name in reference if name in partners]
    orders = [sorted(answers, key=list(given).index)] if set(answers) <= set(given) else []
    if not is_list:
        orders.append(sorted(answers, key=_split_numbers))
    if not orders or answers in orders:
        return []
    names = {answer: name for name, answer in partners.items()}
    return [names[answer] for answer in orders[0]]


def _split_numbers(name: str) -> list[tuple[bool, int, str]]:
    """A name as a key that sorts its numbers by value: "output_2" before "output_10"."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def _match_renamed(renamed: Arrays, free: Arrays) -> list[OutputMatch]:
    """Match outputs of equal shapes: first those that are convincingly nearer to one another than to any other, so that
    one that was damaged takes no other's place; the rest in their order.

    Raises InputError when one finds no partner.
    """
    gaps = {
        (name, output): _difference(array, values)
        for name, array in renamed.items()
        for output, values in free.items()
        if values.shape == array.shape
    }
    nearest = sorted(gaps, key=gaps.__getitem__)
    matches: dict[str, OutputMatch] = {}
    while gaps:
        name, output, by = _choose_pair(gaps, nearest)
        matches[name] = OutputMatch(name, output, by)
        gaps = {pair: gap for pair, gap in gaps.items() if pair[0] != name and pair[1] != output}
        nearest = [pair for pair in nearest if pair in gaps]
    if unmatched := [name for name in renamed if name not in matches]:
        raise _no_partner_error(unmatched[0], renamed[unmatched[0]], free)
    return [matches[name] for name in renamed]


def _choose_pair(gaps: Gaps, nearest: list[tuple[str, str]]) -> tuple[str, str, str]:
    """The pair to match next, and why; `nearest` are the pairs, that of the smallest gap first."""
    by_name: dict[str, list[tuple[float, float]]] = defaultdict(list)
    by_output: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for name, output in nearest:
        by_name[name].append(gaps[name, output])
        by_output[output].append(gaps[name, output])
    for name, output in nearest:
        gap = gaps[name, output]
        rivals = [side[side[0] == gap] for side in (by_name[name], by_output[output]) if len(side) > 1]
        if all(_is_convincing(gap, rival) for rival in rivals):
            return name, output, "shape" if len(by_name[name]) == 1 else "value"
    return _choose_by_order(gaps)


def _choose_by_order(gaps: Gaps) -> tuple[str, str, str]:
    first = next(name for name, _ in gaps)
    answers = [output for name, output in gaps if name == first]
    families = {re.sub(r"\d+", "", output) for output in answers}
    return first, min(answers, key=_split_numbers) if len(families) == 1 else answers[0], "order"


def _is_convincing(gap: tuple[float, float], rival: tuple[float, float]) -> bool:
    """Whether a gap is so much smaller than another one that it cannot be chance."""
    return gap[0] < rival[0] or (gap[0] == rival[0] and gap[1] < CONVINCING_SHARE * rival[1])


def _no_partner_error(name: str, array: np.ndarray, free: Arrays) -> InputError:
    return InputError(
        f"No output fits the reference's '{name}', which has {describe_rows(array)}.",
        received=", ".join(f"{output}, {describe_rows(values)}" for output, values in free.items()) or "no outputs",
        cure="Compare copies of models that answer the same question on the same rows.",
    )


def find_targets(output: str, outputs: Sequence[str], targets: Mapping[str, T]) -> T | None:
    """The targets of one of the `outputs`: those of its name; None where there are none.

    By position only where no target has the name of any output, and there are as many of them as outputs.
    """
    if len(targets) != len(outputs) or not targets.keys().isdisjoint(outputs):
        return targets.get(output)
    return list(targets.values())[outputs.index(output)]


def _difference(reference: np.ndarray, prediction: np.ndarray) -> tuple[float, float]:
    """The share of values of which one side alone is finite, or both are not and not the same; and the mean absolute
    difference of the others. Of texts, in its place the share that is another."""
    if is_text(reference, prediction):
        share = float(np.mean(as_text(reference) != as_text(prediction)))
        return (0.0, share) if is_text(reference) and is_text(prediction) else (share, 0.0)
    common = "complex128" if "c" in (reference.dtype.kind, prediction.dtype.kind) else "float64"
    left, right = reference.astype(common), prediction.astype(common)
    is_finite = np.isfinite(left) & np.isfinite(right)
    is_mismatch = ~is_finite & (left != right) & ~(np.isnan(left) & np.isnan(right))
    with np.errstate(all="ignore"):
        gaps = np.abs(left[is_finite] - right[is_finite])
        return float(is_mismatch.mean()), float(gaps.mean()) if gaps.size else 0.0
