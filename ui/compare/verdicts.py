"""What the Compare page asks first and says first: which copies, against what, and the verdicts."""

import contextlib
from typing import Any, NamedTuple

import streamlit as st

from core.compare import Verdict
from core.errors import RoundtripError
from core.formats import get_format
from core.inputs import InputSet
from core.jobs.compare import Compared
from core.jobs.participants import choices, run_of
from core.library import Entry, Run
from core.library.job_store import Job
from core.record import now
from core.text.labels import duration, live_words, meaning, short_names
from core.text.summaries import remarks
from ui.artifact_picker import Offer, choose_one
from ui.components import plain, show_error, verdict_badge
from ui.query_params import in_address
from ui.session import current_jobs

VALUES = "compared-values"  # in the session: the set of typed values that was asked in depth
BEGUN = "comparison-begun"  # and the comparison that it has begun


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def choose_baseline(offered: Offer, ids: list[str]) -> str:
    """Against what the answers are held: the live model of a run of theirs, or any artifact but a single chosen one."""
    runs = {offered.entries[id_].run: offered.entries[id_].run_name for id_ in ids}
    return choose_one(
        offered,
        "Held against",
        "baseline",
        {run: _capital(live_words(name, current_jobs().library.run(run))) for run, name in runs.items()},
        besides=ids if len(ids) == 1 else (),
        help="The baseline: every answer is compared with its answer to the same input. The live model is the one that "
        "was trained; for held-out rows its answers were kept at the end of the training.",
    )


def ask_sources(entries: dict[str, Entry], ids: list[str]) -> dict[str, str]:
    """Where the code that a copy lacks comes from, asked only where there is a choice to make."""
    sources = {}
    for id_ in ids:
        offered = {choice.key: choice.words for choice in choices(current_jobs().library, id_)}
        if next(iter(offered)) != "none":
            sources[id_] = st.selectbox(
                f"{get_format(entries[id_].format).label} ({id_}): which code builds its layers?",
                **in_address(f"code-{id_}", list(offered)),
                format_func=offered.get,
                help="This copy is half a model, or has layers of its own: something must bring the other half.",
            )
    return sources


def in_depth(inputs: InputSet) -> bool:
    """Whether a person asked to compare on exactly these values, which the panel has answered already."""
    if st.session_state.get(VALUES) != inputs.id:
        st.button(
            "Compare on these values",
            icon=":material/compare_arrows:",
            on_click=st.session_state.__setitem__,
            args=(VALUES, inputs.id),
            help="Each copy is reloaded in a process of its own, and every number of its answer is compared.",
        )
    return st.session_state.get(VALUES) == inputs.id


def compare(ids: list[str], **asked: Any) -> Job:
    """What `Jobs.compare` gives; a comparison that this session has begun and asks for no more is stopped."""
    jobs, asked_at = current_jobs(), now()
    job = jobs.compare(ids, **asked)
    begun = st.session_state.get(BEGUN, job.id)
    if begun != job.id:
        with contextlib.suppress(RoundtripError):  # forgotten since
            if jobs.journal.read(begun).active:
                jobs.cancel(begun)
        del st.session_state[BEGUN]
    if job.created >= asked_at:
        st.session_state[BEGUN] = job.id
    return job


class Comparison(NamedTuple):
    """A finished comparison as the page shows it. `names` has the baseline first, then every copy that answered."""

    job: Job
    run: Run
    inputs: InputSet
    outcomes: dict[str, Compared]
    names: dict[str, str]
    all_names: dict[str, str]

    @property
    def baseline(self) -> str:
        """The id of the artifact against which all are held, or of the run whose live model it is."""
        return self.job.result["baseline"]


def finished_comparison(job: Job, entries: dict[str, Entry]) -> Comparison:
    """What a finished job found out. Raises UnknownName when its run or its inputs are gone."""
    baseline, jobs = job.result["baseline"], current_jobs()
    outcomes = {id_: Compared.model_validate(found) for id_, found in job.result["outcomes"].items()}
    run = jobs.library.run(run_of(jobs, baseline))
    all_names = short_names([baseline, *outcomes], entries, run)
    names = {id_: name for id_, name in all_names.items() if id_ not in outcomes or outcomes[id_].answered}
    return Comparison(job, run, jobs.inputs.read(job.result["inputs"]), outcomes, names, all_names)


def show_verdicts(comparison: Comparison) -> None:
    """A card for each copy: the verdict first, then the numbers, then what must not be silent."""
    verdicts = "\n".join(f"- **{verdict.words}**: {meaning(verdict)}" for verdict in Verdict)
    st.caption(_asked_words(comparison), help=f"The verdicts, best first:\n\n{verdicts}")
    with st.grid(3, min_column_width=270):
        for id_, outcome in comparison.outcomes.items():
            with st.container(border=True, height="stretch", key=f"verdict-{id_}"):
                st.markdown(f"**{plain(comparison.all_names[id_])}**")
                verdict_badge(outcome.verdict, outcome.changed_rows, outcome.rows, outcome.error)
                if outcome.warning:
                    st.warning(plain(outcome.warning), icon=":material/warning:")
                _numbers(outcome)
                _remarks(outcome, comparison.job.request["sources"].get(id_, "none"))


def _asked_words(comparison: Comparison) -> str:
    run, baseline = comparison.run, comparison.baseline
    whose = live_words(run.name, run) if baseline == run.id else comparison.all_names[baseline]
    asked = plain(comparison.inputs.words)
    return f"Asked: {asked}. Held against {plain(whose)}. Each copy was reloaded in a process of its own."


def _numbers(outcome: Compared) -> None:
    if outcome.error:
        show_error(outcome.error)
        return
    st.markdown(
        f"Answers changed: **{outcome.changed_rows:,} of {outcome.rows:,}**  \n"
        f"Largest difference: **{outcome.max_abs:.3g}**  \n"
        f"Mean difference: **{outcome.mean_abs:.3g}**"
    )


def _remarks(outcome: Compared, source: str) -> None:
    """What must not be silent: outputs that were paired by more than their name, variables that did not come back."""
    if outcome.answered:
        said = " ".join(remarks(outcome.model_dump(), source))
        st.caption(f"{plain(said)} Loaded in {duration(outcome.load_seconds)}.".strip())
