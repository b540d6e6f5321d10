"""The verdict: what a person is told first, and where one verdict ends and the next begins."""

from enum import StrEnum

import numpy as np

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
    NOT_COMPARABLE = "not-comparable"
    DOES_NOT_LOAD = "does-not-load"
    NOT_RUN = "not-run"

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
    Verdict.NOT_COMPARABLE: "Cannot be compared",
    Verdict.DOES_NOT_LOAD: "Does not load",
    Verdict.NOT_RUN: "Not run",
}


def verdict_of(identical: bool, rounding: bool, changed: np.ndarray) -> Verdict:
    """The verdict on all outputs together; `changed` has one flag a row."""
    if identical:
        return Verdict.BIT_IDENTICAL
    if changed.any():
        return Verdict.DIFFERENT if changed.mean() > MOSTLY else Verdict.SOME_CHANGED
    return Verdict.ROUNDING if rounding else Verdict.SAME_ANSWERS
