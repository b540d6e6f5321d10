"""Sizes, durations, verdicts and predictions in words, the same on pages and in reports."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import numpy as np

from core.arrays import NUMERIC_KINDS, as_text, is_text
from core.compare import ATOL, Verdict
from core.errors import is_transient
from core.formats import get_format
from core.text.numbers import format_score

CLOSE_DIFFERENCE = 0.01  # a difference too small to be seen in a probability
# How close to the baseline, best first; each with a colour and a shape of its own.
CLOSENESS_LABELS = (
    "exactly the same",
    "same (rounding only)",
    f"off by {CLOSE_DIFFERENCE:g} at most",
    f"off by more than {CLOSE_DIFFERENCE:g}",
    "not compared",
)
LIVE_MODEL_LABEL = "Live model"
IMPORTED_MODEL_LABEL = "As imported"  # in its place for an imported run: what its file predicted first
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
    Verdict.NOT_VERIFIED: "It needs more time or memory than one process may use here, or a package that is missing. "
    "That says nothing of the copy.",
}
# In place of a verdict where a transient error stopped the copy.
NO_VERDICT_LABEL = "Did not answer"
NO_VERDICT_MEANING = (
    "Its process ended, took too long, could not be had, or found the disk full. That need not be the copy's fault: "
    "compare again."
)


class HasTrust(Protocol):
    """A run, an artifact, or its line in the list."""

    @property
    def trust(self) -> str | None: ...


class HasFormat(HasTrust, Protocol):
    """An artifact, or its line in the list."""

    @property
    def created(self) -> str | None: ...

    @property
    def format(self) -> str | None: ...


def format_timestamp(iso: str) -> str:
    """Format a UTC timestamp as a short local date and time."""
    return datetime.fromisoformat(iso).astimezone().strftime("%d %b %Y, %H:%M")


def pluralize(count: int, singular: str, plural: str = "") -> str:
    """Format a count with its noun: "1 row", "2 rows"."""
    return f"{count:,} {singular}" if count == 1 else f"{count:,} {plural or singular + 's'}"


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


def mark_imported(name: str, entry: HasTrust | None) -> str:
    """Mark the name of an imported model."""
    return f"{name} · imported" if entry and entry.trust == "brought in" else name


def live_model_label(run: HasTrust | None) -> str:
    """Name the model of a run beside its copies."""
    return IMPORTED_MODEL_LABEL if run and run.trust == "brought in" else LIVE_MODEL_LABEL


def live_model_phrase(name: str, run: HasTrust) -> str:
    """Name the model of the run `name` in a sentence."""
    return f"“{name}” as it was imported" if run.trust == "brought in" else f"the live model of “{name}”"


def reference_row_labels(run: HasTrust) -> tuple[str, str]:
    """Name one reference row and several; an imported run has no test examples."""
    if run.trust == "brought in":
        return "row of the import", "rows of the import"
    return "test example", "test examples"


def score_label(score_name: str) -> str:
    """Name the score of a run on test examples; the names in records, as "mean absolute error in dollars", stay."""
    if score_name == "accuracy":
        return "Accuracy on test examples"
    unit = score_name.removeprefix("mean absolute error in ")
    return f"Average {'pixel error' if unit.startswith('ink') else 'error'} in {unit}"


def score_sentence(score_name: str, value: float | None) -> str:
    """Say how good a run is on test examples: "97.0% of the test examples right", "off by 0.8 dollars on average"."""
    if score_name == "accuracy":
        return f"{format_score(score_name, value)} of the test examples right"
    unit = score_name.removeprefix("mean absolute error in ")
    return f"off by {format_score(score_name, value)} {unit} on average"


def short_labels(ids: Iterable[str], entries: Mapping[str, HasFormat], run: HasTrust | None = None) -> dict[str, str]:
    """Name copies by their format and trust; equal ones are numbered, the oldest first.

    The live model is named as that of `run`; a copy that is not in the library any more by its id.
    """
    labels = {id_: _short_label(id_, entries, run) for id_ in ids}
    oldest_first = sorted(labels, key=lambda id_: (entries[id_].created or "") if id_ in entries else "")
    numbered = number_equal({id_: labels[id_] for id_ in oldest_first})
    return {id_: numbered[id_] for id_ in labels}


def number_equal(names: Mapping[str, str]) -> dict[str, str]:
    """Number what has an equal name, in the order given: "Keras file", "Keras file #2"."""
    seen: Counter[str] = Counter()
    numbered = {}
    for key, name in names.items():
        seen[name] += 1
        numbered[key] = name if seen[name] == 1 else f"{name} #{seen[name]}"
    return numbered


def _short_label(id_: str, entries: Mapping[str, HasFormat], run: HasTrust | None) -> str:
    if id_ in entries:
        return mark_imported(get_format(entries[id_].format or "").label, entries[id_])
    return live_model_label(run) if id_.startswith("r") else id_


def format_values(values: np.ndarray) -> str:
    """Format up to four values as text."""
    flat = np.asarray(values).reshape(-1)
    shown = as_text(flat[:4]) if is_text(flat) else [f"{value:.5g}" for value in flat[:4]]
    return ", ".join(shown) + (" …" if flat.size > 4 else "")


class PredictionLabeler:
    """Format predictions of one output: the class with the largest value, or the values."""

    def __init__(self, labels: Sequence[str]):
        self._labels = labels

    @classmethod
    def for_output(cls, labels: Sequence[str], predictions: np.ndarray) -> "PredictionLabeler":
        """Make the labeler of an output (rows, ...): by class if it has one value for each label."""
        return cls(labels if predictions.ndim == 2 and predictions.shape[1] == len(labels) else ())

    def label_prediction(self, values: np.ndarray) -> str:
        if not self._labels:
            return format_values(values)
        if np.ndim(values) and np.size(values) > 1:
            return self._labels[int(values.argmax())] if np.isfinite(values).all() else "not a number"
        return self.label_target(values)

    def label_target(self, target: np.ndarray) -> str:
        """Format the right answer: a class by its number or one-hot, or values."""
        flat = np.asarray(target).reshape(-1)
        if not self._labels or flat.dtype.kind not in NUMERIC_KINDS:
            return format_values(target)
        number = int(flat.argmax()) if flat.size > 1 else int(flat[0])
        return self._labels[number] if 0 <= number < len(self._labels) else str(number)


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
