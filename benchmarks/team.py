"""A save through queue, PostgreSQL and store beside the local driver; the library's first page under busy workers."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.house import finished, house, trained
from benchmarks.measure import Row, Sample, in_turn, seconds, until
from benchmarks.postgresql import COUNT, fill_catalog
from core.jobs import Jobs
from core.jobs.execution.queued_driver import QueuedDriver
from core.library.catalog.catalog import Catalog
from core.library.ids import new_id
from core.library.job_store import Job
from core.library.records import Query
from core.queue import QueueDatabase, WorkerRegistry
from core.settings import PROJECT, Settings
from core.worker import Worker
from tests.factories.queue_team import Team
from tests.postgresql_server import new_database, run_server

FORMATS = ("keras", "h5", "weights", "saved_model", "onnx")
SAVES, WORKERS, BULK, PAGES = 5, 4, 10_000, 30
LIMIT = 180.0  # seconds that anything here is waited for


def measure() -> list[Row]:
    """Rows of a team installation on this machine alone; none where there is no PostgreSQL."""
    with ExitStack() as stack:
        server, folder = stack.enter_context(run_server()), Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if server is None:
            return []
        databases = [stack.enter_context(new_database(server)) for _ in range(3)]
        save = _measure_save(folder / "saves", databases[0])
        return [save, _measure_page(Team(_made(folder / "pages"), databases[1]), databases[2])]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _measure_save(folder: Path, database: str) -> Row:
    (folder / "objects").mkdir(parents=True)
    config = Settings(home=folder / "server", database_url=database, store_url=f"file://{folder}/objects")
    with house() as local, contextlib.closing(Worker(config)) as worker, _real_worker(config, folder / "worker"):
        team = Jobs(None, worker, config)
        runs = [(jobs, trained(jobs)) for jobs in (team, local)]
        pair = in_turn(SAVES, *(lambda jobs=jobs, run=run: _time_save(jobs, run) for jobs, run in runs))  # type: ignore[misc]
    name = f"a save in {len(FORMATS)} formats through queue, PostgreSQL and store"
    return Row(name, *pair, "the local driver", at_most=1.25)


def _time_save(jobs: Jobs, run: str) -> float:
    return seconds(lambda: finished(jobs, jobs.save(run, FORMATS)))


@contextlib.contextmanager
def _real_worker(config: Settings, home: Path) -> Iterator[None]:
    """`roundtrip worker` in a process and a home of its own, from when it takes jobs."""
    team = {"ROUNDTRIP_DATABASE_URL": config.database_url, "ROUNDTRIP_STORE_URL": config.store_url}
    environment = {**os.environ, **team, "ROUNDTRIP_HOME": str(home), "PYTHONPATH": str(PROJECT)}
    with subprocess.Popen([sys.executable, "-m", "core", "worker"], cwd=PROJECT, env=environment) as process:
        registry = WorkerRegistry(QueueDatabase(config.database_url))
        until(lambda: any(each.is_live for each in registry.list_workers()), LIMIT, "the worker")
        try:
            yield
        finally:
            process.terminate()
            process.wait(LIMIT)


def _measure_page(team: Team, catalog_database: str) -> Row:
    """The same page with idle workers, and while they run jobs in bulk."""
    jobs, catalog = team.make_server(), fill_catalog(Catalog(catalog_database))
    driver = jobs.driver
    assert isinstance(driver, QueuedDriver)
    with ExitStack() as stack:
        for number in range(WORKERS):
            stack.enter_context(team.node_process(f"node-{number}"))
        until(lambda: len(team.workers()) == WORKERS, LIMIT, "the workers")
        idle = _time_pages(catalog)
        driver.submit_all([Job(id=new_id("j"), kind="echo", title="Echo", is_bulk=True) for _ in range(BULK)])
        busy = _time_pages(catalog)
        left = sum(count for _, count, _ in jobs.job_store.count_waiting())  # type: ignore[attr-defined]
    note = f"{left:,} of {BULK:,} jobs waited still at the end"
    return Row(f"first page of {COUNT:,} while {WORKERS} workers run jobs", busy, idle, "idle", at_most=2, note=note)


def _time_pages(catalog: Catalog) -> Sample:
    """Of pages that are asked for a few times a second, as people do."""
    times = []
    for _ in range(PAGES):
        times.append(seconds(lambda: catalog.page(Query())))
        time.sleep(0.1)
    return Sample(tuple(times))
