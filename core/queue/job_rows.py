"""Statements over the table of jobs: each changes a job only where that is still to be changed.

A job that ended may be followed by another of the same id, with attempts of the same numbers: which one is meant is
told by when it was created.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Delete, String, and_, delete, func, insert, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Connection, Row

from core.errors import Cancelled
from core.library.job_store import ACTIVE_STATES, Job
from core.queue import unlisted_entries
from core.queue.schema import JOBS
from core.record import now

CHANNEL = "roundtrip_jobs_1"  # on which the id of a job that began or ended is notified
SILENT_SECONDS = func.extract("epoch", func.now() - func.coalesce(JOBS.c.claimed, JOBS.c.queued)).label(
    "silent_seconds"
)
WAITS_AGAIN = "The worker that had it is gone: waiting for another"
LISTED = (JOBS.c.id, JOBS.c.state, JOBS.c.record, JOBS.c.queue, SILENT_SECONDS)


class Claim(NamedTuple):
    """One attempt at a job, which is that of its worker until another one takes the next."""

    job: Job
    attempt: int
    files: str  # a `GivenRecord` as JSON
    queue: str
    waited: float  # seconds


class Removed(NamedTuple):
    """A job that was deleted, and the entry that holds what it made."""

    id: str
    entry: str | None


def record_text(job: Job) -> str:
    """A job as its row holds it: without its result."""
    return job.model_dump_json(by_alias=True, exclude={"result"})


def parse_job(row: Row[Any]) -> Job:
    """A row's job. Its state is the column's: what a worker wrote into the record may be older. Raises
    UnreadableRecord."""
    job = Job.parse(row.record, f"job {row.id}")
    return job if job.state == row.state else job.model_copy(update={"state": row.state})


def cancelled_before(job: Job) -> Job:
    """A job as it ends that was cancelled while it waited."""
    error = Cancelled("It was cancelled before it began.", cure="Start it again when you like.")
    return job.model_copy(update={"state": "cancelled", "finished": now(), "error": error.to_json()})


def notify(connection: Connection, *ids: str) -> None:
    for id_ in ids:
        connection.execute(select(func.pg_notify(CHANNEL, id_)))


def _is_any(ids: list[str]) -> ColumnElement[bool]:
    """The condition of a row of one of these ids, which go as one array: thousands of values take long to prepare.

    Of a single one the key is looked up; several are joined, since PostgreSQL may compare each row with each of them
    where its statistics are of a smaller table.
    """
    if len(ids) == 1:
        return JOBS.c.id == ids[0]
    return JOBS.c.id.in_(select(func.unnest(literal(ids, ARRAY(String(16))))))


def lock_ids(connection: Connection, ids: list[str], lost_seconds: float) -> set[str]:
    """Have nobody else insert jobs of these ids until the transaction ends; returns those that are active already."""
    if len(ids) == 1:  # in bulk ids are new ones, and the table's key refuses a second
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(ids[0]))))
        interrupt_silent(connection, ids, lost_seconds)
    statement = select(JOBS.c.id).where(_is_any(ids), JOBS.c.state.in_(ACTIVE_STATES))
    return set(connection.execute(statement).scalars())


def interrupt_silent(connection: Connection, ids: list[str], seconds: float) -> None:
    """End those of these jobs that are beside the queue and whose process has said nothing for so long: as such they
    are read already."""
    is_silent = (
        _is_any(ids),
        JOBS.c.queue == "",
        JOBS.c.state.in_(ACTIVE_STATES),
        SILENT_SECONDS.element > seconds,
    )
    connection.execute(update(JOBS).where(*is_silent).values(state="interrupted", files="{}"))


def insert_jobs(connection: Connection, rows: Sequence[dict[str, Any]]) -> list[Removed]:
    """Insert jobs, in place of any of the same ids that have ended, which are returned."""
    old = [row["id"] for row in rows]
    ended = delete(JOBS).where(_is_any(old), JOBS.c.state.not_in(ACTIVE_STATES))
    removed = _delete(connection, ended)
    connection.execute(insert(JOBS), list(rows))
    return removed


def delete_oldest(connection: Connection, keep: int) -> list[Removed]:
    """Delete ended jobs but the newest."""
    ended = select(JOBS.c.id).where(JOBS.c.state.not_in(ACTIVE_STATES))
    surplus = ended.order_by(JOBS.c.created.desc()).offset(keep)
    return _delete(connection, delete(JOBS).where(JOBS.c.id.in_(surplus)))


def _delete(connection: Connection, statement: Delete) -> list[Removed]:
    rows = connection.execute(statement.returning(JOBS.c.id, JOBS.c.entry, JOBS.c.task)).all()
    remove_tasks(connection, [row.task for row in rows])
    unlisted_entries.withdraw(connection, [row.entry for row in rows if row.entry])
    return [Removed(row.id, row.entry) for row in rows]


def update_row(connection: Connection, id_: str, values: dict[str, Any]) -> None:
    connection.execute(update(JOBS).where(JOBS.c.id == id_).values(**values))


def write_kept(connection: Connection, job: Job, values: dict[str, Any]) -> None:
    """Write how far a job is that its process does beside the queue; nothing where it has ended."""
    is_kept = (_is_same(job), JOBS.c.queue == "", JOBS.c.state.in_(ACTIVE_STATES))
    connection.execute(update(JOBS).where(*is_kept).values(**values))


def keep(connection: Connection, created: Mapping[str, str]) -> set[str]:
    """Say of jobs beside the queue, by id when they were created, that their process lives; returns those that are
    still its own."""
    pairs = [(JOBS.c.id == id_) & (JOBS.c.created == moment) for id_, moment in created.items()]
    is_kept = (or_(*pairs), JOBS.c.queue == "", JOBS.c.state.in_(ACTIVE_STATES))
    statement = update(JOBS).where(*is_kept).values(claimed=func.now()).returning(JOBS.c.id)
    return set(connection.execute(statement).scalars())


def delete_job(connection: Connection, id_: str) -> list[Removed]:
    """Delete a job, and take it out of the queue."""
    return _delete(connection, delete(JOBS).where(JOBS.c.id == id_))


def read_row(connection: Connection, id_: str) -> Row[Any] | None:
    return connection.execute(select(JOBS, SILENT_SECONDS).where(JOBS.c.id == id_)).one_or_none()


def read_cancel_request(connection: Connection, id_: str) -> bool:
    return bool(connection.execute(select(JOBS.c.cancel_requested).where(JOBS.c.id == id_)).scalar_one_or_none())


def list_rows(connection: Connection, kind: str) -> list[Row[Any]]:
    statement = select(*LISTED).order_by(JOBS.c.created.desc(), JOBS.c.id)
    return list(connection.execute(statement.where(JOBS.c.kind == kind) if kind else statement))


def claim(connection: Connection, id_: str, worker: str) -> Claim | None:
    """Take the next attempt at a job that waits; None where it does not wait any more: this delivery is not needed."""
    values = {"state": "running", "attempt": JOBS.c.attempt + 1, "worker": worker, "claimed": func.now()}
    statement = update(JOBS).where(JOBS.c.id == id_, JOBS.c.state == "queued").values(**values)
    waited = func.extract("epoch", func.now() - JOBS.c.queued)
    row = connection.execute(statement.returning(JOBS, waited.label("waited"))).one_or_none()
    if row is None:
        return None
    notify(connection, id_)
    return Claim(parse_job(row), row.attempt, row.files, row.queue, float(row.waited))


def list_states(connection: Connection, ids: list[str]) -> dict[str, str]:
    """Return the states of those of these jobs of which there is a record."""
    rows = connection.execute(select(JOBS.c.id, JOBS.c.state).where(_is_any(ids)))
    return {row.id: row.state for row in rows}


def list_running(connection: Connection) -> set[tuple[str, int]]:
    """Return each job that is being done, with its attempt."""
    rows = connection.execute(select(JOBS.c.id, JOBS.c.attempt).where(JOBS.c.state == "running"))
    return {(row.id, row.attempt) for row in rows}


def _is_same(job: Job) -> ColumnElement[bool]:
    """The condition of the row of this job, rather than of a later one of its id."""
    return and_(JOBS.c.id == job.id, JOBS.c.created == job.created)


def _of_attempt(job: Job, attempt: int) -> tuple[ColumnElement[bool], ...]:
    return (_is_same(job), JOBS.c.attempt == attempt, JOBS.c.state == "running")


def write_progress(connection: Connection, job: Job, attempt: int) -> bool | None:
    """Write how far an attempt is; returns whether its job is to be cancelled, None where the attempt is over."""
    statement = update(JOBS).where(*_of_attempt(job, attempt)).values(record=record_text(job))
    asked: bool | None = connection.execute(statement.returning(JOBS.c.cancel_requested)).scalar_one_or_none()
    return asked


def read_request(connection: Connection, job: Job, attempt: int) -> bool | None:
    """Returns as `write_progress`, and writes nothing."""
    statement = select(JOBS.c.cancel_requested).where(*_of_attempt(job, attempt))
    asked: bool | None = connection.execute(statement).scalar_one_or_none()
    return asked


def lock_attempt(connection: Connection, job: Job, attempt: int) -> Row[Any] | None:
    """Lock the row of a job until the transaction ends; None where this attempt is not the job's."""
    return connection.execute(select(JOBS).where(*_of_attempt(job, attempt)).with_for_update()).one_or_none()


