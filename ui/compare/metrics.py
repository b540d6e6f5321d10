"""How far the copies are off: every number with its meaning, the figures, and all against all."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.figures import (
    PLOTLY_CONFIG,
    TitledFigure,
    output_figures,
    titled_accuracy,
    titled_confusion_matrix,
    titled_pairwise_matrix,
)
from core.text.labels import first_rows_label, verdict_label
from core.text.metrics import (
    CLASSIFICATION_METRICS,
    CLOSENESS_METRICS,
    DISTANCE_METRICS,
    WORST_VALUE_METRICS,
    Metric,
    format_number,
    tolerance_label,
)
from core.text.summaries import summarize_changes
from ui.compare.tolerance import check_job_tolerances, show_tolerance_fields
from ui.compare.verdicts import FinishedComparison
from ui.components import escape_markdown
from ui.query_params import bind_select

MetricsJson = dict[str, Any]  # an `OutputNumbers` as JSON


def show_metrics(comparison: FinishedComparison) -> None:
    """Every number on each output, tolerances to hold the copies to, and what became of the right answers."""
    outputs = _metrics_by_output(comparison)
    for at, (output, numbers) in enumerate(outputs.items()):
        if len(outputs) > 1:
            st.subheader(f"Output {escape_markdown(output)}")
        show_tolerance_fields(at, list(outputs))
        within = {id_: found.get(output) for id_, found in check_job_tolerances(comparison.job, list(outputs)).items()}
        _show_distances(comparison, output, numbers, within)
        _show_metric_table("Relative to the values", CLOSENESS_METRICS, comparison, output, numbers)
        _show_metric_table("Where the largest difference is", WORST_VALUE_METRICS, comparison, output, numbers)
        _show_row_buttons(comparison, at, numbers)
        if any(one["classes"] for one in numbers.values()):
            _show_classification(comparison, output, numbers)


def _metrics_by_output(comparison: FinishedComparison) -> dict[str, dict[str, MetricsJson]]:
    """The numbers of each copy that answered, by the baseline's output and the copy's id."""
    found: dict[str, dict[str, MetricsJson]] = {}
    for id_, outcome in comparison.outcomes.items():
        for one in outcome.outputs:
            found.setdefault(one["output"], {})[id_] = one
    return found


def _show_distances(
    comparison: FinishedComparison,
    output: str,
    metrics: dict[str, MetricsJson],
    tolerance_results: dict[str, dict[str, Any] | None],
) -> None:
    """The verdict first, whether it is within the tolerance, then how far."""
    outcomes = comparison.outcomes
    said = [verdict_label(outcomes[id_].verdict, outcomes[id_].changed_rows, outcomes[id_].rows) for id_ in metrics]
    first = {"Verdict": said}
    if tolerance_results:
        first["Within tolerance"] = [tolerance_label(tolerance_results.get(id_)) for id_ in metrics]
    _show_metric_table("How far apart", DISTANCE_METRICS, comparison, output, metrics, first)


def _show_metric_table(
    title: str,
    columns_shown: Sequence[Metric],
    comparison: FinishedComparison,
    output: str,
    metrics: dict[str, MetricsJson],
    leading_columns: dict[str, list[str]] | None = None,
) -> None:
    """A line for each copy, a column for each number with its meaning as a tooltip."""
    columns = {"Copy": [comparison.names[id_] for id_ in metrics]} | (leading_columns or {})
    columns |= {one.label: [one.format_from(of_copy) for of_copy in metrics.values()] for one in columns_shown}
    config = {one.label: st.column_config.TextColumn(help=one.description, alignment="right") for one in columns_shown}
    config["Copy"] = st.column_config.TextColumn(pinned=True, width=150)
    st.markdown(f"**{title}**")
    st.dataframe(
        columns,
        hide_index=True,
        column_config=config,
        height="content",
        key=f"{title}-{output}",
        alt=f"{title}: numbers on the output {output}, a line for each copy",
    )


def _show_row_buttons(comparison: FinishedComparison, output_index: int, metrics: dict[str, MetricsJson]) -> None:
    """A button for each row in which somebody's largest difference sits."""
    where: dict[int, list[str]] = {}
    for id_, one in metrics.items():
        if one["worst"]:
            where.setdefault(one["worst"]["row"], []).append(comparison.names[id_])
    with st.container(horizontal=True):
        for row, names in where.items():
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
    st.session_state["view"] = "Rows"


