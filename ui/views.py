"""What a finished comparison offers to look at; only the view that is open is computed."""

import streamlit as st

from core.library import Entry
from ui.answers import show_answers
from ui.comparing import Comparison
from ui.costs import show_costs
from ui.differences import show_matrix, show_numbers, show_pictures
from ui.disagreement import show_disagreement
from ui.layers import show_layers
from ui.report import show_report

VIEWS = (
    "Rows",
    "Numbers",
    "Pictures",
    "All against all",
    "Layers",
    "Find a disagreement",
    "Costs",
    "Report",
)


def show_views(comparison: Comparison, entries: dict[str, Entry]) -> None:
    """Tabs over one comparison; which is open stands in the address."""
    baseline, others = comparison.baseline, list(comparison.outcomes)
    answered = [id_ for id_ in comparison.names if id_ != baseline]
    rows, numbers, pictures, matrix, layers, disagreement, costs, report = st.tabs(
        VIEWS, key="view", bind="query-params", on_change="rerun"
    )
    if rows.open and answered:
        with rows:
            show_answers(comparison.run, comparison.job, comparison.names)
    if numbers.open and answered:
        with numbers:
            show_numbers(comparison)
    if pictures.open and answered:
        with pictures:
            show_pictures(comparison)
    if matrix.open and answered:
        with matrix:
            show_matrix(comparison)
    if layers.open:
        with layers:
            show_layers(baseline, others, comparison.all_names, entries)
    if disagreement.open:
        with disagreement:
            show_disagreement(baseline, others, comparison.all_names, entries)
    if costs.open:
        with costs:
            fidelity = {id_: outcome.max_abs for id_, outcome in comparison.outcomes.items()}
            show_costs(others, comparison.all_names, entries, fidelity)
    if report.open:
        with report:
            show_report(comparison)
