"""Verdicts, tolerances and differences in words, the same on pages and in reports."""

import math
from collections.abc import Mapping
from typing import Any

from core.compare import ATOL, Verdict
from core.errors import is_transient
from core.text.labels import pluralize

CLOSE_DIFFERENCE = 0.01  # a difference too small to be seen in a probability
# How close to the baseline, best first; each with a colour and a shape of its own.
CLOSENESS_LABELS = (
    "exactly the same",
    "same (rounding only)",
    f"off by {CLOSE_DIFFERENCE:g} at most",
    f"off by more than {CLOSE_DIFFERENCE:g}",
    "not compared",
)
# What each verdict means, for who sees it for the first time.
VERDICT_MEANINGS = {
    Verdict.BIT_IDENTICAL: "Every number of every answer is the same, to the last bit.",
    Verdict.ROUNDING: "No answer changed; the numbers differ only as two correct computations round differently.",
    Verdict.SAME_ANSWERS: "No answer changed, but the numbers behind the answers differ by more than rounding.",
    Verdict.SOME_CHANGED: "On some rows this copy answers something else.",
    Verdict.DIFFERENT: "On most rows this copy answers something else: it is another model.",
    Verdict.NOT_COMPARABLE: "It takes other inputs, or gives other outputs, than what it is compared with.",
    Verdict.DOES_NOT_LOAD: "The copy did not come back in a fresh process.",
    Verdict.NOT_RUN: "It was imported, checked and kept; nothing has run it yet, as it could not be kept apart.",
    Verdict.NOT_VERIFIED: "It needs more time or memory than one process may use here, a package that is missing, "
    "or a model that nothing here can build. That says nothing of the copy.",
}
# In place of a verdict where a transient error stopped the copy.
NO_VERDICT_LABEL = "Did not answer"
NO_VERDICT_MEANING = (
    "Its process ended, took too long, could not be had, or found the disk full. That need not be the copy's fault: "
    "compare again."
)


def verdict_label(
    verdict: str | Verdict, changed: int | None = None, rows: int | None = None, error: dict[str, str] | None = None
) -> str:
    """Name the verdict, with the changed rows; a transient `error` gives no verdict."""
    kind = Verdict(verdict)
    if is_transient(error) and kind is not Verdict.NOT_VERIFIED:
        return NO_VERDICT_LABEL
    if kind in (Verdict.SOME_CHANGED, Verdict.DIFFERENT) and changed is not None:
        return f"{kind.label}: {changed:,} of {rows:,} rows"
    return kind.label


def first_rows_label(rows: int | None, requested: int) -> str:
    """Say which rows were compared where they are fewer than requested, else nothing."""
    return f"on the first {pluralize(rows, 'row')}" if rows is not None and rows < requested else ""


def verdict_meaning(verdict: str | Verdict, error: dict[str, str] | None = None) -> str:
    """Explain `verdict_label`."""
    kind = Verdict(verdict)
    return NO_VERDICT_MEANING if is_transient(error) and kind is not Verdict.NOT_VERIFIED else VERDICT_MEANINGS[kind]


def tolerance_label(result: Mapping[str, Any] | None) -> str:
    """Say whether a tolerance passes, of `ToleranceResult` as JSON; a dash for None."""
    if result is None:
        return "–"
    if result["passed"]:
        return "Pass"
    return f"Fail: {result['values_failing']:,} values in {result['rows_failing']:,} rows"


def closeness_label(difference: float | None) -> str:
    """Return the largest difference as one of `CLOSENESS_LABELS`."""
    if difference is None or math.isnan(difference):
        return CLOSENESS_LABELS[4]
    bounds = (0.0, ATOL, CLOSE_DIFFERENCE)
    return CLOSENESS_LABELS[next((index for index, bound in enumerate(bounds) if difference <= bound), 3)]
