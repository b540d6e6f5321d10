"""The verdict on two sets of predictions, and the thresholds by which it is decided."""

from enum import StrEnum

import numpy as np

# Two correct float32 implementations of one model differ by no more than this: |a - b| <= ATOL + RTOL · |reference|.
ATOL = 1e-5
RTOL = 1e-4
# Last places of a coarse dtype, as float16, by which two correct computations may differ.
MAX_ULPS = 4
# A continuous prediction counts as changed when it moves by more than this share of the reference's deviation.
CHANGED_STD_SHARE = 0.01
# From this share of changed rows on, the predictions are not the same model's.
DIFFERENT_ROW_SHARE = 0.5


class Verdict(StrEnum):
    """What a person sees first; in order, best first. The last two, and "not comparable", are no verdicts at all."""

    BIT_IDENTICAL = "bit-identical"
    ROUNDING = "rounding"
    SAME_ANSWERS = "same-answers"
    SOME_CHANGED = "some-changed"
    DIFFERENT = "different"
    NOT_COMPARABLE = "not-comparable"
    DOES_NOT_LOAD = "does-not-load"
    NOT_RUN = "not-run"
    NOT_VERIFIED = "not-verified"

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def rank(self) -> int:
        """0 for the best."""
        return list(Verdict).index(self)


_LABELS = {
    Verdict.BIT_IDENTICAL: "Bit-identical",
    Verdict.ROUNDING: "Same answers (rounding only)",
    Verdict.SAME_ANSWERS: "Same answers",
    Verdict.SOME_CHANGED: "Some answers changed",
    Verdict.DIFFERENT: "Different answers",
    Verdict.NOT_COMPARABLE: "Cannot be compared",
    Verdict.DOES_NOT_LOAD: "Does not load",
    Verdict.NOT_RUN: "Not run",
    Verdict.NOT_VERIFIED: "Not verified",
}


def decide_verdict(identical: bool, rounding: bool, changed: np.ndarray) -> Verdict:
    """The verdict on all outputs together; `changed` (rows,) bool."""
    if identical:
        return Verdict.BIT_IDENTICAL
    if changed.any():
        return Verdict.DIFFERENT if changed.mean() > DIFFERENT_ROW_SHARE else Verdict.SOME_CHANGED
    return Verdict.ROUNDING if rounding else Verdict.SAME_ANSWERS
