"""Tab of single rows: a table of each copy's prediction for each row, disagreements first, and one row close up."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow
import streamlit as st

from core.arrays import Arrays
from core.compare import find_targets
from core.demos import output_image_shape
from core.figures.images import row_image_url
from core.figures.theme import PLOTLY_CONFIG
from core.library import Run
from core.library.job_store import Job
from core.library.prediction_store import PredictionStore
from core.text.numbers import format_number
from core.text.predictions import PredictionLabeler, format_values
from ui.charts import probability_bars
from ui.compare.swipe import CLOSE_UP, show_output_images
from ui.components import escape_markdown
from ui.query_params import bind_segments
from ui.session import current_jobs

ROWS_TAB = "Row by row"
MAX_INPUT_COLUMNS = 8  # columns of inputs beside the predictions
MAX_ROWS = 500  # rows of one table
ROW_ORDERS = {"distance": "Largest difference first", "row": "As they were asked"}


class RowSource(NamedTuple):
    """Where the rows of a table are read: one output of a finished comparison.

    Attributes:
        run: The baseline's.
        names: The labels of the baseline, then of each copy, by id.
        distance: The largest distance of any copy from the baseline, (all rows,).
    """

    run: Run
    job: Job
    output: str
    names: dict[str, str]
    distance: np.ndarray

    @property
    def cache_key(self) -> tuple[str, ...]:
        """What tells it from all others: a comparison that has ended never changes."""
        return self.job.id, self.job.finished or "", self.output


class PredictionRows(NamedTuple):
    """The rows of one table, for one output; all arrays have a row for each.

    Attributes:
        rows: Numbers of the rows in the input set.
        image_shape: Height and width of an input that is an image; `output_shape` of an output that is an image.
        labels: The name of each class; empty for an output without classes.
        truth: The true values, where they are known.
        baseline: The baseline's predictions.
        predictions: The predictions of each copy, by its name.
        changed: Whether a copy's prediction is another than the baseline's, bool (rows,), by its name.
        distance: The largest distance of any copy from the baseline, (rows,).
    """

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
    """Show the table of predictions of one output, and the selected row close up.

    `names` are the labels of the baseline and of every copy that gave predictions, by id; `run` is the baseline's.
    """
    store, baseline = current_jobs().predictions(job.id), job.result["baseline"]
    names = _furthest_first(job, names)
    outputs = list(store.output_sources(baseline))
    left, middle, right = st.columns([2, 2, 2], vertical_alignment="bottom")
    output = outputs[0]
    if len(outputs) > 1:
        style: dict[str, Any] = {"format_func": escape_markdown, "required": True}
        output = right.segmented_control("Output", outputs, default=output, key="out", **style)
    changed, distance = _changed_and_distance(store, [id_ for id_ in names if id_ != baseline])
    rows = _put_requested_row_first(_choose_rows(left, middle, changed, distance), len(changed))
    if len(rows) > MAX_ROWS:
        st.caption(f"The first {MAX_ROWS:,} of {len(rows):,} rows.")
    rows = rows[:MAX_ROWS]
    source = RowSource(run, job, output, names, distance)
    position = _show_prediction_table(*_cached_table(source.cache_key, rows, names, source))
    if position is not None:
        _show_row(_cached_row(source.cache_key, int(rows[position]), names, source), names[baseline])


@st.cache_data(show_spinner=False, max_entries=8)
def _cached_table(
    cache_key: tuple[str, ...], rows: np.ndarray, names: dict[str, str], _source: RowSource
) -> tuple[pyarrow.Table, dict[str, Any]]:
    """Return a table as it is sent; cached by the job and its end, because a finished comparison never changes."""
    columns, config = make_columns(load_rows(_source, rows), names[_source.job.result["baseline"]])
    return pyarrow.table(columns), config


@st.cache_data(show_spinner=False, max_entries=64)
def _cached_row(cache_key: tuple[str, ...], row: int, names: dict[str, str], _source: RowSource) -> PredictionRows:
    """Return one row as `load_rows` does; cached as `_cached_table` is."""
    return load_rows(_source, np.array([row]))


def _choose_rows(left: Any, right: Any, changed: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Choose in two columns the order of the rows, and whether only changed ones are shown; return their numbers."""
    bound = bind_segments("order", list(ROW_ORDERS))
    order = left.segmented_control("Order", **bound, required=True, format_func=ROW_ORDERS.__getitem__)
    label = f"Only where they disagree ({int(changed.sum()):,})"
    only_changed = right.toggle(label, disabled=not changed.any(), key="only", bind="query-params")
    rows = np.flatnonzero(changed) if only_changed and changed.any() else np.arange(len(changed))
    if order != "distance":
        return rows
    # A changed prediction stands above any unchanged one, whatever its distance.
    return rows[np.lexsort((rows, -distance[rows], ~changed[rows]))]


