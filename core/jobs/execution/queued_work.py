"""One attempt at a job of the queue, on the worker that has it: its files fetched, its work done for its owner."""

import contextlib
from collections.abc import Mapping

from core.context import AppContext
from core.errors import Cancelled, InputError, RoundtripError
from core.jobs.execution.driver import JobKind, do_job
from core.jobs.execution.given_files import GivenFiles
from core.jobs.execution.job_handle import JobHandle
from core.jobs.execution.watched_job import watch_job
from core.library.permissions import Viewer
from core.library.staging import create_staging_folder, release_staging_folder
from core.queue import Attempt, JobFiles
from core.telemetry import measure

MAX_OFFERS = 5  # of a job to workers of other versions, which do not know its kind


def do_attempt(context: AppContext, kinds: Mapping[str, JobKind], attempt: Attempt, files: JobFiles) -> None:
    """Do the work of an attempt and record its end; a job of a kind that this version does not know is left to others.

    Args:
        context: a copy of the worker's, which becomes that of the job: everything that is written counts only while the
            attempt is the job's.
    """
    context.job_store = attempt.job_store()
    context.library = context.library.with_fence(attempt.fence, f"{attempt.job.id} {attempt.job.created}")
    if attempt.job.owner is not None:
        context = context.for_viewer(Viewer(attempt.job.owner))
    if attempt.job.kind not in kinds and attempt.number < MAX_OFFERS:
        attempt.give_back()
        return
    measure("queue_wait_seconds", attempt.waited, queue=attempt.queue)
    handle = JobHandle(context, attempt.job.model_copy(deep=True))
    with watch_job(handle.job, attempt.waited) as watched:
        try:
            kind = _find_kind(kinds, attempt)
            attempt.make_folder()
            handle.files = _fetch(context, attempt, files)
        except RoundtripError as error:
            state = "cancelled" if isinstance(error, Cancelled) else "failed"
            handle.finish(state=state, error=error.to_json())
        else:
            do_job(handle, kind, watched)
        watched.end(handle.job)
    with contextlib.suppress(RoundtripError):  # else whoever ends a job next does it
        attempt.job_store().delete_old_given()


def _find_kind(kinds: Mapping[str, JobKind], attempt: Attempt) -> JobKind:
    if kind := kinds.get(attempt.job.kind):
        return kind
    raise InputError(
        "The worker that took this job is of another version, which knows no such job.",
        received=attempt.job.kind,
        cure="Install the same version of Roundtrip on all machines, then start it again.",
    )


def _fetch(context: AppContext, attempt: Attempt, files: JobFiles) -> GivenFiles:
    """Fetch what the job was given into a staging folder, which ends with the work."""
    given = attempt.parse_given()
    if not given.files:
        return GivenFiles(name=given.name)
    folder = create_staging_folder(context.library.home)
    try:
        return GivenFiles(files.fetch_given(attempt.job.id, given.files, folder), given.name, folder)
    except RoundtripError:
        release_staging_folder(folder)
        raise
