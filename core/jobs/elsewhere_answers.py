"""What copies answered elsewhere, by environment: the newest outcome of all jobs that asked there."""

import contextlib

from pydantic import ValidationError

from core.environments import ENVIRONMENTS
from core.environments.judge import ElsewhereOutcome
from core.errors import RoundtripError
from core.library.job_store import Job, JobStore

Answers = dict[str, dict[str, ElsewhereOutcome]]  # by artifact and environment, in the order of the registry


def find_answers(job_store: JobStore, *run_ids: str) -> Answers:
    """Return what the copies of runs answered in environments that there still are. Raises StorageFailed."""
    done = [job for job in job_store.list_jobs("elsewhere") if job.state == "done"]
    jobs = [job for job in done if job.request.get("run") in run_ids]
    newest: Answers = {}
    for job in reversed(jobs):
        for id_, outcomes in _read_outcomes(job_store, job).items():
            newest[id_] = newest.get(id_, {}) | outcomes
    order = [environment.key for environment in ENVIRONMENTS]
    return {id_: {key: outcomes[key] for key in order if key in outcomes} for id_, outcomes in newest.items()}


def _read_outcomes(job_store: JobStore, job: Job) -> Answers:
    """The outcomes of one job; none where its result was deleted meanwhile, or is none of ours."""
    with contextlib.suppress(RoundtripError, ValidationError, KeyError, TypeError, AttributeError):
        rows = job_store.read(job.id).result["rows"]
        return {
            id_: {key: ElsewhereOutcome.model_validate(cell) for key, cell in row["cells"].items()}
            for id_, row in rows.items()
        }
    return {}
