"""What copies answered elsewhere, by environment: the newest outcome of all jobs that asked there."""

import contextlib

from pydantic import ValidationError

from core.environments import ENVIRONMENTS
from core.environments.judge import ElsewhereOutcome, EnvironmentAnswer
from core.environments.machines import sort_asked
from core.errors import RoundtripError
from core.jobs.elsewhere import join_key
from core.jobs.places.place import at_place
from core.library import Artifact
from core.library.job_store import Job, JobStore

Answers = dict[str, dict[str, ElsewhereOutcome]]  # by artifact and environment, in the order of the registry


def find_answers(job_store: JobStore, *run_ids: str) -> Answers:
    """Return what the copies of runs answered in environments that there still are, on whichever machine.

    Raises StorageFailed.
    """
    done = [job for job in job_store.list_jobs("elsewhere") if job.state == "done" and not job.request.get("worker")]
    jobs = [job for job in done if job.request.get("run") in run_ids]
    newest: Answers = {}
    for job in reversed(jobs):
        for id_, outcomes in _read_outcomes(job_store, job).items():
            newest[id_] = newest.get(id_, {}) | outcomes
    return {id_: {key: outcomes[key] for key in sort_asked(outcomes)} for id_, outcomes in newest.items()}


def list_kit_environments(job_store: JobStore, artifact: Artifact) -> list[str]:
    """Return the environments whose answers, of this machine as it is, a kit can carry. Raises StorageFailed."""
    current = {each.key: each.lock_sha256 for each in ENVIRONMENTS}
    outcomes = find_answers(job_store, artifact.run).get(artifact.id, {})
    under = {key: outcome for key, outcome in outcomes.items() if outcome.lock == current.get(key)}
    return [key for key, outcome in under.items() if _has_answer(outcome)]


def _has_answer(outcome: ElsewhereOutcome) -> bool:
    """Whether a kit can carry it: predictions that are kept, or why there are none."""
    return not outcome.is_unverified and (bool(outcome.error) or outcome.is_kept is not False)


def find_kit_answers(job_store: JobStore, artifact_id: str) -> dict[str, EnvironmentAnswer]:
    """Return by environment what a copy last answered there, with its predictions, where it was asked under the lock
    that there is now, and these are kept. Raises StorageFailed."""
    asked = [job for job in job_store.list_jobs("elsewhere") if artifact_id in job.request.get("artifacts", ())]
    answers: dict[str, EnvironmentAnswer] = {}
    for job in reversed([job for job in asked if job.state == "done" and not job.request.get("worker")]):
        outcomes = _read_outcomes(job_store, job).get(artifact_id, {})
        answers |= {key: _read_answer(job_store, job, artifact_id, outcome) for key, outcome in outcomes.items()}
    current = {each.key: each.lock_sha256 for each in ENVIRONMENTS}
    return {key: answers[key] for key in current if key in answers and _is_usable(answers[key], current[key])}


def _is_usable(answer: EnvironmentAnswer, lock: str) -> bool:
    outcome = answer.outcome
    return outcome.lock == lock and not outcome.is_unverified and bool(answer.predictions or outcome.error)


def _read_answer(job_store: JobStore, job: Job, artifact_id: str, outcome: ElsewhereOutcome) -> EnvironmentAnswer:
    prefix, arrays = join_key(at_place(artifact_id, outcome.environment), ""), {}
    with contextlib.suppress(RoundtripError, OSError):
        arrays = job_store.load_arrays(job.id)
    own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    return EnvironmentAnswer(outcome, own)


def _read_outcomes(job_store: JobStore, job: Job) -> Answers:
    """The outcomes of one job; none where its result was deleted meanwhile, or is none of ours."""
    with contextlib.suppress(RoundtripError, ValidationError, KeyError, TypeError, AttributeError):
        rows = job_store.read(job.id).result["rows"]
        return {
            id_: {key: ElsewhereOutcome.model_validate(cell) for key, cell in row["cells"].items()}
            for id_, row in rows.items()
        }
    return {}
