"""Start a comparison, and find its result again."""

import contextlib
from typing import Any, NamedTuple

import streamlit as st

from core.errors import RoundtripError
from core.inputs import InputSet
from core.jobs.comparison.compare_result import ComparisonOutcome
from core.jobs.participants import run_id_of
from core.jobs.places.known_places import label_participants
from core.jobs.places.place import place_of
from core.library import Entry, Run
from core.library.job_store import Job
from core.record import now
from ui.compare.participants import PARAM_PREFIX, Participants
from ui.query_params import KEY_PREFIX
from ui.session import current_jobs

LAST_ADDRESS = "last-comparison"  # in the session: the parameters of the comparison that it saw last
COMPARISON_PARAMS = ("artifact", "baseline", "ask", "inputs")
PARAM_PREFIXES = ("code-", PARAM_PREFIX)  # before the id of a copy
STARTED_COMPARISON = "comparison-begun"  # in the session: the job of the comparison that it started last


def restore_last_comparison() -> None:
    """Put this session's last comparison into the address, where the page is entered with no copy in it."""
    is_entered = KEY_PREFIX + "artifact" not in st.session_state
    if is_entered and not st.query_params.get_all("artifact"):
        st.query_params.update(st.session_state.get(LAST_ADDRESS, {}))


def remember_comparison() -> None:
    """Keep what the address says of the copies, their code, places and inputs, for the next visit of this session."""
    names = [name for name in st.query_params if name in COMPARISON_PARAMS or name.startswith(PARAM_PREFIXES)]
    st.session_state[LAST_ADDRESS] = {name: st.query_params.get_all(name) for name in names}


def start_comparison(ids: list[str], **request: Any) -> Job:
    """Start a comparison by `Jobs.compare`, and cancel the previous one of this session if it still runs."""
    jobs, requested = current_jobs(), now()
    job = jobs.compare(ids, **request)
    previous = st.session_state.get(STARTED_COMPARISON, job.id)
    if previous != job.id:
        with contextlib.suppress(RoundtripError):  # deleted since
            if jobs.job_store.read(previous).is_active:
                jobs.cancel(previous)
        del st.session_state[STARTED_COMPARISON]
    if job.created >= requested:
        st.session_state[STARTED_COMPARISON] = job.id
    return job


class FinishedComparison(NamedTuple):
    """A finished comparison as the page shows it; `names` has the baseline and the copies that gave predictions."""

    job: Job
    run: Run
    inputs: InputSet
    outcomes: dict[str, ComparisonOutcome]
    names: dict[str, str]
    participants: Participants

    @property
    def artifact_names(self) -> dict[str, str]:
        """The names of all that has files, without live models, by id; each copy once, wherever it answers."""
        names = self.participants.names.items()
        return {id_: name for id_, name in names if id_.startswith("a") and not place_of(id_)}


def load_comparison(job: Job, entries: dict[str, Entry]) -> FinishedComparison:
    """Read the result of a finished job. Raises UnknownName when its run or its inputs were removed."""
    baseline, jobs = job.result["baseline"], current_jobs()
    outcomes = {id_: ComparisonOutcome.model_validate(fields) for id_, fields in job.result["outcomes"].items()}
    run = jobs.library.run(run_id_of(jobs, baseline))
    all_names = label_participants([baseline, *outcomes], entries, run)
    names = {id_: name for id_, name in all_names.items() if id_ not in outcomes or outcomes[id_].has_predictions}
    # The copy that is furthest off stands first: it is the most likely to be inspected.
    others = sorted(outcomes, key=lambda id_: -(outcomes[id_].max_abs or 0.0))
    participants = Participants(baseline, others, all_names, entries, job.request["sources"])
    return FinishedComparison(job, run, jobs.inputs.read(job.result["inputs"]), outcomes, names, participants)
