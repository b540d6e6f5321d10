"""Concurrent sessions: twenty click at the same moment, repeatedly, in one server while it trains two models.

Half of them are on the Library page, half on Inspect. First over the wire, as clients on other machines; then with
twenty browsers on this machine, which share its processors with the server and the trainings.
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
THINKS = 3.0  # seconds between an answer and the next click
FITTING = r"([0-9,]+) artifacts?\b"

Search = Callable[[str], Awaitable[tuple[float, int | None]]]  # types a search: seconds, and how many artifacts fit
Enter = Callable[[Browser, Server, str], Awaitable[list[Search]]]


class Clicks(NamedTuple):
    """Seconds of each click, how many were answered with another session's result, and CPU seconds of the server."""

    seconds: list[float]
    wrong: int
    processor: float


def measure() -> list[Row]:
    """Session n searches for a tag that n artifacts have, and then for all: the count identifies the session."""
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


def _rows(where: str, clicks: Clicks) -> list[Row]:
    times = clicks.seconds
    p95 = statistics.quantiles(times, n=20)[-1]
    note = f"median {statistics.median(times):.2g} s, most {max(times):.2g} s of {len(times)}"
    label = f"{SESSIONS} sessions {where} clicking at once, two trainings: p95 of a page's rerun"
    return [
        Row(label, Sample((p95,)), at_most=2.0, note=note),
        Row("of these, answers that were another session's", Sample((float(clicks.wrong),)), unit="clicks", at_most=0),
        Row("processor time of the server for each", Sample((clicks.processor / len(times),))),
    ]


def _tag(library: Library) -> str:
    """Give n artifacts the tag of session n; returns the id of one artifact."""
    entries = library.find()
    ids = iter([entry.id for entry in entries])
    for count in range(1, SESSIONS + 1):
        library.tag([next(ids) for _ in range(count)], [_tag_of(count)])
    return entries[0].id


def _tag_of(count: int) -> str:
    return f"of-session-{count:02d}"


async def _click(server: Server, first: str, enter: Enter) -> Clicks:
    expect.set_options(timeout=WAIT)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_or_install_browser(), args=BROWSER_ARGUMENTS)
        searches = await enter(browser, server, first)
        trainings = [await _fill(browser, server.url, demo) for demo in TRAININGS]
        for page in trainings:
            await _train(page)
        before = _processor_seconds(server)
        clicks = []
        for at in range(ROUNDS):
            clicks += await asyncio.gather(*(_search(*numbered, at) for numbered in enumerate(searches, 1)))
            await asyncio.sleep(THINKS)
        took = _processor_seconds(server) - before
        _require_trainings(server)
        await browser.close()
    return Clicks([seconds for seconds, _ in clicks], sum(is_wrong for _, is_wrong in clicks), took)


async def _on_the_wire(_: Browser, server: Server, first: str) -> list[Search]:
    places = (("library", ""), ("inspect", f"artifact={first}"))

    async def enter(page: str, query: str) -> Search:
        session = await Session.visit(server.url, page, query)

        async def type_search(words: str) -> tuple[float, int | None]:
            return await session.type("Search", words), session.number(FITTING)

        return type_search

    return [await enter(*places[count % len(places)]) for count in range(SESSIONS)]


async def _in_browsers(browser: Browser, server: Server, first: str) -> list[Search]:
    places = (f"{server.url}/library", f"{server.url}/inspect?artifact={first}")
    pages = [await visit(browser, places[count % len(places)]) for count in range(SESSIONS)]
    return [lambda words, page=page: search(page, words) for page in pages]


def _require_trainings(server: Server) -> None:
    """Raise RuntimeError unless the trainings ran until the last click."""
    running = [
        job for job in JobStore(server.home / "jobs", max_finished=100).list_jobs("train") if job.state == "running"
    ]
    if len(running) != len(TRAININGS):
        raise RuntimeError(f"{len(running)} trainings were running at the end of {len(TRAININGS)}")


def _processor_seconds(server: Server) -> float:
    """Return CPU seconds of the server itself, without its children."""
    times = psutil.Process(server.process.pid).cpu_times()
    return times.user + times.system


async def _fill(browser: Browser, url: str, demo: str) -> Page:
    """Open the Train page filled in, before any training runs: from then on the page shows that training."""
    page = await visit(browser, f"{url}/train?demo={demo}")
    await page.get_by_role("spinbutton", name="Epochs").fill(EPOCHS)
    await page.keyboard.press("Enter")
    await rested(page)
    return page


async def _train(page: Page) -> None:
    await page.get_by_role("button", name="Train with these settings").click()
    await expect(page.get_by_role("button", name="Cancel")).to_be_visible()


async def _search(count: int, type_search: Search, at: int) -> tuple[float, bool]:
    """Search for the session's own tag or for all, in turn; returns seconds, and whether the result was wrong."""
    words, fitting = (_tag_of(count), count) if at % 2 == 0 else ("", EVERYTHING)
    seconds, shown = await type_search(words)
    return seconds, shown != fitting
