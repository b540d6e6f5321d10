"""What a click on the Compare and the Save page runs again, beside an earlier commit, in turn."""

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


class Act(NamedTuple):
    """What a person does on a page: ticks a checkbox, or what runs the whole page again."""

    page: str
    label: str
    box: str = ""
    at_most: float | None = AT_MOST


ACTS = (
    Act("compare", "rerun of the Compare page"),
    Act("save", "click on a format of the Save page", "Keras file (.keras)"),
    Act("save", "rerun of the whole Save page, as after 'Choose all' (more formats than there were)", at_most=None),
)


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
            return [row for act in ACTS for row in _rows(act, queries[act.page], [ours, beside])]


def _rows(act: Act, query: str, servers: list[Server]) -> list[Row]:
    costs = asyncio.run(_measure_act(act, query, servers))
    wall, processor = ([Sample(tuple(cost[part] for cost in side)) for side in costs] for part in (0, 1))
    label = f"{act.label}, from the message to the end of the script"
    return [
        Row(label, *wall, BESIDE, at_most=act.at_most),
        Row(label, *processor, BESIDE, note="processor time of the server"),
    ]


async def _measure_act(act: Act, query: str, servers: list[Server]) -> list[list[Cost]]:
    """Act on the page of each server in turn; a first block of each fills what they hold."""
    sessions = [await _visit_until_done(server, act.page, query) for server in servers]
    sides = list(zip(servers, sessions, strict=True))
    rounds = [[await _repeat(act, server, session) for server, session in sides] for _ in range(REPEATS + 1)]
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


async def _repeat(act: Act, server: Server, session: Session) -> Cost:
    """The median of a block's reruns, and the mean of its processor time."""
    before = _processor_seconds(server)
    walls = [await (session.tick(act.box) if act.box else session.rerun()) for _ in range(BLOCK)]
    return Cost(sorted(walls)[BLOCK // 2], (_processor_seconds(server) - before) / BLOCK)


def _processor_seconds(server: Server) -> float:
    times = psutil.Process(server.process.pid).cpu_times()
    return times.user + times.system