def _show_classification(comparison: FinishedComparison, output: str, metrics: dict[str, MetricsJson]) -> None:
    """What became of the right answers, in sentences first; then who said what."""
    by_class = {id_: one for id_, one in metrics.items() if one["classes"]}
    _show_metric_table("Classes", CLASSIFICATION_METRICS, comparison, output, by_class)
    said: dict[str, list[str]] = {}
    for id_, one in by_class.items():
        said.setdefault(summarize_changes(one), []).append(comparison.names[id_])
    for sentence, names in said.items():
        st.markdown(f"**{escape_markdown(', '.join(names))}** — {escape_markdown(sentence)}")
    left, right = st.columns(2, gap="large")
    with left:
        changed = [id_ for id_, one in by_class.items() if one["classes"]["changed"]] or list(by_class)
        id_ = changed[0]
        if len(changed) > 1:
            id_ = st.selectbox(
                "Who said what: against", changed, format_func=comparison.names.get, key=f"agreement-{output}"
            )
        drawn = titled_confusion_matrix(by_class[id_], comparison.run.labels, comparison.names[id_])
        _show_figure(drawn, f"agreement-of-{output}", comparison.names[id_])
    with right:
        if drawn := titled_accuracy(by_class, comparison.names, comparison.baseline):
            _show_figure(drawn, f"accuracy-of-{output}", ", ".join(comparison.names.values()))


def show_figures(comparison: FinishedComparison) -> None:
    """The figures of one copy and one output."""
    outputs = _metrics_by_output(comparison)
    left, right = st.columns(2)
    output = next(iter(outputs))
    if len(outputs) > 1:
        output = right.selectbox("Output", **bind_select("output", list(outputs)), format_func=escape_markdown)
    # The copy that is furthest off stands first.
    copies = sorted(outputs[output], key=lambda id_: float(outputs[output][id_]["atol_needed"] or 0), reverse=True)
    id_ = left.selectbox("Copy", **bind_select("copy", copies), format_func=comparison.names.get)
    numbers = outputs[output][id_]
    if numbers["identical"]:
        st.success("Bit-identical: every number is the same, so there is nothing to draw.", icon=":material/verified:")
        return
    if not numbers["histogram"]:
        st.info("This output is text, which has no distances to draw; its rows are under Rows.", icon=":material/info:")
        return
    with st.grid(2, min_column_width=380, gap="large"):
        for at, drawn in enumerate(output_figures(numbers, comparison.run.labels, comparison.names[id_])):
            with st.container(key=f"figure-{at}"):
                _show_figure(drawn, f"figure-of-{id_}-{output}-{at}", comparison.names[id_])


def show_pairwise_matrix(comparison: FinishedComparison) -> None:
    """All against all, and the same as a table."""
    found = comparison.job.result["matrix"]
    _show_figure(titled_pairwise_matrix(found, comparison.names), "matrix", ", ".join(comparison.names.values()))
    cells = found["cells"]
    with st.expander("The same as a table"):
        st.dataframe(
            {
                "One": [comparison.names[cell["a"]] for cell in cells],
                "Other": [comparison.names[cell["b"]] for cell in cells],
                "Verdict": [_pair_text(cell, found["rows"]) for cell in cells],
                "Largest difference": [
                    "–" if cell["max_abs"] is None else format_number(cell["max_abs"]) for cell in cells
                ],
            },
            hide_index=True,
            key="matrix-table",
            alt="Each two of them, with the verdict and the largest difference",
        )


def _pair_text(cell: dict[str, Any], total_rows: int) -> str:
    if cell["verdict"] is None:
        return cell["error"]["sentence"]
    said = [
        verdict_label(cell["verdict"], cell["changed_rows"], cell["rows"]),
        first_rows_label(cell["rows"], total_rows),
    ]
    return ", ".join(words for words in said if words)


def _show_figure(titled: TitledFigure, key: str, names: str) -> None:
    st.markdown(f"**{titled.title}**")
    st.caption(titled.explanation)
    st.plotly_chart(titled.figure, config=PLOTLY_CONFIG, key=key, alt=f"{titled.title}: {names}")
