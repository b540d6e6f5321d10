"""What the Compare page shows: the choice, the verdicts, the answers row by row, and what each copy costs."""

import streamlit as st

from core.compare import Verdict
from core.evidence import Outcome
from core.formats import get_format
from core.library import Entry
from core.library.journal import Job
from ui.address import in_address
from ui.answers import show_answers
from ui.charts import CONFIG, bars, stacked_bars
from ui.state import office, reference
from ui.words import duration, plain, show_error, size, verdict_badge


def choose_artifacts(entries: dict[str, Entry]) -> list[str]:
    """Any artifacts of the library; the choice stands in the address."""
    missing = [id_ for id_ in st.query_params.get_all("artifact") if id_ not in entries]
    if missing:
        st.warning(
            f"Not in the library any more, or never was: {plain(', '.join(missing))[:200]}. Choose others below.",
            icon=":material/search_off:",
        )
    bound = in_address("artifact", list(entries), many=True)
    return st.multiselect("Artifacts", **bound, format_func=lambda id_: _name(entries[id_]))


def _name(entry: Entry) -> str:
    return f"{get_format(entry.format).label} · {entry.run_name} · {entry.id}"


def show_comparison(job: Job, entries: dict[str, Entry]) -> None:
    """The verdicts first, then the answers, then the numbers behind them."""
    base = office().library.run(job.result["reference"])
    outcomes = {id_: Outcome.model_validate(found) for id_, found in job.result["outcomes"].items()}
    names = _short_names(outcomes, entries)
    st.caption(
        f"{job.result['rows']:,} held-out rows, held against the live model of “{plain(base.name)}” at the end of its "
        "training. Each copy was reloaded in a process of its own."
    )
    _verdicts(outcomes, names, entries, job)
    answered = {id_: outcome for id_, outcome in outcomes.items() if outcome.loads}
    if answered:
        arrays = office().journal.arrays(job.id)
        show_answers(base, reference(base.id).head(job.result["rows"]), arrays, {id_: names[id_] for id_ in answered})
    _costs(outcomes, names, entries)


def _short_names(outcomes: dict[str, Outcome], entries: dict[str, Entry]) -> dict[str, str]:
    """The format's label, with the id where two copies are of one format."""
    labels = {id_: get_format(entries[id_].format).label for id_ in outcomes}
    repeated = {label for label in labels.values() if list(labels.values()).count(label) > 1}
    return {id_: f"{label} ({id_})" if label in repeated else label for id_, label in labels.items()}


def _verdicts(outcomes: dict[str, Outcome], names: dict[str, str], entries: dict[str, Entry], job: Job) -> None:
    with st.grid(3, min_column_width=270):
        for id_, outcome in outcomes.items():
            with st.container(border=True, height="stretch", key=f"verdict-{id_}"):
                st.markdown(f"**{plain(names[id_])}**")
                verdict_badge(outcome.verdict, outcome.changed_rows, outcome.rows)
                if outcome.warning:
                    st.warning(plain(outcome.warning), icon=":material/warning:")
                _numbers(outcome)
                _remarks(outcome, job.request["sources"].get(id_, "none"))


def _numbers(outcome: Outcome) -> None:
    if outcome.error:
        show_error(outcome.error)
        return
    st.markdown(
        f"Answers changed: **{outcome.changed_rows:,} of {outcome.rows:,}**  \n"
        f"Largest difference: **{outcome.max_abs:.3g}**  \n"
        f"Mean difference: **{outcome.mean_abs:.3g}**"
    )


def _remarks(outcome: Outcome, source: str) -> None:
    """What must not be silent: outputs that were paired by more than their name, variables that did not come back."""
    said = {"none": "", "demo": "Given the demo's code. "}.get(source, f"Given the architecture {source}. ")
    for what, paired in (("Inputs", outcome.input_pairs), ("Outputs", outcome.pairs)):
        renamed = [f"{one['reference']} is {one['answer']}, by {one['by']}" for one in paired if one["by"] != "name"]
        if renamed:
            said += f"{what} were renamed: {', '.join(renamed)}. "
    if outcome.weights and not outcome.weights.whole:
        said += f"{outcome.weights.found} of {outcome.weights.of} weight tensors are the run's own. "
    if outcome.loads:
        st.caption(f"{plain(said)}Loaded in {duration(outcome.load_seconds)}.")


def _costs(outcomes: dict[str, Outcome], names: dict[str, str], entries: dict[str, Entry]) -> None:
    """Size on the disk and time to the first answer, as bars."""
    left, right = st.columns(2)
    bytes_ = [entries[id_].bytes or 0 for id_ in outcomes]
    with left:
        st.subheader("Size")
        figure = bars(
            [names[id_] for id_ in outcomes], [count / 1000 for count in bytes_], "kB", [size(b) for b in bytes_]
        )
        st.plotly_chart(figure, config=CONFIG, alt="Size of each artifact", key="sizes")
    timed = {id_: outcome for id_, outcome in outcomes.items() if outcome.load_seconds is not None}
    if timed:
        with right:
            st.subheader("From click to first answer")
            _times(timed, names)
    st.caption(f"Verdicts, best first: {' · '.join(verdict.words for verdict in Verdict)}.")


def _times(timed: dict[str, Outcome], names: dict[str, str]) -> None:
    parts = {
        "load": [outcome.load_seconds for outcome in timed.values()],
        "first answer": [outcome.first_seconds for outcome in timed.values()],
    }
    hover = {part: [duration(value) for value in values] for part, values in parts.items()}
    milliseconds = {part: [value * 1000 for value in values] for part, values in parts.items()}
    figure = stacked_bars([names[id_] for id_ in timed], milliseconds, "milliseconds", hover)
    st.plotly_chart(figure, config=CONFIG, alt="Seconds to load each artifact and to its first answer", key="times")
