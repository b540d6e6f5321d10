"""Procrastinate as Roundtrip uses it: one task, queues by what a job needs, and workers that outlive their database.

Of Procrastinate's worker an error ends one part after the other without a word (heartbeat, notifications), or the whole
(fetching): see `findings/procrastinate_heartbeat_ends_with_one_error.sh`. `QueueManager` has each of them tried again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from procrastinate import App, BaseConnector, JobContext, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job as Task
from procrastinate.jobs import Status
from procrastinate.manager import JobManager, NotificationCallback
from psycopg import AsyncConnection
from pydantic import ValidationError
from sqlalchemy.dialects.postgresql import insert as insert_or_ignore
from sqlalchemy.engine import Connection

from core.library.catalog.schema import SERVER_LIMITS, idle_limit
from core.queue.database import QueueDatabase
from core.queue.requirements import WorkerRequirements
from core.queue.schema import QUEUES

TASK = "roundtrip.run"
RETRY_SECONDS = 1.0  # between two attempts to reach a database that does not answer
POOL_SECONDS = 10.0  # that a connection is waited for
HEARTBEAT = "UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = %(worker)s RETURNING id"
FINISH = """SELECT procrastinate_finish_job_v1(id, 'failed', true) FROM procrastinate_jobs
    WHERE id = %(task)s AND status = 'doing' AND worker_id = %(worker)s FOR UPDATE"""
FIRST = """SELECT queue_name FROM procrastinate_jobs WHERE status = 'todo' AND queue_name = ANY(%(queues)s)
    ORDER BY priority DESC, id LIMIT 1"""
log = logging.getLogger("roundtrip")
Deliver = Callable[[str, Callable[[], bool]], None]  # gets the id of a job, and what says whether it is to stop


class QueueChoice(Protocol):
    """Which queues a worker takes from now: none while it drains, exclusive ones only while it does nothing."""

    async def choose_queues(self, queues: list[tuple[str, WorkerRequirements]]) -> list[str]:
        """Return the names of those to take from, of all queues and what they need."""

    def take(self, task: int, queue: str) -> None:
        """Note that a job was taken from a queue, before it is delivered."""

    def release(self, task: int) -> None:
        """Note that its delivery has ended."""


def defer(connection: Connection, jobs: list[tuple[str, WorkerRequirements, int]]) -> list[int]:
    """Enter jobs (id, what it needs, priority) into their queues, in the transaction of the connection.

    Returns the numbers of the entries, in order.
    """
    needs = {requirements.queue: requirements for _, requirements, _ in jobs}
    rows = [{"name": name, "requirements": each.to_json()} for name, each in sorted(needs.items())]
    connection.execute(insert_or_ignore(QUEUES).on_conflict_do_nothing(), rows)
    tasks = [
        Task(
            queue=requirements.queue,
            priority=priority,
            lock=None,
            queueing_lock=None,
            task_name=TASK,
            task_kwargs={"job": id_},
        )
        for id_, requirements, priority in jobs
    ]
    manager = JobManager(PsycopgConnector())
    made = manager.batch_defer_jobs(tasks, connection=connection.connection.driver_connection)
    return [task.id for task in made if task.id is not None]


class QueueManager(JobManager):
    """Procrastinate's manager over a database that may be away, of a worker whose row there may have been removed."""

    def __init__(self, connector: PsycopgConnector, choice: QueueChoice):
        super().__init__(connector)
        self._choice = choice
        self._on_notification: NotificationCallback | None = None
        self.worker_id: int | None = None

    async def register_worker(self) -> int:
        self.worker_id = await super().register_worker()
        return self.worker_id

    async def unregister_worker(self, worker_id: int) -> None:
        try:
            await super().unregister_worker(self.worker_id or worker_id)
        except ConnectorException as error:
            log.warning("This worker could not sign off from the queue: %s", error)

    async def update_heartbeat(self, worker_id: int) -> None:
        """Note that the worker lives; where others took it for dead and removed its row, it gets another."""
        try:
            rows = await self.connector.execute_query_all_async(HEARTBEAT, worker=self.worker_id)
            if not rows:
                await self.register_worker()
        except ConnectorException as error:
            log.warning("The queue does not answer: %s", error)

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Task | None:
        """Take the next job of the queues that are chosen now; None where there is none, or no answer."""
        try:
            if not (names := await self._choice.choose_queues(await read_queues(self.connector))):
                return None
            task = await super().fetch_job(names, self.worker_id or worker_id)
            if task and task.id is not None:
                self._choice.take(task.id, task.queue)
            return task
        except ConnectorException as error:
            log.warning("The queue does not answer: %s", error)
            await asyncio.sleep(RETRY_SECONDS)
            return None

    async def finish_job(self, job: Task, status: Status, delete_job: bool) -> None:
        """Take an entry out of the queue whose job was not done by it; that of a job that ended is out already.

        Procrastinate's own would also end the entry that another worker has taken up since.
        """
        try:
            await self.connector.execute_query_all_async(FINISH, task=job.id, worker=self.worker_id)
        except ConnectorException as error:
            log.warning("An entry of the queue could not be removed: %s", error)

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        """Listen to all queues, for as long as this is not cancelled."""
        self._on_notification = on_notification
        while True:
            try:
                await super().listen_for_jobs(on_notification=on_notification, queues=None)
            except ConnectorException as error:
                log.warning("The queue does not answer: %s", error)
            await asyncio.sleep(RETRY_SECONDS)

    async def find_first(self, queues: list[str]) -> str | None:
        """Return the queue of the job that is the next of these queues; None where none waits."""
        rows = await self.connector.execute_query_all_async(FIRST, queues=queues)
        return rows[0]["queue_name"] if rows else None

    async def wake(self) -> None:
        """Have the worker look for a job now."""
        if self._on_notification:
            await self._on_notification(channel="", notification={"type": "job_inserted", "job_id": 0})


def make_app(
    database: QueueDatabase, choice: QueueChoice, deliver: Deliver, concurrency: int
) -> tuple[App, QueueManager]:
    """Make Procrastinate's app for a worker, which calls `deliver` in a thread for each job, and its manager."""
    connector = PsycopgConnector(
        conninfo=database.connection_string,
        kwargs=SERVER_LIMITS,
        configure=_limit_idling,
        min_size=1,
        max_size=concurrency + 3,
        timeout=POOL_SECONDS,
    )
    app = App(connector=connector)
    manager = app.job_manager = QueueManager(connector, choice)

    @app.task(name=TASK, pass_context=True)
    def run(context: JobContext, job: str) -> None:
        try:
            deliver(job, context.should_abort)
        finally:
            choice.release(context.job.id or 0)

    return app, manager


async def _limit_idling(connection: AsyncConnection) -> None:
    await connection.execute(idle_limit())
    await connection.commit()


async def read_queues(connector: BaseConnector) -> list[tuple[str, WorkerRequirements]]:
    """Return every queue that there is, and what it needs; of one of another version that says what nobody here
    knows, jobs are not taken."""
    rows: list[dict[str, Any]] = await connector.execute_query_all_async("SELECT name, requirements FROM queues_1")
    queues = []
    for row in rows:
        with contextlib.suppress(ValidationError):
            queues.append((row["name"], WorkerRequirements.model_validate_json(row["requirements"])))
    return queues
