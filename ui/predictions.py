"""Answers row by row: what each copy said to each row, those that disagree first, and one row close up."""

from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from core.arrays import Arrays
from core.compare import target_of
from core.demos import get_demo
from core.figures.images import row_image_url
from core.figures.theme import CONFIG
from core.library import Run
from core.library.job_store import Job
from core.library.prediction_store import Answers
from core.text.labels import Sayer, values_in_words
from ui.charts import probabilities
from ui.components import plain
from ui.query_params import in_address
from ui.session import current_jobs

SHOWN_INPUTS = 8  # columns of inputs beside the answers
MOST_ROWS = 500  # rows of one table
ORDERS = {"distance": "Largest difference first", "row": "As they were asked"}


class Shown(NamedTuple):
    """The rows of one table, for one output: what was asked, the baseline's answers, and what each copy said."""

    rows: np.ndarray
    inputs: Arrays
    image_shape: tuple[int, int] | None
    answer_shape: tuple[int, int] | None
    labels: list[str]
    truth: np.ndarray | None
    baseline: np.ndarray
    given: Arrays
    changed: dict[str, np.ndarray]
    distance: np.ndarray


def show_answers(run: Run, job: Job, names: dict[str, str]) -> None:
    """The table of answers to one output, and the selected row close up.

    `names` are those of the baseline (first) and of every copy that answered; `run` is the baseline's.
    """
    answers, baseline = current_jobs().answers(job.id), job.result["baseline"]
    names = _furthest_first(job, names)
    outputs = list(answers.sources(baseline))
    left, middle, right = st.columns([2, 2, 2], vertical_alignment="bottom")
    output = outputs[0]
    if len(outputs) > 1:
        output = right.segmented_control("Output", outputs, default=output, required=True, format_func=plain, key="out")
    changed, distance = _disagreement(answers, [id_ for id_ in names if id_ != baseline])
    bound = in_address("order", list(ORDERS))
    order = left.segmented_control("Order", **bound, required=True, format_func=ORDERS.get)
    words = f"Only where they disagree ({int(changed.sum()):,})"
    only = middle.toggle(words, disabled=not changed.any(), key="only", bind="query-params") and changed.any()
    rows = _chosen_rows(changed, distance, order, only)
    rows = _wanted_first(rows, len(changed))
    if len(rows) > MOST_ROWS:
        st.caption(f"The first {MOST_ROWS:,} of {len(rows):,} rows.")
    shown = _shown(run, job, output, rows[:MOST_ROWS], names, distance)
    picked = _table(shown, names)
    if picked is not None:
        _close_up(shown, picked, names)


def _furthest_first(job: Job, names: dict[str, str]) -> dict[str, str]:
    """The baseline, then the copies that are furthest from it: on a narrow screen the last columns are out of sight."""
    outcomes, baseline = job.result["outcomes"], job.result["baseline"]
    others = sorted((id_ for id_ in names if id_ != baseline), key=lambda id_: -(outcomes[id_]["max_abs"] or 0.0))
    return {id_: names[id_] for id_ in (baseline, *others)}


