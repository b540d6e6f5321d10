"""Held-out rows: some of those that a run kept, by their number, their class and a seed."""

from collections.abc import Sequence

import numpy as np

from core.arrays import Arrays
from core.errors import InputError
from core.library.records import Run
from core.runtimes.reference import Reference
from core.text.labels import pluralize, reference_row_labels


def class_indices(run: Run, targets: Arrays) -> np.ndarray | None:
    """The number of the class of each held-out row, (rows,) int64; None where rows have none that is known.

    Targets are one-hot, as wide as there are labels, or the number itself.
    """
    for array in targets.values():
        if run.labels and array.ndim == 2 and array.shape[1] == len(run.labels) > 1:
            return array.argmax(axis=1)
        if run.labels and array.dtype.kind in "iu" and array.ndim == 1 and array.max(initial=0) < len(run.labels):
            return array.astype("int64")
    return None


def choose_rows(
    run: Run, reference: Reference, rows: int | None, classes: Sequence[str] | None, seed: int | None
) -> np.ndarray:
    """Which rows of the reference are meant, ascending: of these classes (all), so many (all), drawn by `seed` (the
    first ones). Raises InputError when there is no such class or no such row."""
    if rows is not None and rows < 1:
        raise InputError("At least one row must be asked.", received=rows, cure="Choose 1 row or more.")
    if seed is not None and seed < 0:
        raise InputError("A seed is a whole number from 0 on.", received=seed, cure="Choose another seed.")
    fitting = _rows_of_classes(run, reference, classes) if classes else np.arange(reference.rows)
    count = min(rows or len(fitting), len(fitting))
    if seed is None:
        return fitting[:count]
    return np.sort(np.random.default_rng(seed).choice(fitting, count, replace=False))


def _rows_of_classes(run: Run, reference: Reference, classes: Sequence[str]) -> np.ndarray:
    known = class_indices(run, reference.targets)
    if known is None:
        raise InputError("The classes of these rows are not known.", received=", ".join(classes), cure="Choose all.")
    if strange := [one for one in classes if one not in run.labels]:
        raise InputError("There is no such class.", received=strange[0], cure=f"Choose from {', '.join(run.labels)}.")
    fitting = np.flatnonzero(np.isin(known, [run.labels.index(one) for one in classes]))
    if not fitting.size:
        raise InputError("No held-out row is of these classes.", received=", ".join(classes), cure="Choose others.")
    return fitting


def describe_selection(
    run: Run, selected: int, total: int, rows: int | None, classes: Sequence[str] | None, seed: int | None
) -> tuple[str, list[str]]:
    """What was chosen, for people, and a note where fewer rows were found than wanted."""
    data = (run.settings or {}).get("dataset") or run.name
    count = pluralize(selected, *reference_row_labels(run))
    begin = (
        f"All {count}"
        if selected == total and total > 1
        else count
        if seed is not None or selected == total
        else _first_rows_text(count)
    )
    said = f"{begin} of “{data}”{_classes_text(classes)}"
    said += f", seed {seed}" if seed is not None and selected < total else ""
    return said, [f"{rows:,} rows were wanted, and there are {selected:,}."] if rows and rows > selected else []


def _first_rows_text(count: str) -> str:
    return f"The first {count.removeprefix('1 ')}"


def _classes_text(classes: Sequence[str] | None) -> str:
    if not classes:
        return ""
    if len(classes) == 1:
        return f", class {classes[0]}"
    return f", classes {', '.join(classes[:-1])} and {classes[-1]}"
