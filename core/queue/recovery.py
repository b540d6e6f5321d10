"""Jobs whose worker is gone: given to another, or ended after a few attempts."""

import logging
from typing import Any, NamedTuple

from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from core.errors import ChildDied, UnreadableRecord
from core.library.job_store import Job
from core.queue import job_rows
from core.queue.database import QueueDatabase
from core.queue.requirements import WorkerRequirements
from core.queue.schema import RECOVERY_LOCK
from core.queue.tasks import defer
from core.record import now

MAX_LOSSES = 3
log = logging.getLogger("roundtrip")
# Jobs at work whose worker has not been heard of, or does not know of them; and jobs that wait without an entry that
# will be delivered: it is gone, or was delivered to a worker that is.
ABANDONED = text(
    """
    SELECT jobs_1.* FROM jobs_1
    LEFT JOIN workers_1 AS worker ON worker.id = jobs_1.worker
        AND worker.heartbeat > now() - make_interval(secs => worker.lost_seconds)
    LEFT JOIN procrastinate_jobs AS task ON task.id = jobs_1.task
    WHERE jobs_1.state = 'running' AND jobs_1.queue <> '' AND (
        worker.id IS NULL
        OR worker.id = :me AND NOT jobs_1.id = ANY(:mine) AND jobs_1.claimed < now() - make_interval(secs => :seconds)
    ) OR jobs_1.state = 'queued' AND jobs_1.queue <> '' AND (
        task.id IS NULL OR task.status NOT IN ('todo', 'doing')
        OR task.status = 'doing' AND NOT EXISTS (
            SELECT 1 FROM workers_1 AS taker WHERE taker.task_worker = task.worker_id
            AND taker.heartbeat > now() - make_interval(secs => taker.lost_seconds)
        )
    )
    FOR UPDATE OF jobs_1 SKIP LOCKED
    """
)


class Recovered(NamedTuple):
    """What became of jobs whose worker was gone: their ids."""

    queued: list[str]
    ended: list[str]


def recover_abandoned(database: QueueDatabase, me: str, mine: list[str], seconds: float) -> Recovered:
    """Give jobs to another worker whose own is gone, or end them; of several processes that do so at once, one does.

    Args:
        me: the id of the worker that looks; `mine` are the jobs that it does.
        seconds: for which a job may be this worker's that it does not know of: its claim may be under way.
    """
    recovered = database.run(_recover, me, mine, seconds)
    for id_ in recovered.queued:
        log.warning("Job %s waits for a worker again: the one that had it is gone", id_)
    for id_ in recovered.ended:
        log.warning("Job %s was ended: %d workers that had it are gone", id_, MAX_LOSSES)
    return recovered


def _recover(connection: Connection, me: str, mine: list[str], seconds: float) -> Recovered:
    recovered = Recovered([], [])
    if not connection.execute(text(f"SELECT pg_try_advisory_xact_lock({RECOVERY_LOCK})")).scalar():
        return recovered
    for row in connection.execute(ABANDONED, {"me": me, "mine": mine, "seconds": seconds}).all():
        try:
            with connection.begin_nested():
                _recover_row(connection, row, recovered)
        except (UnreadableRecord, ValidationError) as error:  # a worker of the version that wrote it may take it up
            log.warning("Job %s is abandoned, and this worker cannot read it: %s", row.id, type(error).__name__)
    return recovered


def _recover_row(connection: Connection, row: Row[Any], recovered: Recovered) -> None:
    losses = row.losses + (row.state == "running")
    if row.cancel_requested:
        job_rows.end(connection, job_rows.cancelled_before(job_rows.parse_job(row)), None)
    elif losses >= MAX_LOSSES:
        job_rows.end(connection, _interrupted(job_rows.parse_job(row)), None)
        recovered.ended.append(row.id)
    else:
        _queue_again(connection, row, losses)
        recovered.queued.append(row.id)


def give_back(connection: Connection, job: Job, attempt: int) -> None:
    """Give a job to another worker while its own still lives; nothing where this attempt is not the job's."""
    if row := job_rows.lock_attempt(connection, job, attempt):
        _queue_again(connection, row, row.losses)


def _queue_again(connection: Connection, row: Row[Any], losses: int) -> None:
    """With a new entry: the worker that had the old one may come back, and end it."""
    job_rows.remove_tasks(connection, [row.task])
    requirements = connection.execute(text("SELECT requirements FROM queues_1 WHERE name = :name"), {"name": row.queue})
    needs = WorkerRequirements.model_validate_json(requirements.scalar_one())
    (task,) = defer(connection, [(row.id, needs, row.priority)])
    values = job_rows.waiting_values(job_rows.parse_job(row)) | {"task": task, "losses": losses}
    job_rows.update_row(connection, row.id, values)
    job_rows.notify(connection, row.id)


def _interrupted(job: Job) -> Job:
    error = ChildDied(
        f"{MAX_LOSSES} workers that did this were gone before it ended.",
        cure="See on the Health page what became of them; if it needs more memory than they have, start a larger one.",
    )
    return job.model_copy(update={"state": "interrupted", "finished": now(), "error": error.to_json()})
