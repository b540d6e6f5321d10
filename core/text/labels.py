"""Sizes, durations, verdict and prediction labels.

Words for people: sizes, times, scores and verdicts, said the same way on every page and in every report.

Answers in words: a class by its name, or the values themselves.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import numpy as np

from core.compare import Verdict
from core.errors import is_transient
from core.formats import get_format

LIVE_MODEL_LABEL = "Live model"
IMPORTED_MODEL_LABEL = (
    "As brought in"  # what stands in its place for a run that came from outside: its own first answers
)
# What each verdict means to somebody who has never seen it.
VERDICT_MEANINGS = {
    Verdict.BIT_IDENTICAL: "Every number of every answer is the same, to the last bit.",
    Verdict.ROUNDING: "No answer changed; the numbers differ only as two correct computations round differently.",
    Verdict.SAME_ANSWERS: "No answer changed, but the numbers behind the answers differ by more than rounding.",
    Verdict.SOME_CHANGED: "On some rows this copy answers something else.",
    Verdict.DIFFERENT: "On most rows this copy answers something else: it is another model.",
    Verdict.NOT_COMPARABLE: "It takes other inputs, or gives other outputs, than what it is held against.",
    Verdict.DOES_NOT_LOAD: "The copy did not come back in a fresh process.",
    Verdict.NOT_RUN: "It was brought in, checked and kept; nothing has run it yet, as it could not be kept apart.",
}
# What is said in place of a verdict where a passing fault stopped the copy.
NO_VERDICT_LABEL = "Did not answer"
NO_VERDICT_MEANING = (
    "Its process ended, took too long, could not be had, or found the disk full. That need not be the copy's fault: "
    "compare again."
)


class HasFormat(Protocol):
    """Whatever was saved in a format: an artifact's record, or its line in the list."""

    format: str
    trust: str | None


class HasTrust(Protocol):
    """A run, an artifact, or its line in the list."""

    trust: str | None


def format_size(count: int | None) -> str:
    """Bytes for people: 950 B, 12.3 kB, 4.5 MB."""
    if count is None:
        return "–"
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def format_duration(seconds: float | None) -> str:
    """Seconds for people: 3 ms, 0.24 s, 12 s, 3 min 20 s."""
    if seconds is None:
        return "–"
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def format_score(name: str, value: float | None) -> str:
    """A score for people: shares as percent, errors as numbers."""
    if value is None:
        return "–"
    return f"{value:.1%}" if name == "accuracy" else f"{value:.3g}"


def format_timestamp(iso: str) -> str:
    """A UTC time stamp as a short local date and time."""
    return datetime.fromisoformat(iso).astimezone().strftime("%d %b %Y, %H:%M")


def pluralize(count: int, singular: str, plural: str = "") -> str:
    """How many of something: "1 row", "2 rows"."""
    return f"{count:,} {singular}" if count == 1 else f"{count:,} {plural or singular + 's'}"


def verdict_label(
    verdict: str | Verdict, changed: int | None = None, rows: int | None = None, error: dict[str, str] | None = None
) -> str:
    """The verdict in words; where answers changed, how many; that there is none, where `error` is a passing one."""
    kind = Verdict(verdict)
    if is_transient(error):
        return NO_VERDICT_LABEL
    if kind in (Verdict.SOME_CHANGED, Verdict.DIFFERENT) and changed is not None:
        return f"{kind.label}: {changed:,} of {rows:,} rows"
    return kind.label


def first_rows_label(rows: int | None, requested: int) -> str:
    """Where fewer rows were compared than were asked: which; empty where all were, and where none could be."""
    return f"on the first {pluralize(rows, 'row')}" if rows is not None and rows < requested else ""


def verdict_meaning(verdict: str | Verdict, error: dict[str, str] | None = None) -> str:
    """What `verdict_words` mean to somebody who has never seen them."""
    return NO_VERDICT_MEANING if is_transient(error) else VERDICT_MEANINGS[Verdict(verdict)]


def mark_imported(name: str, entry: HasTrust | None) -> str:
    """A name that says of what came from outside that it was brought in."""
    return f"{name} · brought in" if entry and entry.trust == "brought in" else name


def live_model_label(run: HasTrust | None) -> str:
    """What the model of a run is called beside its copies."""
    return IMPORTED_MODEL_LABEL if run and run.trust == "brought in" else LIVE_MODEL_LABEL


def live_model_phrase(name: str, run: HasTrust) -> str:
    """The model of a run called `name`, in a sentence."""
    return (
        f"“{name}” as it was brought in"
        if live_model_label(run) == IMPORTED_MODEL_LABEL
        else f"the live model of “{name}”"
    )


def reference_row_labels(run: HasTrust) -> tuple[str, str]:
    """What one of the rows is called with which a run keeps answers, and what several are: nothing was held out of the
    training of what was brought in."""
    return (
        ("row of the import", "rows of the import") if run.trust == "brought in" else ("held-out row", "held-out rows")
    )


def short_labels(ids: Iterable[str], entries: Mapping[str, HasFormat], run: HasTrust | None = None) -> dict[str, str]:
    """The format's label, with the id where two copies are of one format, and whether it was brought in; `live_name` of
    the `run` for its id; of a copy that is in the library no more, the id."""
    labels = {id_: _short_label(id_, entries, run) for id_ in ids}
    repeated = {label for label in labels.values() if list(labels.values()).count(label) > 1}
    return {id_: f"{label} ({id_})" if label in repeated else label for id_, label in labels.items()}


def _short_label(id_: str, entries: Mapping[str, HasFormat], run: HasTrust | None) -> str:
    if id_ in entries:
        return mark_imported(get_format(entries[id_].format).label, entries[id_])
    return live_model_label(run) if id_.startswith("r") else id_


def format_values(values: np.ndarray) -> str:
    """Up to four values as text."""
    flat = np.asarray(values).reshape(-1)
    more = " …" if flat.size > 4 else ""
    if flat.dtype.kind in "SUO":
        return ", ".join(item.decode() if isinstance(item, bytes) else str(item) for item in flat[:4]) + more
    return ", ".join(f"{value:.5g}" for value in flat[:4]) + more


class PredictionLabeler:
    """Says answers of one output: the class with the largest value, or the values themselves."""

    def __init__(self, labels: Sequence[str]):
        self._labels = labels

    @classmethod
    def for_output(cls, labels: Sequence[str], predictions: np.ndarray) -> "PredictionLabeler":
        """Who says answers (rows, ...) of an output, where a model has these labels: by class if there are as many."""
        return cls(labels if predictions.ndim == 2 and predictions.shape[1] == len(labels) else ())

    def label_prediction(self, values: np.ndarray) -> str:
        if not self._labels:
            return format_values(values)
        if np.ndim(values) and np.size(values) > 1:
            return self._labels[int(values.argmax())] if np.isfinite(values).all() else "not a number"
        return self.label_target(values)

    def label_target(self, target: np.ndarray) -> str:
        """The right answer: a class by its number or one-hot, or values."""
        flat = np.asarray(target).reshape(-1)
        if not self._labels or flat.dtype.kind not in "biuf":
            return format_values(target)
        number = int(flat.argmax()) if flat.size > 1 else int(flat[0])
        return self._labels[number] if 0 <= number < len(self._labels) else str(number)
