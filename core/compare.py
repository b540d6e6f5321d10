"""Two sets of answers to the same inputs, how far apart they are, and the verdict. NumPy only.

"Same accuracy" is never said here where "same answers" is meant: changed answers are counted row by row.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from core.errors import InputError

Arrays = dict[str, np.ndarray]

# Two correct float32 implementations of one model differ by no more than this: |a - b| <= ATOL + RTOL · |reference|.
ATOL = 1e-5
RTOL = 1e-4
# A continuous answer counts as changed when it moves by more than this share of the spread of the reference.
MOVED = 0.01
# From this share of changed rows on, the answers are not the same model's.
MOSTLY = 0.5


class Verdict(StrEnum):
    """What a person is told first; in order, best first."""

    BIT_IDENTICAL = "bit-identical"
    ROUNDING = "rounding"
    SAME_ANSWERS = "same-answers"
    SOME_CHANGED = "some-changed"
    DIFFERENT = "different"
    DOES_NOT_LOAD = "does-not-load"

    @property
    def words(self) -> str:
        return _WORDS[self]

    @property
    def rank(self) -> int:
        """0 for the best."""
        return list(Verdict).index(self)


_WORDS = {
    Verdict.BIT_IDENTICAL: "Bit-identical",
    Verdict.ROUNDING: "Same to rounding",
    Verdict.SAME_ANSWERS: "Same answers",
    Verdict.SOME_CHANGED: "Some answers changed",
    Verdict.DIFFERENT: "Different answers",
    Verdict.DOES_NOT_LOAD: "Does not load",
}


@dataclass(frozen=True)
class Pair:
    """Which output was held against which, and why those two: by "name", or by "shape" or "value" where renamed."""

    reference: str
    answer: str
    by: str


@dataclass(frozen=True)
class Comparison:
    """`max_abs` and `mean_abs` are over all outputs and finite values; `changed` has one flag a row."""

    verdict: Verdict
    max_abs: float
    mean_abs: float
    changed: np.ndarray
    not_finite: int
    pairs: tuple[Pair, ...] = field(default_factory=tuple)

    @property
    def rows(self) -> int:
        return len(self.changed)

    @property
    def changed_rows(self) -> int:
        return int(self.changed.sum())

    def to_json(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict.value,
            "max_abs": self.max_abs,
            "mean_abs": self.mean_abs,
            "changed_rows": self.changed_rows,
            "rows": self.rows,
            "not_finite": self.not_finite,
            "pairs": [vars(pair) for pair in self.pairs],
        }


def compare(reference: Arrays, answers: Arrays, classes: bool | None = None) -> Comparison:
    """Hold answers against a reference, batch first, output by output.

    `classes` says whether the answer of a row is the largest of its values (True) or the values themselves (False);
    None decides for each output by whether its reference rows are probabilities. NaN equals NaN at the same place, and
    any other value that is not finite counts as a changed row.
    Raises InputError when no output fits another, or when the numbers of rows differ.
    """
    pairs = pair_outputs(reference, answers)
    parts = [_measure(reference[pair.reference], answers[pair.answer], classes) for pair in pairs]
    changed = np.logical_or.reduce([part.changed for part in parts])
    values = sum(part.count for part in parts)
    return Comparison(
        verdict=_verdict(parts, changed),
        max_abs=max(part.max_abs for part in parts),
        mean_abs=sum(part.sum_abs for part in parts) / values if values else 0.0,
        changed=changed,
        not_finite=sum(part.not_finite for part in parts),
        pairs=pairs,
    )


@dataclass(frozen=True)
class _Part:
    identical: bool
    rounding: bool
    max_abs: float
    sum_abs: float
    count: int
    not_finite: int
    changed: np.ndarray


def _measure(reference: np.ndarray, answer: np.ndarray, classes: bool | None) -> _Part:
    if reference.dtype.kind in "SUO" or answer.dtype.kind in "SUO":
        changed = _any_in_row(reference.astype("U") != answer.astype("U"))
        same = not changed.any()
        return _Part(same, same, 0.0, 0.0, 0, 0, changed)
    identical = reference.dtype == answer.dtype and reference.tobytes() == answer.tobytes()
    left, right = reference.astype("float64"), answer.astype("float64")
    finite = np.isfinite(left) & np.isfinite(right)
    distance = np.abs(np.subtract(right, left, where=finite, out=np.zeros_like(left)))
    alike = finite | (np.isnan(left) & np.isnan(right)) | (left == right)
    return _Part(
        identical=identical,
        rounding=bool(np.all(alike & (distance <= ATOL + RTOL * np.abs(np.where(finite, left, 0))))),
        max_abs=float(distance.max(initial=0.0)),
        sum_abs=float(distance.sum()),
        count=int(finite.sum()),
        not_finite=int((~np.isfinite(right)).sum()),
        changed=_any_in_row(~alike) | _changed_answers(left, right, distance, classes),
    )


def _any_in_row(flags: np.ndarray) -> np.ndarray:
    return flags.reshape(len(flags), -1).any(axis=1)


def _changed_answers(left: np.ndarray, right: np.ndarray, distance: np.ndarray, classes: bool | None) -> np.ndarray:
    if left.ndim == 2 and left.shape[1] > 1 and (_are_probabilities(left) if classes is None else classes):
        return left.argmax(axis=1) != right.argmax(axis=1)
    spread = np.nanstd(np.where(np.isfinite(left), left, np.nan)) if np.isfinite(left).any() else 0.0
    return _any_in_row(distance > max(MOVED * spread, ATOL))


def _are_probabilities(rows: np.ndarray) -> bool:
    return bool(np.all(rows >= 0) and np.allclose(rows.sum(axis=1), 1, atol=1e-3))


def _verdict(parts: list[_Part], changed: np.ndarray) -> Verdict:
    if all(part.identical for part in parts):
        return Verdict.BIT_IDENTICAL
    if changed.any():
        return Verdict.DIFFERENT if changed.mean() > MOSTLY else Verdict.SOME_CHANGED
    return Verdict.ROUNDING if all(part.rounding for part in parts) else Verdict.SAME_ANSWERS


def pair_outputs(reference: Arrays, answers: Arrays) -> tuple[Pair, ...]:
    """Pair outputs by name; those that were renamed by shape, and where several shapes fit by the nearest values.

    Raises InputError when an output of the reference finds no partner.
    """
    pairs = [Pair(name, name, "name") for name in reference if _fits(reference[name], answers.get(name))]
    for name in reference:
        if name in {pair.reference for pair in pairs}:
            continue
        taken = {pair.answer for pair in pairs}
        fitting = [one for one in answers if one not in taken and _fits(reference[name], answers[one])]
        if not fitting:
            raise InputError(
                f"No output fits the reference's '{name}' of shape {reference[name].shape}.",
                received=", ".join(f"{one} {array.shape}" for one, array in answers.items()) or "no outputs",
                cure="Compare copies of models that answer the same question on the same rows.",
            )
        nearest = min(fitting, key=lambda one: _distance(reference[name], answers[one]))
        pairs.append(Pair(name, nearest, "shape" if len(fitting) == 1 else "value"))
    return tuple(pairs)


def _fits(reference: np.ndarray, answer: np.ndarray | None) -> bool:
    return answer is not None and reference.shape == answer.shape


def _distance(reference: np.ndarray, answer: np.ndarray) -> float:
    if reference.dtype.kind in "SUO" or answer.dtype.kind in "SUO":
        return float(np.mean(reference.astype("U") != answer.astype("U")))
    return float(np.nan_to_num(np.abs(reference.astype("float64") - answer.astype("float64")), nan=0.0).mean())
