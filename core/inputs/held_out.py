"""Test examples: some of those in a run's reference, by their number, their class and a seed."""

from collections.abc import Sequence

import numpy as np

from core.arrays import Arrays
from core.errors import InputError
from core.inputs.source import require_row_request
from core.library.records import Run
from core.runtimes.reference import Reference
from core.text.labels import pluralize, reference_row_labels


def class_indices(run: Run, targets: Arrays) -> np.ndarray | None:
    """Return the number of the class of each test example, (rows,) int64; None where it is not known.

    Targets are one-hot, as wide as there are labels, or the number itself.
    """
    for array in targets.values():
        if run.labels and array.ndim == 2 and array.shape[1] == len(run.labels) > 1:
            return np.asarray(array.argmax(axis=1))
        if run.labels and array.dtype.kind in "iu" and array.ndim == 1 and array.max(initial=0) < len(run.labels):
            return array.astype("int64")
    return None


def first_row_by_class(run: Run, targets: Arrays) -> dict[str, int]:
    """Return the first test example of each class that has any, by label; empty where the classes are not known."""
    indices = class_indices(run, targets)
    if indices is None:
        return {}
    return {label: int(np.argmax(indices == at)) for at, label in enumerate(run.labels) if (indices == at).any()}


def choose_rows(
    run: Run, reference: Reference, rows: int | None, classes: Sequence[str] | None, seed: int | None
) -> np.ndarray:
    """Return the numbers of the chosen rows of the reference, ascending, int64.

    Args:
        rows: How many; None for all.
        classes: Only rows of these; none for all.
        seed: Draws them; None for the first ones.

    Raises:
        InputError: When there is no such class or no such row.
    """
    require_row_request(rows, seed, "asked")
    fitting = _rows_of_classes(run, reference, classes) if classes else np.arange(reference.rows)
    count = min(rows or len(fitting), len(fitting))
    if seed is None:
        return fitting[:count]
    return np.sort(np.random.default_rng(seed).choice(fitting, count, replace=False))


def _rows_of_classes(run: Run, reference: Reference, classes: Sequence[str]) -> np.ndarray:
    indices = class_indices(run, reference.targets)
    if indices is None:
        raise InputError("The classes of these rows are not known.", received=", ".join(classes), cure="Choose all.")
    if unknown := [label for label in classes if label not in run.labels]:
        raise InputError("There is no such class.", received=unknown[0], cure=f"Choose from {', '.join(run.labels)}.")
    fitting = np.flatnonzero(np.isin(indices, [run.labels.index(label) for label in classes]))
    if not fitting.size:
        raise InputError("No test example is of these classes.", received=", ".join(classes), cure="Choose others.")
    return fitting


def describe_selection(
    run: Run, selected: int, total: int, rows: int | None, classes: Sequence[str] | None, seed: int | None
) -> tuple[str, list[str]]:
    """Return what was chosen, for people, and a note where there are fewer rows than wanted."""
    dataset = (run.settings or {}).get("dataset") or run.name
    text = pluralize(selected, *reference_row_labels(run))
    if selected == total > 1:
        text = f"All {text}"
    elif seed is None and selected < total:
        text = f"The first {text.removeprefix('1 ')}"
    text += f" of “{dataset}”{_classes_text(classes or ())}"
    text += f", seed {seed}" if seed is not None and selected < total else ""
    return text, [f"{rows:,} rows were wanted, and there are {selected:,}."] if rows and rows > selected else []


def _classes_text(classes: Sequence[str]) -> str:
    if len(classes) < 2:
        return f", class {classes[0]}" if classes else ""
    return f", classes {', '.join(classes[:-1])} and {classes[-1]}"
