"""First part of the Compare page: the choice of the baseline and of the copies' code, and the verdicts."""

import streamlit as st

from core.compare import Verdict
from core.compatibility.losses import find_losses, label_with_losses
from core.environments.machines import label_asked
from core.figures.theme import NEUTRAL, PLOTLY_CONFIG
from core.jobs.comparison.compare_result import ComparisonOutcome, describe_compared_machines
from core.jobs.elsewhere_answers import find_answers
from core.jobs.places.place import place_of
from core.text.labels import live_model_phrase
from core.text.numbers import format_difference, format_duration
from core.text.summaries import describe_batch, list_caveats
from core.text.verdicts import verdict_meaning
from ui.charts import size_chart
from ui.compare.comparison_job import FinishedComparison
from ui.components import VERDICT_BADGES, escape_markdown, show_error, shown_verdict
from ui.findings import show_verdict_and_losses
from ui.session import current_jobs

# Of the badges' colours, such as are seen as bars on white and on near-black.
BAR_COLOURS = {"green": "#0D9488", "blue": "#0284C7", "orange": "#D97706", "red": "#DC2626", "gray": NEUTRAL}


def show_size_chart(comparison: FinishedComparison) -> None:
    """Show the size of each copy beside its verdict, as bars in the verdict's colour."""
    names, library = comparison.participants.names, current_jobs().library
    outcomes = {id_: outcome for id_, outcome in comparison.outcomes.items() if not place_of(id_)}
    verdicts = {id_: shown_verdict(outcome.verdict, outcome.error) for id_, outcome in outcomes.items()}
    figure = size_chart(
        [names[id_] for id_ in outcomes],
        [comparison.participants.entries[id_].bytes or 0 for id_ in outcomes],
        [label_with_losses(verdict.label, find_losses(library, id_)) for id_, verdict in verdicts.items()],
        [BAR_COLOURS[VERDICT_BADGES[verdict][1]] for verdict in verdicts.values()],
    )
    st.caption("How large each copy is, in the colour of its verdict.")
    st.plotly_chart(figure, config=PLOTLY_CONFIG, key="sizes", alt="The size of each copy, beside its verdict")


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
    runs = {entry.run for entry in comparison.participants.entries.values() if entry.run}
    elsewhere = find_answers(current_jobs().job_store, *runs)
    _show_machines(comparison)
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
                    facts = outcome.model_dump()
                    where = [outcome.place.words] if outcome.place else []
                    caveats = escape_markdown(" ".join([*where, describe_batch(facts), *list_caveats(facts, source)]))
                    loaded = escape_markdown(f"Loaded in {format_duration(outcome.load_seconds)}.")
                    st.caption(f"{caveats} {loaded}".strip())
                elif outcome.place:
                    st.caption(escape_markdown(outcome.place.words_without_answer))
                for key, answer in elsewhere.get(id_, {}).items():
                    st.caption(
                        escape_markdown(f"In {label_asked(key)}, asked its kit's test examples: {answer.summary}")
                    )


def _show_machines(comparison: FinishedComparison) -> None:
    """Say of each copy how it answers on each machine, where it was asked on any but this one."""
    names = comparison.participants.names
    asked = {"verdict", "changed_rows", "rows"}
    outcomes = {id_: outcome.model_dump(mode="json", include=asked) for id_, outcome in comparison.outcomes.items()}
    for id_, sentence in describe_compared_machines(outcomes).items():
        text = f"{names.get(id_, id_)}: {sentence}"
        st.markdown(escape_markdown(text))


def _show_numbers(outcome: ComparisonOutcome) -> None:
    if outcome.error:
        show_error(outcome.error)
        return
    st.markdown(
        f"Answers changed: **{outcome.changed_rows:,} of {outcome.rows:,}**  \n"
        f"Largest difference: **{format_difference(outcome.max_abs)}**  \n"
        f"Mean difference: **{format_difference(outcome.mean_abs)}**"
    )
