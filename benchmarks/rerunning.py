"""Reruns of the Compare and the Save page, as after any click, beside those of an earlier commit, in turn."""

import asyncio
import json
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.earlier import BESIDE, FORMATS, earlier_checkout, run_in_checkout
from benchmarks.measure import Row, Sample
from benchmarks.serving import HEALTH
from benchmarks.wire import Session
from core.library.job_store import JobStore
from core.settings import PROJECT
from tests.browser.server import Server, serve

REPEATS, BLOCK = 9, 10  # blocks of reruns; a clock of processor time ticks every 10 ms, so a block is measured
WAIT_SECONDS, PAUSE = 120, 0.5  # until the comparison is done; between two looks
AT_MOST = 0.7

# Runs in a checkout of the earlier commit; both builds read what it writes.
SAVE = f"""
import json
from core.jobs import Jobs
jobs = Jobs()
run = jobs.wait(jobs.train("digits-mlp", epochs=2).id).result["run"]
rows = jobs.wait(jobs.save(run, {FORMATS!r}).id).result["rows"]
print(json.dumps([run, [row["artifact"] for row in rows.values()]]), flush=True)
jobs.worker.close()
"""


class Cost(NamedTuple):
    """Seconds of one rerun: from the message to the end of the script, and of processor time of the server."""

    wall: float
    processor: float


def measure() -> list[Row]:
    """Over two copies of one library with one run in five formats."""
    with earlier_checkout() as earlier, tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        homes = [Path(folder) / name for name in ("ours", "earlier")]
        run, artifacts = json.loads(run_in_checkout(SAVE, earlier, homes[1]))
        shutil.copytree(homes[1], homes[0])
        queries = {"compare": "&".join(f"artifact={id_}" for id_ in artifacts), "save": f"run={run}"}
        with serve(homes[0], PROJECT / "app.py", HEALTH) as ours, serve(homes[1], earlier / "app.py", HEALTH) as beside:
            return [row for page, query in queries.items() for row in _rows(page, query, [ours, beside])]


def _rows(page: str, query: str, servers: list[Server]) -> list[Row]:
    costs = asyncio.run(_measure_page(page, query, servers))
    wall, processor = ([Sample(tuple(cost[part] for cost in side)) for side in costs] for part in (0, 1))
    label = f"rerun of the {page.title()} page, from the message to the end of the script"
    return [
        Row(label, *wall, BESIDE, at_most=AT_MOST),
        Row(label, *processor, BESIDE, note="processor time of the server"),
    ]


async def _measure_page(page: str, query: str, servers: list[Server]) -> list[list[Cost]]:
    """Rerun the page of each server in turn; a first block of each fills what they hold."""
    sessions = [await _visit_until_done(server, page, query) for server in servers]
    sides = list(zip(servers, sessions, strict=True))
    rounds = [[await _rerun(server, session) for server, session in sides] for _ in range(REPEATS + 1)]
    for session in sessions:
        await session.close()
    return [list(side) for side in zip(*rounds[1:], strict=True)]


async def _visit_until_done(server: Server, page: str, query: str) -> Session:
    """Visit a page once the jobs that its first visit started are done."""
    await (await Session.visit(server.url, page, query)).close()
    store = JobStore(server.home / "jobs", max_finished=100)
    async with asyncio.timeout(WAIT_SECONDS):
        while any(job.state in ("queued", "running") for job in store.list_jobs()):
            await asyncio.sleep(PAUSE)
    return await Session.visit(server.url, page, query)


async def _rerun(server: Server, session: Session) -> Cost:
    """The median of a block's reruns, and the mean of its processor time."""
    before = _processor_seconds(server)
    walls = [await session.rerun() for _ in range(BLOCK)]
    return Cost(sorted(walls)[BLOCK // 2], (_processor_seconds(server) - before) / BLOCK)


def _processor_seconds(server: Server) -> float:
    times = psutil.Process(server.process.pid).cpu_times()
    return times.user + times.system