def lock_job(connection: Connection, job: Job) -> Row[Any] | None:
    """Lock the row of a job, whoever has it, until the transaction ends; None where it is gone."""
    return connection.execute(select(JOBS).where(_is_same(job)).with_for_update()).one_or_none()


def end(connection: Connection, job: Job, attempt: int | None, entry: str | None = None) -> bool:
    """Write how a job ended, and take it out of the queue; False where this attempt is not the job's any more, or the
    entry was withdrawn, which it is then in either case.

    Without an attempt it ends where it is active, whoever has it.
    """
    if entry and not unlisted_entries.take(connection, entry):
        return False
    is_active = (_is_same(job), JOBS.c.state.in_(ACTIVE_STATES))
    is_ours = is_active if attempt is None else _of_attempt(job, attempt)
    result = job.model_dump_json(include={"result"}) if job.result else None
    values = {"state": job.state, "record": record_text(job), "result": result, "files": "{}", "entry": entry}
    statement = update(JOBS).where(*is_ours).values(**values).returning(JOBS.c.task)
    row = connection.execute(statement).one_or_none()
    if row is None:
        unlisted_entries.withdraw(connection, [entry] if entry else [])
        return False
    remove_tasks(connection, [row.task])
    notify(connection, job.id)
    return True


def has_ended_so(connection: Connection, job: Job, attempt: int | None, entry: str | None) -> bool:
    """Whether a job has ended as `end` writes it, of this attempt where one is given."""
    is_so = [JOBS.c.state == job.state, JOBS.c.record == record_text(job), JOBS.c.entry.is_not_distinct_from(entry)]
    is_so += [] if attempt is None else [JOBS.c.attempt == attempt]
    statement = select(JOBS.c.id).where(_is_same(job), *is_so)
    return connection.execute(statement).one_or_none() is not None


