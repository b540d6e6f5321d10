"""Metrics of a comparison: tables of every number with its meaning, figures, and the pairwise matrix."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from core.compare import Verdict
from core.compatibility.losses import find_losses, label_with_losses
from core.figures.comparison import (
    TitledFigure,
    output_figures,
    titled_accuracy,
    titled_confusion_matrix,
    titled_pairwise_matrix,
)
from core.figures.theme import PLOTLY_CONFIG
from core.jobs.comparison.compare_result import ComparisonOutcome
from core.text.metrics import CLASSIFICATION_METRICS, CLOSENESS_METRICS, DISTANCE_METRICS, WORST_VALUE_METRICS, Metric
from core.text.numbers import format_number
from core.text.summaries import summarize_changes, summarize_outcomes
from core.text.verdicts import first_rows_label, tolerance_label, verdict_label
from ui.compare.comparison_job import FinishedComparison
from ui.compare.prediction_rows import ROWS_TAB, RowSource, load_rows
from ui.compare.swipe import show_output_images
from ui.compare.tolerance import check_job_tolerances, show_tolerance_fields, tolerances_from_query
from ui.components import escape_markdown
from ui.query_params import bind_select
from ui.session import current_jobs
from ui.terms import explain_headings

CopyMetrics = dict[str, dict[str, Any]]  # by artifact an `OutputMetrics` as JSON


def show_metrics(comparison: FinishedComparison) -> None:
    """Show in a sentence how far apart the copies are; behind it every number, and how the right answers changed."""
    st.markdown(escape_markdown(_metrics_sentence(comparison)))
    # Open where a link or a field asks for a tolerance: who passes stands in there.
    with st.expander("Expert numbers", icon=":material/numbers:", expanded=bool(tolerances_from_query())):
        _show_expert_numbers(comparison)


def _metrics_sentence(comparison: FinishedComparison) -> str:
    """Return how many copies answer as the baseline, and which copy is furthest off and by how much."""
    outcomes = {id_: outcome.model_dump() for id_, outcome in comparison.outcomes.items()}
    names, baseline = comparison.names, comparison.participants.baseline
    headline = summarize_outcomes(names[baseline], comparison.job.result["rows"], outcomes)
    furthest = comparison.participants.others[0]  # they stand in that order
    outcome = comparison.outcomes[furthest]
    if not outcome.max_abs:  # or nothing but texts, or numbers that are not finite, changed
        is_same = all(copy.verdict is Verdict.BIT_IDENTICAL for copy in comparison.outcomes.values())
        return f"{headline} Not one number differs." if is_same else headline
    off = f"its numbers differ by up to {format_number(outcome.max_abs)}"
    grade = f", on the whole {outcome.grade.label}" if outcome.grade else ""
    return f"{headline} {names[furthest]} is furthest off: {off}{grade}."


def _show_expert_numbers(comparison: FinishedComparison) -> None:
    outputs = _metrics_by_output(comparison)
    for index, (output, metrics) in enumerate(outputs.items()):
        if len(outputs) > 1:
            st.header(f"Output {escape_markdown(output)}")
        show_tolerance_fields(index, list(outputs))
        checks = check_job_tolerances(comparison.job, list(outputs))
        first = {"Verdict": [_verdict_and_losses(id_, comparison.outcomes[id_]) for id_ in metrics]}
        if checks:
            first["Within tolerance"] = [tolerance_label(checks.get(id_, {}).get(output)) for id_ in metrics]
        _show_metric_table("How far apart", DISTANCE_METRICS, comparison, output, metrics, first)
        _show_metric_table("Relative to the values", CLOSENESS_METRICS, comparison, output, metrics)
        _show_metric_table("Where the largest difference is", WORST_VALUE_METRICS, comparison, output, metrics)
        _show_row_buttons(comparison, index, metrics)
        if with_classes := {id_: copy for id_, copy in metrics.items() if copy["classes"]}:
            _show_classification(comparison, output, with_classes)


def _verdict_and_losses(artifact_id: str, outcome: ComparisonOutcome) -> str:
    verdict = verdict_label(outcome.verdict, outcome.changed_rows, outcome.rows)
    return label_with_losses(verdict, find_losses(current_jobs().library, artifact_id))


def _metrics_by_output(comparison: FinishedComparison) -> dict[str, CopyMetrics]:
    """Return the metrics of each copy with predictions, by the baseline's output and the copy's id."""
    by_output: dict[str, CopyMetrics] = {}
    for id_, outcome in comparison.outcomes.items():
        for metrics in outcome.outputs:
            by_output.setdefault(metrics["output"], {})[id_] = metrics
    return by_output


def _show_metric_table(
    title: str,
    shown: Sequence[Metric],
    comparison: FinishedComparison,
    output: str,
    metrics: CopyMetrics,
    first: dict[str, list[str]] | None = None,
) -> None:
    """Show a line for each copy, a column for each number with its meaning as a tooltip, after the `first` columns."""
    columns = {"Copy": [comparison.names[id_] for id_ in metrics]} | (first or {})
    columns |= {metric.label: [metric.format_from(copy) for copy in metrics.values()] for metric in shown}
    text = st.column_config.TextColumn
    config = {"Copy": text(pinned=True, width=180)}
    config |= {metric.label: text(help=metric.description, alignment="right") for metric in shown}
    st.markdown(f"**{title}**")
    key, alt = f"{title}-{output}", f"{title}: numbers on the output {output}, a line for each copy"
    st.dataframe(columns, hide_index=True, column_config=config, height="content", key=key, alt=alt)


def _show_row_buttons(comparison: FinishedComparison, output_index: int, metrics: CopyMetrics) -> None:
    """Show a button for each row that holds the largest difference of a copy."""
    copies: dict[int, list[str]] = {}
    for id_, copy in metrics.items():
        if copy["worst"]:
            copies.setdefault(copy["worst"]["row"], []).append(comparison.names[id_])
    with st.container(horizontal=True):
        for row, names in copies.items():
            st.button(
                f"Go to row {row:,}",
                key=f"go-{output_index}-{row}",
                icon=":material/arrow_forward:",
                help=f"The largest difference of {escape_markdown(', '.join(names))} is in this row.",
                on_click=_go_to_row,
                args=(row,),
            )


def _go_to_row(row: int) -> None:
    st.query_params["row"] = str(row)
    st.session_state["view"] = ROWS_TAB


def _show_classification(comparison: FinishedComparison, output: str, metrics: CopyMetrics) -> None:
    """Show how the right answers changed, in sentences; then the confusion matrix and the accuracy."""
    _show_metric_table("Classes", CLASSIFICATION_METRICS, comparison, output, metrics)
    copies: dict[str, list[str]] = {}
    for id_, copy in metrics.items():
        copies.setdefault(summarize_changes(copy), []).append(comparison.names[id_])
    for sentence, names in copies.items():
        st.markdown(f"**{escape_markdown(', '.join(names))}** — {escape_markdown(sentence)}")
    left, right = st.columns(2, gap="large")
    with left:
        ids = [id_ for id_, copy in metrics.items() if copy["classes"]["changed"]] or list(metrics)
        id_, name_of = ids[0], comparison.names.__getitem__
        if len(ids) > 1:
            id_ = (
                st.selectbox("Copy to compare with the baseline", ids, format_func=name_of, key=f"agreement-{output}")
                or id_
            )
        matrix = titled_confusion_matrix(metrics[id_], comparison.run.labels, comparison.names[id_])
        _show_figure(matrix, f"agreement-of-{output}", comparison.names[id_])
    with right:
        if accuracy := titled_accuracy(metrics, comparison.names, comparison.participants.baseline):
            _show_figure(accuracy, f"accuracy-of-{output}", ", ".join(comparison.names.values()))


def show_figures(comparison: FinishedComparison) -> None:
    """Show the figures of one copy and one output."""
    outputs, names = _metrics_by_output(comparison), comparison.names
    left, right = st.columns(2)
    output: str = next(iter(outputs))
    if len(outputs) > 1:
        output = right.selectbox("Output", **bind_select("output", list(outputs)), format_func=escape_markdown)
    # The copy that is furthest off stands first.
    ids = sorted(outputs[output], key=lambda id_: float(outputs[output][id_]["atol_needed"] or 0), reverse=True)
    id_: str = left.selectbox("Copy", **bind_select("copy", ids), format_func=names.__getitem__)
    metrics = outputs[output][id_]
    if metrics["identical"]:
        st.success("Bit-identical: every number is the same, so there is nothing to draw.", icon=":material/verified:")
        return
    if not metrics["histogram"]:
        text = f"This output is text, which has no distances to draw; its rows are under {ROWS_TAB}."
        st.info(text, icon=":material/info:")
        return
    _show_furthest_row(comparison, output, id_)
    with st.grid(2, min_column_width=380, gap="large"):
        for index, figure in enumerate(output_figures(metrics, comparison.run.labels, names[id_])):
            with st.container(key=f"figure-{index}"):
                _show_figure(figure, f"figure-of-{id_}-{output}-{index}", names[id_])


def _show_furthest_row(comparison: FinishedComparison, output: str, id_: str) -> None:
    """Show the row on which a copy is furthest from the baseline, where an output is a picture."""
    baseline, job = comparison.job.result["baseline"], comparison.job
    distance = current_jobs().predictions(job.id).read_row_distances(id_)[1]
    names = {key: comparison.names[key] for key in (baseline, id_)}
    row = int(np.argmax(np.nan_to_num(distance, nan=np.inf)))
    table = load_rows(RowSource(comparison.run, job, output, names, distance), np.array([row]))
    if table.output_shape:
        st.markdown(f"**Row {row}, on which it differs most**")
        predictions = {names[baseline]: table.baseline[0], names[id_]: table.predictions[names[id_]][0]}
        show_output_images(predictions, names[baseline], table.output_shape, row)


def show_pairwise_matrix(comparison: FinishedComparison) -> None:
    """Show the verdict of each pair of participants, as a matrix and as a table."""
    matrix, names = comparison.job.result["matrix"], comparison.names
    _show_figure(titled_pairwise_matrix(matrix, names), "matrix", ", ".join(names.values()))
    cells = matrix["cells"]
    largest = ["–" if cell["max_abs"] is None else format_number(cell["max_abs"]) for cell in cells]
    columns = {
        "One": [names[cell["a"]] for cell in cells],
        "Other": [names[cell["b"]] for cell in cells],
        "Verdict": [_pair_text(cell, matrix["rows"]) for cell in cells],
        "Largest difference": largest,
    }
    with st.expander("The same as a table"):
        alt = "Every pair, with the verdict and the largest difference"
        st.dataframe(columns, hide_index=True, column_config=explain_headings(columns), key="matrix-table", alt=alt)


def _pair_text(cell: dict[str, Any], total_rows: int) -> str:
    if cell["verdict"] is None:
        return cell["error"]["sentence"]
    verdict = verdict_label(cell["verdict"], cell["changed_rows"], cell["rows"])
    return ", ".join(filter(None, [verdict, first_rows_label(cell["rows"], total_rows)]))


def _show_figure(titled: TitledFigure, key: str, names: str) -> None:
    st.markdown(f"**{titled.title}**")
    st.caption(titled.explanation)
    st.plotly_chart(titled.figure, config=PLOTLY_CONFIG, key=key, alt=f"{titled.title}: {names}")
