"""Answers row by row: what each copy said to each row, those that disagree first, and one row close up."""

from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from core.arrays import Arrays
from core.compare import find_targets
from core.demos import get_demo
from core.figures.images import row_image_url
from core.figures.theme import PLOTLY_CONFIG
from core.library import Run
from core.library.job_store import Job
from core.library.prediction_store import PredictionStore
from core.text.labels import PredictionLabeler, format_values
from ui.charts import probability_bars
from ui.components import escape_markdown
from ui.query_params import bind_select
from ui.session import current_jobs

MAX_INPUT_COLUMNS = 8  # columns of inputs beside the answers
MAX_ROWS = 500  # rows of one table
ROW_ORDERS = {"distance": "Largest difference first", "row": "As they were asked"}


class PredictionRows(NamedTuple):
    """The rows of one table, for one output: what was asked, the baseline's answers, and what each copy said."""

    rows: np.ndarray
    inputs: Arrays
    image_shape: tuple[int, int] | None
    output_shape: tuple[int, int] | None
    labels: list[str]
    truth: np.ndarray | None
    baseline: np.ndarray
    predictions: Arrays
    changed: dict[str, np.ndarray]
    distance: np.ndarray


def show_predictions(run: Run, job: Job, names: dict[str, str]) -> None:
    """The table of answers to one output, and the selected row close up.

    `names` are those of the baseline (first) and of every copy that answered; `run` is the baseline's.
    """
    answers, baseline = current_jobs().predictions(job.id), job.result["baseline"]
    names = _furthest_first(job, names)
    outputs = list(answers.output_sources(baseline))
    left, middle, right = st.columns([2, 2, 2], vertical_alignment="bottom")
    output = outputs[0]
    if len(outputs) > 1:
        output = right.segmented_control(
            "Output", outputs, default=output, required=True, format_func=escape_markdown, key="out"
        )
    changed, distance = _changed_and_distance(answers, [id_ for id_ in names if id_ != baseline])
    bound = bind_select("order", list(ROW_ORDERS))
    order = left.segmented_control("Order", **bound, required=True, format_func=ROW_ORDERS.get)
    words = f"Only where they disagree ({int(changed.sum()):,})"
    only = middle.toggle(words, disabled=not changed.any(), key="only", bind="query-params") and changed.any()
    rows = _order_rows(changed, distance, order, only)
    rows = _put_requested_row_first(rows, len(changed))
    if len(rows) > MAX_ROWS:
        st.caption(f"The first {MAX_ROWS:,} of {len(rows):,} rows.")
    shown = _load_rows(run, job, output, rows[:MAX_ROWS], names, distance)
    picked = _show_prediction_table(shown, names)
    if picked is not None:
        _show_row(shown, picked, names)


def _furthest_first(job: Job, names: dict[str, str]) -> dict[str, str]:
    """The baseline, then the copies that are furthest from it: on a narrow screen the last columns are out of sight."""
    outcomes, baseline = job.result["outcomes"], job.result["baseline"]
    others = sorted((id_ for id_ in names if id_ != baseline), key=lambda id_: -(outcomes[id_]["max_abs"] or 0.0))
    return {id_: names[id_] for id_ in (baseline, *others)}


