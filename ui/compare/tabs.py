"""Tabs of a finished comparison, of which only the open one is computed, and its reports."""

from collections.abc import Callable

import streamlit as st

from core.report import REPORT_KINDS
from core.text.labels import capitalize_first
from ui.compare.benchmark import show_benchmark
from ui.compare.comparison_job import FinishedComparison
from ui.compare.disagreement import show_disagreement
from ui.compare.disagreement_map import NO_MAP, has_disagreement_map, show_disagreement_map
from ui.compare.layers import show_layers
from ui.compare.metrics import show_figures, show_metrics, show_pairwise_matrix
from ui.compare.prediction_rows import ROWS_TAB, show_predictions
from ui.compare.tolerance import tolerances_from_query
from ui.components import escape_markdown
from ui.routes import report_url
from ui.size_breakdown import show_byte_strips

NUMBERS_TAB = "How far apart"
MAP_TAB = "Map of disagreement"
# Names that the tabs had before, as addresses may still have them.
FORMER_TABS = {
    "Rows": ROWS_TAB,
    "Numbers": NUMBERS_TAB,
    "Pictures": "Charts and pictures",
    "Map": MAP_TAB,
    "Layers": "Compare layers",
    "Sizes": "Bytes by part",
    "Costs": "Speed and memory",
    "Report": "Reports",
}
REPORT_ICONS = {"html": ":material/article:", "json": ":material/data_object:", "csv": ":material/table:"}


def show_comparison_tabs(comparison: FinishedComparison) -> None:
    """Show the tabs of a comparison; the open one stands in the address."""
    views = _prediction_tabs(comparison) | _artifact_tabs(comparison)
    if (name := st.query_params.get("view")) in FORMER_TABS:
        st.session_state["view"] = name = FORMER_TABS[name]
    if name == MAP_TAB and name not in views:
        st.info(NO_MAP, icon=":material/map:")
    tabs = st.tabs(list(views), key="view", bind="query-params", on_change="rerun")
    for tab, show in zip(tabs, views.values(), strict=True):
        if tab.open:
            with tab:
                show()


def _prediction_tabs(comparison: FinishedComparison) -> dict[str, Callable[[], None]]:
    """Return the views of the predictions, by title."""
    views: dict[str, Callable[[], None]] = {
        ROWS_TAB: lambda: show_predictions(comparison.run, comparison.job, comparison.names),
        NUMBERS_TAB: lambda: show_metrics(comparison),
        "Charts and pictures": lambda: show_figures(comparison),
        MAP_TAB: lambda: show_disagreement_map(comparison),
        "Every pair": lambda: show_pairwise_matrix(comparison),
    }
    if not has_disagreement_map(comparison):
        del views[MAP_TAB]
    has_any = any(outcome.has_predictions for outcome in comparison.outcomes.values())
    return views if has_any else dict.fromkeys(views, _show_no_predictions)


def _show_no_predictions() -> None:
    st.info("No copy answered, so there is nothing to look at here. The cards above say why.", icon=":material/block:")


def _artifact_tabs(comparison: FinishedComparison) -> dict[str, Callable[[], None]]:
    """Return the views for which the copies are loaded again, and the report, by title."""
    fidelity = {id_: outcome.max_abs for id_, outcome in comparison.outcomes.items()}
    here = comparison.participants.here
    return {
        "Compare layers": lambda: _show_here(comparison, lambda: show_layers(here, comparison.inputs)),
        "Find a disagreement": lambda: _show_here(comparison, lambda: show_disagreement(here)),
        "Bytes by part": lambda: show_byte_strips(comparison.artifact_names),
        "Speed and memory": lambda: _show_here(comparison, lambda: show_benchmark(here, fidelity)),
        "Reports": lambda: _show_report_downloads(comparison.job.id),
    }


def _show_here(comparison: FinishedComparison, show: Callable[[], None]) -> None:
    """Show a view of the copies that are loaded here, and say which of the participants are not."""
    if left_out := comparison.participants.left_out:
        st.caption(escape_markdown(left_out))
    show()


def _show_report_downloads(job_id: str) -> None:
    """Show a button for each kind of report, with its contents; a report is made when it is downloaded."""
    tolerances = tolerances_from_query()
    with st.grid(3, min_column_width=270):
        for kind, contents in REPORT_KINDS.items():
            with st.container(border=True, height="stretch", key=f"report-{kind}"):
                st.markdown(f"**{kind.upper()}**")
                st.markdown(f"{capitalize_first(contents)}.")
                st.space("stretch")  # the buttons stand side by side, whatever is written above them
                st.link_button(
                    f"Download {kind.upper()}",
                    report_url(job_id, kind, tolerances),
                    icon=REPORT_ICONS[kind],
                    type="primary" if kind == "html" else "secondary",
                )
    if tolerances:
        st.caption(f"The tolerances that you set under “{NUMBERS_TAB}” are in them, with who passes and who fails.")
    st.caption("The same from the command line: `roundtrip compare ID... --report FILE`.")
