"""Many people at once: twenty sessions click at the same moment, again and again, in one server while it trains two
models. Half of them are on the Library page, half look into an artifact.

First over the wire, as people with machines of their own would load this one; then with twenty browsers on this machine
too, which share its processors with the server and the trainings.
"""

import asyncio
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import psutil
from playwright.async_api import Browser, Page, async_playwright, expect

from benchmarks.clicking import rested, search, visit
from benchmarks.house import house, saved, trained
from benchmarks.many import many_artifacts
from benchmarks.measure import Row, Sample
from benchmarks.serving import WAIT, ours
from benchmarks.wire import Session
from core.library import Library
from core.library.job_store import JobStore
from tests.browser.chromium import BROWSER_ARGUMENTS, find_or_install_browser
from tests.browser.server import Server

SESSIONS = 20
EVERYTHING = SESSIONS * (SESSIONS + 1) // 2  # artifacts: one with the tag of the first session, two with the second's …
ROUNDS = 8  # clicks of each session
TRAININGS = ("digits-cnn", "digits-mlp")
EPOCHS = "500"  # more than they get through; they end with their server
THINKS = 3.0  # seconds of a person between an answer and the next click
FITTING = r"([0-9,]+) artifacts?\b"

Ask = Callable[[str], Awaitable[tuple[float, int | None]]]  # types a search: seconds, and how many artifacts fit
Enter = Callable[[Browser, Server, str], Awaitable[list[Ask]]]


class Found(NamedTuple):
    """Seconds of each click, how many were answered with what another session had asked for, and the processor time
    that the server took for all of them."""

    seconds: list[float]
    strange: int
    processor: float


def measure() -> list[Row]:
    """Session n looks for a tag that n artifacts have, and then for all: what it is shown tells it from every other."""
    with house() as jobs, tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        saved(jobs, trained(jobs), "keras", "architecture")
        jobs.worker.close()
        home = Path(folder) / "store"
        many_artifacts(jobs.library, home, EVERYTHING)
        first = _tag(Library(home))
        rows = []
        for where, enter in (("over the wire", _on_the_wire), ("in browsers beside it", _in_browsers)):
            with ours(home) as server:
                rows += _rows(where, asyncio.run(_click(server, first, enter)))
    return rows


def _rows(where: str, found: Found) -> list[Row]:
    p95 = statistics.quantiles(found.seconds, n=20)[-1]
    note = f"median {statistics.median(found.seconds):.2g} s, most {max(found.seconds):.2g} s of {len(found.seconds)}"
    what = f"{SESSIONS} sessions {where} clicking at once, two trainings: p95 of a page's rerun"
    return [
        Row(what, Sample((p95,)), at_most=2.0, note=note),
        Row("of these, answers that were another session's", Sample((float(found.strange),)), unit="clicks", at_most=0),
        Row("processor time of the server for each", Sample((found.processor / len(found.seconds),))),
    ]


def _tag(library: Library) -> str:
    """Give n artifacts the tag of session n; the id of one of them all."""
    entries = library.find()
    ids = iter([entry.id for entry in entries])
    for count in range(1, SESSIONS + 1):
        library.tag([next(ids) for _ in range(count)], [_tag_of(count)])
    return entries[0].id


def _tag_of(count: int) -> str:
    return f"of-session-{count:02d}"


async def _click(server: Server, first: str, enter: Enter) -> Found:
    expect.set_options(timeout=WAIT)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_or_install_browser(), args=BROWSER_ARGUMENTS)
        people = await enter(browser, server, first)
        trainings = [await _fill(browser, server.url, demo) for demo in TRAININGS]
        for page in trainings:
            await _train(page)
        before = _processor_seconds(server)
        clicks = []
        for at in range(ROUNDS):
            clicks += await asyncio.gather(*(_search(ask, count, at) for count, ask in enumerate(people, 1)))
            await asyncio.sleep(THINKS)
        took = _processor_seconds(server) - before
        _require_trainings(server)
        await browser.close()
    return Found([seconds for seconds, _ in clicks], sum(strange for _, strange in clicks), took)


async def _on_the_wire(_: Browser, server: Server, first: str) -> list[Ask]:
    places = (("library", ""), ("inspect", f"artifact={first}"))

    async def enter(page: str, query: str) -> Ask:
        session = await Session.visit(server.url, page, query)

        async def ask(words: str) -> tuple[float, int | None]:
            return await session.type("Search", words), session.number(FITTING)

        return ask

    return [await enter(*places[count % len(places)]) for count in range(SESSIONS)]


async def _in_browsers(browser: Browser, server: Server, first: str) -> list[Ask]:
    places = (f"{server.url}/library", f"{server.url}/inspect?artifact={first}")
    pages = [await visit(browser, places[count % len(places)]) for count in range(SESSIONS)]
    return [lambda words, page=page: search(page, words) for page in pages]


def _require_trainings(server: Server) -> None:
    """Raises RuntimeError where the trainings did not run to the last click."""
    running = [
        job for job in JobStore(server.home / "jobs", max_finished=100).list_jobs("train") if job.state == "running"
    ]
    if len(running) != len(TRAININGS):
        raise RuntimeError(f"{len(running)} trainings were running at the end of {len(TRAININGS)}")


def _processor_seconds(server: Server) -> float:
    """Of the server itself, without its children."""
    times = psutil.Process(server.process.pid).cpu_times()
    return times.user + times.system


async def _fill(browser: Browser, url: str, demo: str) -> Page:
    """A training about to begin: once one runs, whoever opens the page is shown that one."""
    page = await visit(browser, f"{url}/train?demo={demo}")
    await page.get_by_role("spinbutton", name="Epochs").fill(EPOCHS)
    await page.keyboard.press("Enter")
    await rested(page)
    return page


async def _train(page: Page) -> None:
    await page.get_by_role("button", name="Train", exact=True).click()
    await expect(page.get_by_role("button", name="Cancel")).to_be_visible()


async def _search(ask: Ask, count: int, at: int) -> tuple[float, bool]:
    """Ask for one's own tag and for all, in turn: how long it took, and whether the answer was another's."""
    words, fitting = (_tag_of(count), count) if at % 2 == 0 else ("", EVERYTHING)
    seconds, shown = await ask(words)
    return seconds, shown != fitting
