"""First part of the Compare page: the choice of the baseline and of the copies' code, and the verdicts."""

import streamlit as st

from core.compare import Verdict
from core.jobs.compare_result import ComparisonOutcome
from core.text.labels import live_model_phrase, verdict_meaning
from core.text.numbers import format_duration
from core.text.summaries import list_caveats
from ui.compare.comparison_job import FinishedComparison
from ui.components import escape_markdown, show_error
from ui.findings import show_verdict_and_losses


def show_verdicts(comparison: FinishedComparison) -> None:
    """Show a card for each copy: the verdict, the numbers, then the caveats."""
    run, baseline, names = comparison.run, comparison.participants.baseline, comparison.participants.names
    reference = live_model_phrase(run.name, run) if baseline == run.id else names[baseline]
    verdicts = "\n".join(f"- **{verdict.label}**: {verdict_meaning(verdict)}" for verdict in Verdict)
    st.caption(
        f"Asked: {escape_markdown(comparison.inputs.words)}. Compared with {escape_markdown(reference)}. Each copy was "
        "reloaded in a process that has never seen its model.",
        help=f"The verdicts, best first:\n\n{verdicts}",
    )
    with st.grid(3, min_column_width=270):
        for id_, outcome in comparison.outcomes.items():
            with st.container(border=True, height="stretch", key=f"verdict-{id_}"):
                st.markdown(f"**{escape_markdown(names[id_])}**")
                changed = outcome.changed_rows, outcome.rows
                show_verdict_and_losses(id_, outcome.verdict, *changed, outcome.error, outcome.grade)
                if outcome.warning:
                    st.warning(escape_markdown(outcome.warning), icon=":material/warning:")
                _show_numbers(outcome)
                if outcome.has_predictions:
                    source = comparison.participants.sources.get(id_, "none")
                    caveats = escape_markdown(" ".join(list_caveats(outcome.model_dump(), source)))
                    st.caption(f"{caveats} Loaded in {format_duration(outcome.load_seconds)}.".strip())


def _show_numbers(outcome: ComparisonOutcome) -> None:
    if outcome.error:
        show_error(outcome.error)
        return
    st.markdown(
        f"Answers changed: **{outcome.changed_rows:,} of {outcome.rows:,}**  \n"
        f"Largest difference: **{outcome.max_abs:.3g}**  \n"
        f"Mean difference: **{outcome.mean_abs:.3g}**"
    )