def _disagreement(answers: Answers, ids: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """For each row whether any copy's answer changed, and the largest distance from the baseline."""
    kept = [answers.rows(id_) for id_ in ids]
    return np.logical_or.reduce([one[0] for one in kept]), np.maximum.reduce([one[1] for one in kept])


def _chosen_rows(changed: np.ndarray, distance: np.ndarray, order: str, only: bool) -> np.ndarray:
    rows = np.flatnonzero(changed) if only else np.arange(len(changed))
    if order == "distance":
        # A changed answer stands above any unchanged one, however far that is.
        rows = rows[np.lexsort((rows, -distance[rows], ~changed[rows]))]
    return rows


def _wanted_first(rows: np.ndarray, total: int) -> np.ndarray:
    """The row that the address asks for stands first, and so is the one that is shown close up."""
    asked = st.query_params.get("row", "")
    if not asked.isdecimal() or int(asked) >= total:
        return rows
    row = int(asked)
    st.button(
        f"Row {row:,} stands first. Back to the order",
        icon=":material/undo:",
        type="tertiary",
        on_click=st.query_params.pop,
        args=("row", None),
    )
    return np.concatenate([[row], rows[rows != row]])


def _shown(run: Run, job: Job, output: str, rows: np.ndarray, names: dict[str, str], distance: np.ndarray) -> Shown:
    answers, kept = current_jobs().answers(job.id), current_jobs().inputs
    baseline = job.result["baseline"]
    live = answers.take(baseline, output, rows)
    labels = run.labels if live.ndim == 2 and live.shape[1] == len(run.labels) else []
    given, changed = {}, {}
    for id_ in names:
        if id_ != baseline:
            given[id_] = answers.take(id_, _own_name(job, id_, output), rows)
            changed[id_] = answers.rows(id_)[0][rows]
    shape = get_demo(run.demo).answer_shapes.get((run.settings or {}).get("dataset", "")) if run.demo else None
    truth = target_of(output, list(answers.sources(baseline)), kept.targets(job.result["inputs"]))
    inputs = kept.take(job.result["inputs"], rows)
    truth = None if truth is None else truth[rows]
    return Shown(rows, inputs, run.image_shape, shape, labels, truth, live, given, changed, distance[rows])


def _own_name(job: Job, id_: str, output: str) -> str:
    """How a copy calls an output of the baseline."""
    pairs = job.result["outcomes"][id_]["pairs"]
    return next(pair["answer"] for pair in pairs if pair["reference"] == output)


def _table(shown: Shown, names: dict[str, str]) -> int | None:
    """One line a row, and the place of the selected one (the first, to begin with)."""
    columns, config = _asked_columns(shown)
    say, (baseline, *_) = Sayer(shown.labels), names.values()
    if shown.truth is not None:
        columns["Truth"] = [say.truth(truth) for truth in shown.truth]
    columns[baseline] = [say.answer(values) for values in shown.baseline]
    for id_, answers in shown.given.items():
        name, changed = names[id_], shown.changed[id_]
        columns[name] = [_against(say, *one) for one in zip(answers, shown.baseline, changed, strict=True)]
        if shown.labels:
            columns[f"{name}, bars"] = [_finite(values) for values in answers]
            meaning = f"{name}: the probability of each class, {', '.join(shown.labels)}."
            config[f"{name}, bars"] = st.column_config.BarChartColumn("Probabilities", y_min=0, y_max=1, help=meaning)
    event = st.dataframe(
        columns,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config=config,
        row_height=38,
        height=min(420, 60 + 38 * max(len(shown.rows), 1)),
        key=f"answers-{st.query_params.get('row', '')}",  # a selection is of places, which another first row moves
        alt="Each row that was asked, with the answer of the baseline and of each artifact",
    )
    chosen = [row for row in event.selection.rows if row < len(shown.rows)]
    return (chosen[0] if chosen else 0) if len(shown.rows) else None


def _asked_columns(shown: Shown) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """What was asked: a picture, or the inputs as text."""
    columns: dict[str, list[Any]] = {"Row": shown.rows.tolist()}
    columns["Largest difference"] = [f"{value:.3g}" for value in shown.distance]
    config: dict[str, Any] = {"Row": st.column_config.NumberColumn(width="small")}
    if shown.image_shape:
        pixels = next(iter(shown.inputs.values()))
        columns["Picture"] = [row_image_url(one, shown.image_shape) for one in pixels]
        config["Picture"] = st.column_config.ImageColumn(width="small")
        return columns, config
    for name, array in list(shown.inputs.items())[:SHOWN_INPUTS]:
        columns[f"in: {name}"] = [values_in_words(one) for one in array]
    return columns, config


def _against(say: Sayer, values: np.ndarray, baseline: np.ndarray, changed: bool) -> str:
    """An answer, marked by words where it is not the baseline's."""
    said = say.answer(values)
    return f"{said} ≠ {say.answer(baseline)}, changed" if changed else said


def _finite(values: np.ndarray) -> list[float]:
    return [float(value) for value in np.nan_to_num(values.astype("float64"))]


def _close_up(shown: Shown, at: int, names: dict[str, str]) -> None:
    """One row close up: the picture that was asked, and everybody's answer as bars or as a picture."""
    if not (shown.labels or shown.answer_shape):
        return
    row = int(shown.rows[at])
    st.markdown(f"**Row {row}, close up**")
    left, right = st.columns([1, 4], vertical_alignment="center")
    if shown.image_shape:
        pixels = next(iter(shown.inputs.values()))[at]
        left.image(row_image_url(pixels, shown.image_shape, 128), "asked", 128, alt=f"The picture of row {row}")
    (baseline, *_) = names.values()
    answers = {baseline: shown.baseline} | {names[id_]: array for id_, array in shown.given.items()}
    if shown.labels:
        drawn = {name: _finite(array[at]) for name, array in answers.items()}
        alt = f"Probabilities of each class for row {row}"
        right.plotly_chart(probabilities(shown.labels, drawn), config=CONFIG, alt=alt, key="close-up")
        return
    with right, st.container(horizontal=True):
        for name, array in answers.items():
            _answer_picture(array[at], shown.baseline[at], shown.answer_shape, name, row)


def _answer_picture(values: np.ndarray, baseline: np.ndarray, shape: tuple[int, int], name: str, row: int) -> None:
    """The picture that somebody answered, and under it where it is not the baseline's."""
    values, baseline = values.astype("float32"), baseline.astype("float32")
    with st.container(width="content"):
        st.image(row_image_url(values, shape, 128), name, 128, alt=f"The answer of {name} to row {row}")
        difference = np.abs(values - baseline)
        if difference.any():
            most = float(difference.max())
            words = f"difference, up to {most:.2g}"
            st.image(row_image_url(difference / most, shape, 128), words, 128, alt=f"Where {name} differs in row {row}")
