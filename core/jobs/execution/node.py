"""`Node`: what `roundtrip worker` runs. It takes jobs from the queue of a team and does them on this machine."""

import asyncio
import contextlib
import copy
import logging
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker as QueueWorker
from psycopg_pool import PoolTimeout

from core.context import AppContext
from core.error_translation import translate_database_error
from core.errors import InputError, RoundtripError, UnreadableRecord
from core.jobs.execution.driver import JobKind
from core.jobs.execution.node_facts import describe_node, list_built, report_node
from core.jobs.execution.queued_work import do_attempt
from core.jobs.kinds import KINDS
from core.queue import (
    Attempt,
    DatabaseJobStore,
    Queues,
    WorkerRegistry,
    WorkerRequirements,
    make_app,
    recover_abandoned,
    take_attempt,
)
from core.settings import Settings
from core.telemetry import set_up_logging
from core.telemetry.serving import serve_metrics
from core.worker.processes import LOWERED_PRIORITY

BEATS = 6  # within the time after which a worker counts as gone
FETCH_SECONDS = 2.0  # after which the queue is looked at without a notification
log = logging.getLogger("roundtrip")


class Node:
    """A worker: `run` returns when it was told to end, by a signal or from the Health page.

    Told to drain, it takes no more jobs and ends after those that it does; told to stop, it gives them back, and others
    take them up.
    """

    def __init__(
        self,
        context: AppContext,
        kinds: Mapping[str, JobKind],
        store: DatabaseJobStore,
        name: str,
        concurrency: int,
        queues: Queues = "all",
    ):
        self.id = f"{name[:20]}-{secrets.token_hex(6)}"
        self._context, self._kinds, self._store = context, kinds, store
        self._lost_seconds = context.config.worker_lost_seconds
        self._concurrency = concurrency
        self._registry = WorkerRegistry(store.database)
        self._announcement = describe_node(context.config, name, concurrency, queues)
        self._attempts: dict[str, Attempt] = {}
        self._taken: dict[int, str] = {}  # queues, by the number of the entry that was taken
        self._exclusive: set[str] = set()  # queues
        self._bound: set[str] = set()  # queues of jobs that only this worker may do
        self._is_draining = False
        self._in_touch_since: float | None = None  # monotonic seconds
        self._ended = threading.Event()
        self._giving_back: threading.Thread | None = None

    def run(self) -> None:
        """Take and do jobs until told to end. Raises StorageFailed where the database is not there at the start.

        Its threads let a web server and a database on the same machine go first: a person waits for these.
        """
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, 0, LOWERED_PRIORITY)  # on Linux of this thread, and of those that it starts
        self._store.delete_old_attempts()
        self._store.delete_old_given()
        self._store.delete_unlisted()
        try:
            asyncio.run(self._run())
        except (ConnectorException, PoolTimeout) as error:
            cause = str(error.__cause__ or error)
            raise translate_database_error(cause, "") from error
        finally:
            self._ended.set()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(self._concurrency + 3))
        app, self._manager = make_app(self._store.database, self, self._deliver, self._concurrency + 1)
        async with app.open_async():
            self._queue_worker = QueueWorker(
                app,
                name=self.id,
                concurrency=self._concurrency + 1,  # see `choose_queues`
                fetch_job_polling_interval=FETCH_SECONDS,
                install_signal_handlers=False,
                update_heartbeat_interval=self._lost_seconds / BEATS,
                stalled_worker_timeout=self._lost_seconds,
            )
            self._announce()
            if threading.current_thread() is threading.main_thread():
                for number in (signal.SIGTERM, signal.SIGINT):
                    self._loop.add_signal_handler(number, self._on_signal)
            beat = threading.Thread(target=self._beat_until_end, daemon=True)
            beat.start()
            await self._queue_worker.run()  # type: ignore[no-untyped-call]
            self._ended.set()
            for thread in filter(None, (beat, self._giving_back)):  # a late beat would announce it anew
                await asyncio.to_thread(thread.join)
        self._registry.remove(self.id)
        log.info("The worker %s has ended", self.id)

    def _announce(self) -> None:
        self._registry.announce(self.id, self._announcement, self._lost_seconds)
        log.info("The worker %s waits for jobs, %d side by side", self.id, self._concurrency)

    def _on_signal(self) -> None:
        """The first one drains; with the second, jobs are given back."""
        if self._is_draining:
            self.stop()
        self.drain()

    def drain(self) -> None:
        """Take no more jobs, and end after those that are done here."""
        if not self._is_draining:
            log.info("The worker %s takes no more jobs; it does %d", self.id, len(self._attempts))
        self._is_draining = True
        self._queue_worker.stop()  # type: ignore[no-untyped-call]

    def stop(self) -> None:
        """End now: jobs that are done here are given back."""
        self.drain()
        if self._giving_back is None:  # the database may take its time, and the queue's heart beats in this thread
            self._giving_back = threading.Thread(target=self._give_back_all, daemon=True)
            self._giving_back.start()

    def _give_back_all(self) -> None:
        for attempt in list(self._attempts.values()):
            try:
                attempt.give_back()
                log.info("Job %s is given back", attempt.job.id)
            except RoundtripError as error:  # others are given back all the same; this is taken up when it is missed
                log.warning("Job %s could not be given back: %s", attempt.job.id, error)

    # What the queue asks

    async def choose_queues(self, queues: list[tuple[str, WorkerRequirements]]) -> list[str]:
        """See `core.queue.tasks.QueueChoice`.

        Jobs for this worker alone are asked for by others, which wait in slots for what they answer: so one of them may
        always begin, beside as many as there are slots.
        """
        mine = {name: needs for name, needs in queues if not self._announcement.list_missing(needs)}
        self._exclusive = {name for name, needs in mine.items() if needs.is_exclusive}
        if self._is_draining or self._exclusive.intersection(self._taken.values()):
            return []
        self._bound = {name for name, needs in mine.items() if needs.worker}
        if self._is_full:
            return list(self._bound)
        if self._taken and self._exclusive:
            # What is timed has its turn: nothing that came after it begins, and it waits until all else has ended.
            first = await self._manager.find_first(list(mine))
            others = self._bound if first in self._exclusive else mine.keys() - self._exclusive
            return [name for name in mine if name in others]
        return list(mine)

    @property
    def _is_full(self) -> bool:
        return sum(queue not in self._bound for queue in self._taken.values()) >= self._concurrency

    def take(self, task: int, queue: str) -> None:
        self._taken[task] = queue

    def release(self, task: int) -> None:
        was_full = self._is_full
        self._taken.pop(task, None)
        if self._exclusive or was_full:
            asyncio.run_coroutine_threadsafe(self._manager.wake(), self._loop)

    def _deliver(self, id_: str, should_abort: Callable[[], bool]) -> None:
        """Do a job, unless it needs nobody any more: it has ended, or another worker does it."""
        try:
            attempt = take_attempt(self._store, id_, self.id, should_abort)
        except UnreadableRecord as error:  # it stays what it is, for a worker of the version that wrote it
            return log.warning("Job %s cannot be taken by this worker: %s", id_, error)
        if attempt is None:
            return log.info("Job %s was delivered again, and needs nobody", id_)
        self._attempts[id_] = attempt
        try:
            with attempt:
                do_attempt(copy.copy(self._context), self._kinds, attempt, self._store.files)
        finally:
            self._attempts.pop(id_, None)

    # Signs of life

    def _beat_until_end(self) -> None:
        while not self._ended.wait(self._lost_seconds / BEATS):
            try:
                self._beat()
            except RoundtripError as error:
                self._in_touch_since = None
                log.warning("The database does not answer this worker: %s", error)
            except Exception:  # without a beat it would count as gone
                log.exception("A sign of life failed")

    def _beat(self) -> None:
        jobs = list(self._attempts)
        asked = self._registry.beat(self.id, report_node(jobs), self._manager.worker_id)
        if asked is None:  # it was silent for so long that it was struck off
            self._announce()
        elif asked:
            self._loop.call_soon_threadsafe(self.stop if asked == "stop" else self.drain)
        self._announce_environments()
        self._recover(jobs)

    def _announce_environments(self) -> None:
        """Others are built here, or removed, while this worker is at work."""
        built = list_built(self._context.config)
        if built != self._announcement.environments:
            self._announcement = self._announcement.model_copy(update={"environments": built})
            self._registry.update(self.id, self._announcement)

    def _recover(self, jobs: list[str]) -> None:
        """Look for jobs of workers that are gone: after the database itself was away all seem to be, for a while."""
        self._in_touch_since = self._in_touch_since or time.monotonic()
        if time.monotonic() - self._in_touch_since >= self._lost_seconds:
            recover_abandoned(self._store.database, self.id, jobs, self._lost_seconds)


def run_node(config: Settings, name: str, concurrency: int = 0, queues: Queues = "all", metrics: str = "") -> None:
    """Be a worker of the team that the settings name, with its metrics served at [ADDRESS:]PORT, where one is given.

    Raises InputError, StorageFailed.
    """
    if not config.is_team:
        raise InputError(
            "A worker needs the database and the store of a team, and none are set.",
            cure="Set ROUNDTRIP_DATABASE_URL and ROUNDTRIP_STORE_URL, the same on all machines.",
        )
    set_up_logging(config.log_format)
    with serve_metrics(metrics) if metrics else contextlib.nullcontext():
        _work(config, name, concurrency or max(2, config.parallel), queues)


def _work(config: Settings, name: str, concurrency: int, queues: Queues) -> None:
    context = AppContext(config=config)
    assert isinstance(context.job_store, DatabaseJobStore)
    node = Node(context, KINDS, context.job_store, name, concurrency, queues)
    context.worker.start(then_check=True)
    try:
        node.run()
    finally:
        context.environment_processes.close()
        context.worker.close()
