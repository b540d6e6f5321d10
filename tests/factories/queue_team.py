"""A team installation of a test: a database, a store, servers that submit small jobs, and workers that do them.

As a program it is such a worker: python -m tests.factories.queue_team FOLDER DATABASE NAME LOST_SECONDS KINDS
"""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from core.context import AppContext
from core.jobs import Jobs
from core.jobs.execution.driver import JobKind
from core.jobs.execution.node import Node
from core.jobs.kinds import KINDS
from core.queue import (
    DatabaseJobStore,
    QueueDatabase,
    Queues,
    WorkerRegistry,
    WorkerState,
    open_database_job_store,
)
from core.settings import PROJECT, Settings
from core.worker import Worker
from tests.factories.small_kinds import SMALL_KINDS
from tests.helpers import wait_until

LOST_SECONDS = 2  # of workers, whose loss is waited for
SERVER_LOST_SECONDS = 60  # of servers, which say that they live: on a machine that has other work, late
ALL_KINDS: dict[str, Mapping[str, JobKind]] = {"small": SMALL_KINDS, "all": KINDS}
WORKER_FACTS = {  # as a worker announces them
    "version": "0.1.0",
    "python": "3.11",
    "system": "Linux",
    "processor": "Box",
    "processors": 4,
    "memory": 8e9,
    "knows_collections": True,
}


class Team(NamedTuple):
    """Where a team's jobs and files lie."""

    folder: Path
    database_url: str

    @property
    def store_url(self) -> str:
        (self.folder / "objects").mkdir(exist_ok=True)
        return f"file://{self.folder}/objects"

    def config(self, machine: str, lost_seconds: int = LOST_SECONDS, **settings: Any) -> Settings:
        settings |= {"database_url": self.database_url, "store_url": self.store_url, "parallel": 2}
        return Settings(home=self.folder / machine, worker_lost_seconds=lost_seconds, **settings)

    def open_store(self, machine: str, **settings: Any) -> DatabaseJobStore:
        config = self.config(machine, **settings)
        return open_database_job_store(config.home / "jobs", config)

    def make_server(self, machine: str = "server", kinds: str = "small") -> Jobs:
        """What a web server has."""
        config = self.config(machine, SERVER_LOST_SECONDS)
        return Jobs(None, Worker(config), config, kinds=ALL_KINDS[kinds])

    def make_node(
        self,
        machine: str = "node",
        concurrency: int = 2,
        lost_seconds: int = LOST_SECONDS,
        kinds: str = "small",
        queues: Queues = "all",
    ) -> Node:
        config = self.config(machine, lost_seconds)
        context = AppContext(None, Worker(config), config)
        return Node(context, ALL_KINDS[kinds], self.open_store(machine), machine, concurrency, queues)

    def workers(self) -> list[WorkerState]:
        return WorkerRegistry(QueueDatabase(self.database_url)).list_workers()

    @contextlib.contextmanager
    def running_node(self, machine: str = "node", **options: Any) -> Iterator[Node]:
        """A worker in a thread of this process, which drains at the end."""
        node = self.make_node(machine, **options)
        thread = threading.Thread(target=node.run, daemon=True)
        thread.start()
        wait_until(lambda: any(worker.id == node.id for worker in self.workers()))
        try:
            yield node
        finally:
            if thread.is_alive():
                node._loop.call_soon_threadsafe(node.stop)
                thread.join(20)
            assert not thread.is_alive()

    @contextlib.contextmanager
    def node_process(
        self, machine: str, kinds: str = "small", lost_seconds: int = LOST_SECONDS, **variables: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A worker in a process of its own, with these variables, which is killed at the end."""
        arguments = [self.folder, self.database_url, machine, lost_seconds, kinds]
        command = [sys.executable, "-m", "tests.factories.queue_team", *map(str, arguments)]
        with subprocess.Popen(
            command, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT), **variables}
        ) as process:
            try:
                yield process
            finally:
                process.kill()


def main() -> None:
    folder, database_url, machine, lost_seconds, kinds = sys.argv[1:]
    if seconds := os.environ.get("ROUNDTRIP_TEST_CLOCK"):
        from tests.factories.faulty_team import shift_clock  # which takes this module

        shift_clock(pytest.MonkeyPatch(), float(seconds))
    Team(Path(folder), database_url).make_node(machine, lost_seconds=int(lost_seconds), kinds=kinds).run()


if __name__ == "__main__":
    main()
