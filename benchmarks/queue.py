"""Jobs through the queue of a team, beside Procrastinate by itself on the same PostgreSQL: the same tables, one task.

As a program it is a bare worker: python -m benchmarks.queue DATABASE FILE
"""

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from procrastinate import App, JobContext, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import JobAborted

from benchmarks.measure import Row, Sample, in_turn, seconds, until
from core.jobs import Jobs
from core.jobs.execution.queued_driver import QueuedDriver
from core.library.ids import new_id
from core.library.job_store import Job
from core.settings import PROJECT
from tests.factories.queue_team import Team
from tests.factories.small_kinds import wait_for_stop
from tests.postgresql_server import new_database, run_server

REPEATS, BULK, BULK_REPEATS = 30, 10_000, 3
WORKERS, JOBS_PER_WORKER, WAIT_SECONDS = 8, 20, 0.5
LIMIT = 120.0  # seconds that anything here is waited for
LOST_SECONDS = 30  # a busy machine is no lost worker


def measure() -> list[Row]:
    """To the first line of a job, and to where a cancellation is heard; jobs in bulk; one worker, then eight."""
    with ExitStack() as stack:
        server, folder = stack.enter_context(run_server()), Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if server is None:
            return []
        database, bare_database = (stack.enter_context(new_database(server)) for _ in range(2))
        jobs, bare = Team(folder, database).make_server(), _open_bare(bare_database)
        stack.callback(bare.close)
        return [
            *_measure_idle(jobs, bare, Team(folder, database), bare_database),
            *_measure_bulk(jobs, bare),
            *_measure_workers(Team(folder, stack.enter_context(new_database(server)))),
        ]


def _open_bare(url: str) -> App:
    app = App(connector=SyncPsycopgConnector(conninfo=url, min_size=1))
    app.open()
    app.schema_manager.apply_schema()
    return app


def _measure_idle(jobs: Jobs, bare: App, team: Team, bare_url: str) -> list[Row]:
    """Both workers are idle, in a process of their own each."""
    with team.node_process("node", lost_seconds=LOST_SECONDS), _bare_worker(bare_url):
        return [_measure_start(jobs, bare, team.folder), _measure_abort(jobs, bare, team.folder)]


def _measure_start(jobs: Jobs, bare: App, folder: Path) -> Row:
    """The job's first line writes down the time."""
    ours, theirs = folder / "ours", folder / "theirs"

    def submit() -> None:
        jobs._start("stamp", "Stamp", {"file": str(ours)})

    def defer() -> None:
        bare.configure_task("stamp").defer(file=str(theirs))

    pair = in_turn(REPEATS, lambda: _time_start(submit, ours), lambda: _time_start(defer, theirs))
    return Row("from submit to the first line of a job, idle worker", *pair, "bare Procrastinate", at_most=5)


def _time_start(submit: Callable[[], object], file: Path) -> float:
    file.unlink(missing_ok=True)
    before = time.time()
    submit()
    return _read_time(file) - before


def _read_time(file: Path) -> float:
    """The time that a job has written down, once it has."""
    until(lambda: file.exists() and bool(file.read_text()), LIMIT, "a job to write down the time", tick=0.001)
    return float(file.read_text())


def _measure_abort(jobs: Jobs, bare: App, folder: Path) -> Row:
    """The job asks again and again whether it is to stop, and writes down when it hears that it is."""
    begun, heard = folder / "begun", folder / "heard"
    files = {"begun": str(begun), "heard": str(heard)}

    def defer() -> Callable[[], object]:
        id_ = bare.configure_task("hear").defer(**files)
        return lambda: bare.job_manager.cancel_job_by_id(id_, abort=True)

    def submit() -> Callable[[], object]:
        id_ = jobs._start("hear", "Hear", files).id
        return lambda: jobs.cancel(id_)

    pair = in_turn(REPEATS, *(lambda start=start: _time_abort(start, begun, heard) for start in (submit, defer)))  # type: ignore[misc]
    return Row("from a cancellation to where the job hears of it", *pair, "bare Procrastinate", at_most=5)


def _time_abort(start: Callable[[], Callable[[], object]], begun: Path, heard: Path) -> float:
    """`start` starts a job, and returns what cancels it."""
    for file in (begun, heard):
        file.unlink(missing_ok=True)
    cancel = start()
    until(begun.exists, LIMIT, "a job to begin")
    before = time.time()
    cancel()
    return _read_time(heard) - before


@contextlib.contextmanager
def _bare_worker(url: str) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-m", "benchmarks.queue", url], cwd=PROJECT) as process:
        try:
            yield
        finally:
            process.kill()


def _measure_bulk(jobs: Jobs, bare: App) -> list[Row]:
    """In one call each, with no worker there."""
    assert isinstance(jobs.driver, QueuedDriver)
    driver = jobs.driver

    def submit() -> None:
        driver.submit_all([Job(id=new_id("j"), kind="echo", title="Echo", is_bulk=True) for _ in range(BULK)])

    def defer() -> None:
        bare.configure_task("stamp").batch_defer(*({"number": number} for number in range(BULK)))

    pair = in_turn(BULK_REPEATS, lambda: seconds(submit), lambda: seconds(defer))
    rate = BULK / pair[0].median
    return [Row("10,000 jobs submitted in bulk", *pair, "bare Procrastinate", at_most=2, note=f"{rate:,.0f} a second")]


def _measure_workers(team: Team) -> list[Row]:
    """Jobs that wait and do not compute, with one place in each worker."""
    jobs = team.make_server()
    times = [_time_jobs(team, jobs, count) for count in (1, WORKERS)]
    one, many = (Sample((JOBS_PER_WORKER * count / each,)) for count, each in zip((1, WORKERS), times, strict=True))
    note = f"{many.median:.3g} jobs a second beside {one.median:.3g}"
    return [Row(f"throughput of {WORKERS} workers", one, many, "1 worker", "jobs/s", at_least=7, note=note)]


def _time_jobs(team: Team, jobs: Jobs, workers: int) -> float:
    with ExitStack() as stack:
        for number in range(workers):
            stack.enter_context(team.running_node(f"node-{workers}-{number}", concurrency=1, lost_seconds=LOST_SECONDS))
        started = time.perf_counter()
        made = [jobs._start("sleep", "Sleep", {"seconds": WAIT_SECONDS}) for _ in range(JOBS_PER_WORKER * workers)]
        assert all(jobs.wait(job.id).state == "done" for job in made)
        return time.perf_counter() - started


def run_bare_worker(url: str) -> None:
    """Be a worker of Procrastinate by itself."""
    app = App(connector=PsycopgConnector(conninfo=url))

    @app.task(name="stamp")
    def stamp(file: str) -> None:
        Path(file).write_text(str(time.time()))

    @app.task(name="hear", pass_context=True)
    def hear(context: JobContext, begun: str, heard: str) -> None:
        Path(begun).touch()
        wait_for_stop(context.should_abort, Path(heard))
        raise JobAborted

    app.run_worker(concurrency=2)


if __name__ == "__main__":
    run_bare_worker(sys.argv[1])
