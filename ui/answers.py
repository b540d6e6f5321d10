"""Answers row by row: what each copy said to each held-out row, and one row close up."""

from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from core.compare import compare
from core.demos import get_demo
from core.formats.contract import Arrays
from core.formats.reference import Reference
from core.library import Run
from ui.charts import CONFIG, probabilities
from ui.pictures import row_image, row_image_url
from ui.words import plain

SHOWN_INPUTS = 8  # columns of inputs beside the answers


class Asked(NamedTuple):
    """One output of one comparison: what was asked, what the live model said, and what each copy said."""

    inputs: Arrays
    image_shape: tuple[int, int] | None
    answer_shape: tuple[int, int] | None
    labels: list[str]
    truth: np.ndarray | None
    live: np.ndarray
    given: Arrays
    changed: Arrays
    names: dict[str, str]


def show_answers(run: Run, kept: Reference, arrays: Arrays, names: dict[str, str]) -> None:
    """The table of answers to one output, and the selected row close up; `names` are those of the copies that load."""
    st.subheader("Answers, row by row")
    outputs = list(kept.answers)
    output = outputs[0]
    if len(outputs) > 1:
        output = st.segmented_control("Output", outputs, default=outputs[0], required=True, format_func=plain)
    asked = _asked(run, kept, arrays, names, output)
    any_changed = np.logical_or.reduce(list(asked.changed.values()))
    words = f"Only rows where a copy disagrees ({int(any_changed.sum()):,})"
    only = st.toggle(words, disabled=not any_changed.any(), key="only")
    rows = np.flatnonzero(any_changed) if only else np.arange(len(any_changed))
    picked = _table(asked, rows)
    if picked is not None:
        _close_up(asked, picked)


def _asked(run: Run, kept: Reference, arrays: Arrays, names: dict[str, str], output: str) -> Asked:
    live = kept.answers[output]
    given = {id_: arrays[f"{id_}:{output}"] for id_ in names}
    labels = run.labels if live.ndim == 2 and live.shape[1] == len(run.labels) else []
    changed = {
        id_: compare({output: live}, {output: answers}, bool(labels) or None, numbers=False).changed
        for id_, answers in given.items()
    }
    at = list(kept.answers).index(output)
    targets = kept.targets.get(output, list(kept.targets.values())[at] if at < len(kept.targets) else None)
    shapes = get_demo(run.demo).answer_shapes if run.demo else {}
    shape = shapes.get((run.settings or {}).get("dataset", ""))
    return Asked(kept.inputs, run.image_shape, shape, labels, targets, live, given, changed, names)


def _table(asked: Asked, rows: np.ndarray) -> int | None:
    """One line a row, and the row that is selected (the first, to begin with)."""
    columns, config = _asked_columns(asked, rows)
    say = _Sayer(asked)
    if asked.truth is not None:
        columns["Truth"] = [say.answer(asked.truth[row]) for row in rows]
    columns["Live model"] = [say.answer(asked.live[row]) for row in rows]
    for id_, answers in asked.given.items():
        name = asked.names[id_]
        columns[name] = [say.against(answers[row], asked.live[row], asked.changed[id_][row]) for row in rows]
        if asked.labels:
            columns[f"{name}, bars"] = [_finite(answers[row]) for row in rows]
            meaning = f"{name}: the probability of each class, {', '.join(asked.labels)}."
            config[f"{name}, bars"] = st.column_config.BarChartColumn("Probabilities", y_min=0, y_max=1, help=meaning)
    event = st.dataframe(
        columns,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config=config,
        row_height=38,
        height=420,
        key=f"answers-{len(rows)}",
        alt="Each held-out row with the answer of the live model and of each artifact",
    )
    chosen = [row for row in event.selection.rows if row < len(rows)]
    return int(rows[chosen[0] if chosen else 0]) if len(rows) else None


def _asked_columns(asked: Asked, rows: np.ndarray) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """What was asked: a picture, or the inputs as text."""
    columns: dict[str, list[Any]] = {"Row": rows.tolist()}
    config: dict[str, Any] = {"Row": st.column_config.NumberColumn(width="small")}
    if asked.image_shape:
        pixels = next(iter(asked.inputs.values()))
        columns["Picture"] = [row_image_url(pixels[row], asked.image_shape) for row in rows]
        config["Picture"] = st.column_config.ImageColumn(width="small")
        return columns, config
    for name, array in list(asked.inputs.items())[:SHOWN_INPUTS]:
        columns[f"in: {name}"] = [values_in_words(array[row]) for row in rows]
    return columns, config


def values_in_words(values: np.ndarray) -> str:
    """Up to four values as text."""
    flat = np.asarray(values).reshape(-1)
    if flat.dtype.kind in "SU":
        return ", ".join(item.decode() if isinstance(item, bytes) else str(item) for item in flat[:4])
    return ", ".join(f"{value:.5g}" for value in flat[:4]) + (" …" if flat.size > 4 else "")


class _Sayer:
    """Says answers of one output: the class with the largest value, or the values themselves."""

    def __init__(self, asked: Asked):
        self._labels = asked.labels

    def answer(self, values: np.ndarray) -> str:
        if not self._labels:
            return values_in_words(values)
        return self._labels[int(values.argmax())] if np.isfinite(values).all() else "not a number"

    def against(self, values: np.ndarray, live: np.ndarray, changed: bool) -> str:
        """An answer, marked by words where it is not the live model's."""
        said = self.answer(values)
        return f"{said} ≠ {self.answer(live)}, changed" if changed else said


def _finite(values: np.ndarray) -> list[float]:
    return [float(value) for value in np.nan_to_num(values.astype("float64"))]


def _close_up(asked: Asked, row: int) -> None:
    """One row close up: the picture that was asked, and everybody's answer as bars or as a picture."""
    if not (asked.labels or asked.answer_shape):
        return
    st.markdown(f"**Row {row}, close up**")
    left, right = st.columns([1, 4], vertical_alignment="center")
    if asked.image_shape:
        pixels = next(iter(asked.inputs.values()))[row]
        left.image(row_image(pixels, asked.image_shape, 128), "asked", 128, alt=f"The picture of row {row}")
    answers = {"Live model": asked.live} | {asked.names[id_]: array for id_, array in asked.given.items()}
    if asked.labels:
        drawn = {name: _finite(array[row]) for name, array in answers.items()}
        alt = f"Probabilities of each class for row {row}"
        right.plotly_chart(probabilities(asked.labels, drawn), config=CONFIG, alt=alt, key="close-up")
        return
    with right, st.container(horizontal=True):
        for name, array in answers.items():
            picture = row_image(array[row].astype("float32"), asked.answer_shape, 128)
            st.image(picture, name, 128, alt=f"The answer of {name} to row {row}")