def remove_tasks(connection: Connection, tasks: Iterable[int | None]) -> None:
    """Take entries out of Procrastinate's table, as far as they are there."""
    if ids := [task for task in tasks if task is not None]:
        connection.execute(text("DELETE FROM procrastinate_jobs WHERE id = ANY(:ids)"), {"ids": ids})


def request_cancel(connection: Connection, id_: str) -> Row[Any] | None:
    """Ask the worker of a job to stop; returns the row, None where the job does not exist or has ended."""
    statement = update(JOBS).where(JOBS.c.id == id_, JOBS.c.state.in_(ACTIVE_STATES)).values(cancel_requested=True)
    row = connection.execute(statement.returning(JOBS)).one_or_none()
    if row is not None and row.state == "running" and row.task is not None:
        connection.execute(select(func.procrastinate_cancel_job_v1(row.task, True, False)))
    return row


def waiting_values(job: Job) -> dict[str, Any]:
    """The columns of a job that waits again, as it did before the attempt that has come to nothing."""
    fields = {"state": "queued", "note": WAITS_AGAIN, "progress": 0.0, "detail": {}, "started": None}
    record = record_text(job.model_copy(update=fields))
    return {"state": "queued", "worker": None, "queued": func.now(), "record": record}


def count_waiting(connection: Connection) -> list[tuple[str, int, float]]:
    """Return for each queue how many jobs wait, and for how many seconds the first of them has."""
    age = func.extract("epoch", func.now() - func.min(JOBS.c.queued))
    statement = select(JOBS.c.queue, func.count(), age).where(JOBS.c.state == "queued").group_by(JOBS.c.queue)
    return [(queue, count, float(seconds)) for queue, count, seconds in connection.execute(statement)]