def _changed_and_distance(predictions: PredictionStore, ids: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """For each row whether any copy's answer changed, and the largest distance from the baseline."""
    kept = [predictions.read_row_distances(id_) for id_ in ids]
    return np.logical_or.reduce([one[0] for one in kept]), np.maximum.reduce([one[1] for one in kept])


def _order_rows(changed: np.ndarray, distance: np.ndarray, order: str, only_changed: bool) -> np.ndarray:
    rows = np.flatnonzero(changed) if only_changed else np.arange(len(changed))
    if order == "distance":
        # A changed answer stands above any unchanged one, however far that is.
        rows = rows[np.lexsort((rows, -distance[rows], ~changed[rows]))]
    return rows


def _put_requested_row_first(rows: np.ndarray, total: int) -> np.ndarray:
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


def _load_rows(
    run: Run, job: Job, output: str, rows: np.ndarray, names: dict[str, str], distance: np.ndarray
) -> PredictionRows:
    answers, kept = current_jobs().predictions(job.id), current_jobs().inputs
    baseline = job.result["baseline"]
    live = answers.read_rows(baseline, output, rows)
    labels = run.labels if live.ndim == 2 and live.shape[1] == len(run.labels) else []
    given, changed = {}, {}
    for id_ in names:
        if id_ != baseline:
            given[id_] = answers.read_rows(id_, _matching_output(job, id_, output), rows)
            changed[id_] = answers.read_row_distances(id_)[0][rows]
    shape = get_demo(run.demo).output_image_shapes.get((run.settings or {}).get("dataset", "")) if run.demo else None
    truth = find_targets(output, list(answers.output_sources(baseline)), kept.read_targets(job.result["inputs"]))
    inputs = kept.read_rows(job.result["inputs"], rows)
    truth = None if truth is None else truth[rows]
    return PredictionRows(rows, inputs, run.image_shape, shape, labels, truth, live, given, changed, distance[rows])


def _matching_output(job: Job, id_: str, output: str) -> str:
    """How a copy calls an output of the baseline."""
    pairs = job.result["outcomes"][id_]["pairs"]
    return next(pair["answer"] for pair in pairs if pair["reference"] == output)


def _show_prediction_table(shown_rows: PredictionRows, names: dict[str, str]) -> int | None:
    """One line a row, and the place of the selected one (the first, to begin with)."""
    columns, config = _input_columns(shown_rows)
    say, (baseline, *_) = PredictionLabeler(shown_rows.labels), names.values()
    if shown_rows.truth is not None:
        columns["Truth"] = [say.label_target(truth) for truth in shown_rows.truth]
    columns[baseline] = [say.label_prediction(values) for values in shown_rows.baseline]
    for id_, answers in shown_rows.predictions.items():
        name, changed = names[id_], shown_rows.changed[id_]
        columns[name] = [_prediction_text(say, *one) for one in zip(answers, shown_rows.baseline, changed, strict=True)]
        if shown_rows.labels:
            columns[f"{name}, bars"] = [_finite_values(values) for values in answers]
            meaning = f"{name}: the probability of each class, {', '.join(shown_rows.labels)}."
            config[f"{name}, bars"] = st.column_config.BarChartColumn("Probabilities", y_min=0, y_max=1, help=meaning)
    event = st.dataframe(
        columns,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config=config,
        row_height=38,
        height=min(420, 60 + 38 * max(len(shown_rows.rows), 1)),
        key=f"answers-{st.query_params.get('row', '')}",  # a selection is of places, which another first row moves
        alt="Each row that was asked, with the answer of the baseline and of each artifact",
    )
    chosen = [row for row in event.selection.rows if row < len(shown_rows.rows)]
    return (chosen[0] if chosen else 0) if len(shown_rows.rows) else None


def _input_columns(shown_rows: PredictionRows) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """What was asked: a picture, or the inputs as text."""
    columns: dict[str, list[Any]] = {"Row": shown_rows.rows.tolist()}
    columns["Largest difference"] = [f"{value:.3g}" for value in shown_rows.distance]
    config: dict[str, Any] = {"Row": st.column_config.NumberColumn(width="small")}
    if shown_rows.image_shape:
        pixels = next(iter(shown_rows.inputs.values()))
        columns["Picture"] = [row_image_url(one, shown_rows.image_shape) for one in pixels]
        config["Picture"] = st.column_config.ImageColumn(width="small")
        return columns, config
    for name, array in list(shown_rows.inputs.items())[:MAX_INPUT_COLUMNS]:
        columns[f"in: {name}"] = [format_values(one) for one in array]
    return columns, config


def _prediction_text(labeler: PredictionLabeler, values: np.ndarray, baseline: np.ndarray, changed: bool) -> str:
    """An answer, marked by words where it is not the baseline's."""
    said = labeler.label_prediction(values)
    return f"{said} ≠ {labeler.label_prediction(baseline)}, changed" if changed else said


def _finite_values(values: np.ndarray) -> list[float]:
    return [float(value) for value in np.nan_to_num(values.astype("float64"))]


def _show_row(shown_rows: PredictionRows, position: int, names: dict[str, str]) -> None:
    """One row close up: the picture that was asked, and everybody's answer as bars or as a picture."""
    if not (shown_rows.labels or shown_rows.output_shape):
        return
    row = int(shown_rows.rows[position])
    st.markdown(f"**Row {row}, close up**")
    left, right = st.columns([1, 4], vertical_alignment="center")
    if shown_rows.image_shape:
        pixels = next(iter(shown_rows.inputs.values()))[position]
        left.image(row_image_url(pixels, shown_rows.image_shape, 128), "asked", 128, alt=f"The picture of row {row}")
    (baseline, *_) = names.values()
    answers = {baseline: shown_rows.baseline} | {names[id_]: array for id_, array in shown_rows.predictions.items()}
    if shown_rows.labels:
        drawn = {name: _finite_values(array[position]) for name, array in answers.items()}
        alt = f"Probabilities of each class for row {row}"
        right.plotly_chart(probability_bars(shown_rows.labels, drawn), config=PLOTLY_CONFIG, alt=alt, key="close-up")
        return
    with right, st.container(horizontal=True):
        for name, array in answers.items():
            _show_output_image(array[position], shown_rows.baseline[position], shown_rows.output_shape, name, row)


def _show_output_image(values: np.ndarray, baseline: np.ndarray, shape: tuple[int, int], name: str, row: int) -> None:
    """The picture that somebody answered, and under it where it is not the baseline's."""
    values, baseline = values.astype("float32"), baseline.astype("float32")
    with st.container(width="content"):
        st.image(row_image_url(values, shape, 128), name, 128, alt=f"The answer of {name} to row {row}")
        difference = np.abs(values - baseline)
        if difference.any():
            most = float(difference.max())
            words = f"difference, up to {most:.2g}"
            st.image(row_image_url(difference / most, shape, 128), words, 128, alt=f"Where {name} differs in row {row}")