def _furthest_first(job: Job, names: dict[str, str]) -> dict[str, str]:
    """Return the labels of the baseline, then of the furthest copies: a narrow screen hides the last columns."""
    outcomes, baseline = job.result["outcomes"], job.result["baseline"]
    copies = sorted((id_ for id_ in names if id_ != baseline), key=lambda id_: -(outcomes[id_]["max_abs"] or 0.0))
    return {id_: names[id_] for id_ in (baseline, *copies)}


def _changed_and_distance(store: PredictionStore, ids: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return whether any copy's prediction changed (bool), and the largest distance from the baseline; (rows,) each."""
    changed, distances = zip(*(store.read_row_distances(id_) for id_ in ids), strict=True)
    return np.logical_or.reduce(changed), np.maximum.reduce(distances)


def _put_requested_row_first(rows: np.ndarray, total: int) -> np.ndarray:
    """Move the row that the address names to the first place, so that it is the one that is shown close up."""
    text = st.query_params.get("row", "")
    if not text.isdecimal() or int(text) >= total:
        return rows
    row = int(text)
    label = f"Row {row:,} stands first. Back to the order"
    st.button(label, icon=":material/undo:", type="tertiary", on_click=_clear_requested_row)
    return np.concatenate([[row], rows[rows != row]])


def _clear_requested_row() -> None:
    st.query_params.pop("row", None)


def load_rows(source: RowSource, rows: np.ndarray) -> PredictionRows:
    """Read the rows with these numbers, int (rows,)."""
    run, job, output, names, distance = source
    store, inputs, (baseline, *copies) = current_jobs().predictions(job.id), current_jobs().inputs, names
    input_set, outcomes = job.result["inputs"], job.result["outcomes"]
    reference = store.read_rows(baseline, output, rows)
    predictions, changed = {}, {}
    for id_ in copies:
        copy_output = next(pair["answer"] for pair in outcomes[id_]["pairs"] if pair["reference"] == output)
        predictions[names[id_]] = store.read_rows(id_, copy_output, rows)
        changed[names[id_]] = store.read_row_distances(id_)[0][rows]
    truth = find_targets(output, list(store.output_sources(baseline)), inputs.read_targets(input_set))
    return PredictionRows(
        rows,
        inputs.read_rows(input_set, rows.tolist()),
        run.image_shape,
        output_image_shape(run.demo, run.settings),
        run.labels if reference.ndim == 2 and reference.shape[1] == len(run.labels) else [],
        None if truth is None else truth[rows],
        reference,
        predictions,
        changed,
        distance[rows],
    )


def make_columns(table: PredictionRows, baseline: str) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Return the cells of a table by the name of the column, a line for each row, and the columns' configuration."""
    columns, config = _input_columns(table)
    labeler = PredictionLabeler(table.labels)
    if table.truth is not None:
        columns["Truth"] = [labeler.label_target(truth) for truth in table.truth]
        if table.output_shape:
            columns["Truth"], config["Truth"] = _picture_column(table.truth, table.output_shape)
    columns[baseline] = reference = [labeler.label_prediction(values) for values in table.baseline]
    if table.output_shape:
        columns[baseline], config[baseline] = _picture_column(table.baseline, table.output_shape)
    for name, predictions in table.predictions.items():
        if table.output_shape:
            columns[name], config[name] = _picture_column(predictions, table.output_shape)
            continue
        labels = [labeler.label_prediction(values) for values in predictions]
        columns[name] = [
            f"{label} ≠ {baseline_label}, changed" if changed else label
            for label, baseline_label, changed in zip(labels, reference, table.changed[name], strict=True)
        ]
        if table.labels:
            columns[f"{name}, bars"] = _finite_values(predictions)
            meaning = f"{name}: the probability of each class, {', '.join(table.labels)}."
            config[f"{name}, bars"] = st.column_config.BarChartColumn("Probabilities", y_min=0, y_max=1, help=meaning)
    return columns, config


def _show_prediction_table(table: pyarrow.Table, config: dict[str, Any]) -> int | None:
    """Show one line for each row. Returns the position of the selected row, or the first without a selection."""
    count = table.num_rows
    event = st.dataframe(
        table,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config=config,
        row_height=38,
        height=min(420, 60 + 38 * max(count, 1)),
        key=f"answers-{st.query_params.get('row', '')}",  # another first row moves the positions that are selected
        alt="Each row that was asked, with the answer of the baseline and of each artifact",
    )
    selected = [position for position in event.selection.rows if position < count]
    return (selected[0] if selected else 0) if count else None


def _input_columns(table: PredictionRows) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Return the columns of row number, distance and inputs (images or values), and their configuration."""
    columns: dict[str, list[Any]] = {"Row": table.rows.tolist()}
    columns["Largest difference"] = [format_number(value) for value in table.distance]
    config: dict[str, Any] = {"Row": st.column_config.NumberColumn(width="small")}
    if table.image_shape:
        pixels = next(iter(table.inputs.values()))
        columns["Picture"], config["Picture"] = _picture_column(pixels, table.image_shape)
        return columns, config
    for name, array in list(table.inputs.items())[:MAX_INPUT_COLUMNS]:
        columns[f"in: {name}"] = [format_values(row) for row in array]
    return columns, config


def _picture_column(rows: np.ndarray, shape: tuple[int, int]) -> tuple[list[str], Any]:
    """Return the cells of a column of pictures, and its configuration; `rows` are pixels in [0, 1], a row for each."""
    return [row_image_url(row.astype("float32"), shape) for row in rows], st.column_config.ImageColumn()


def _finite_values(values: np.ndarray) -> Any:
    """Return numbers as lists of floats, without those that are not finite."""
    return np.nan_to_num(values.astype("float64")).tolist()


def _show_row(table: PredictionRows, baseline: str) -> None:
    """Show the only row of a table close up: its image, and all predictions as bars or as images."""
    if not (table.labels or table.output_shape):
        return
    row = int(table.rows[0])
    st.markdown(f"**Row {row}, close up**")
    left, right = st.columns([1, 4], vertical_alignment="top" if table.output_shape else "center")
    if table.image_shape:
        image = row_image_url(next(iter(table.inputs.values()))[0], table.image_shape, CLOSE_UP)
        left.image(image, "asked", CLOSE_UP, alt=f"The picture of row {row}")
    predictions = {name: array[0] for name, array in ({baseline: table.baseline} | table.predictions).items()}
    if table.labels:
        figure = probability_bars(table.labels, {name: _finite_values(values) for name, values in predictions.items()})
        alt = f"Probabilities of each class for row {row}"
        right.plotly_chart(figure, config=PLOTLY_CONFIG, alt=alt, key="close-up")
    elif table.output_shape:
        with right:
            show_output_images(predictions, baseline, table.output_shape, row)
