"""What copies, live models, scores, counts and times are called, the same on pages and in reports."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from core.formats import label_format
from core.text.numbers import format_score

LIVE_MODEL_LABEL = "Live model"
IMPORTED_MODEL_LABEL = "As imported"  # in its place for an imported run: what its file predicted first


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


def capitalize_first(text: str) -> str:
    """Return a text that begins with a capital; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def pluralize(count: int, singular: str, plural: str = "") -> str:
    """Format a count with its noun: "1 row", "2 rows"."""
    return f"{count:,} {singular}" if count == 1 else f"{count:,} {plural or singular + 's'}"


def format_shape(shape: Sequence[int | None] | None) -> str:
    """Return a shape as text: "[?, 64]", "?" where a size is free."""
    return "of any shape" if shape is None else f"[{', '.join('?' if size is None else str(size) for size in shape)}]"


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
        return mark_imported(label_format(entries[id_].format or ""), entries[id_])
    return live_model_label(run) if id_.startswith("r") else id_
