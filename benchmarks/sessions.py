"""Many people at once: twenty browser sessions click at the same moment, again and again, in one server while it trains
two models. Half of them are on the Library page, half look into an artifact."""

import asyncio
import statistics
import tempfile
from pathlib import Path
from typing import NamedTuple

import psutil
from playwright.async_api import Browser, Page, async_playwright, expect

from benchmarks.house import house, saved, trained
from benchmarks.many import many_artifacts
from benchmarks.measure import Row, Sample
from benchmarks.serving import WAIT, ours
from core.library import Library
from core.library.journal import Journal
from tests.browser.chromium import ARGUMENTS, get
from tests.browser.server import Server

SESSIONS = 20
EVERYTHING = SESSIONS * (SESSIONS + 1) // 2  # artifacts: one with the tag of the first session, two with the second's …
ROUNDS = 8  # clicks of each session
TRAININGS = ("digits-cnn", "digits-mlp")
EPOCHS = "500"  # more than they get through; they end with their server
THINKS = 3.0  # seconds of a person between an answer and the next click

# From the moment at which the search changes until the page says how many artifacts fit it and its script has ended.
# The page itself looks, and only when it changes: asked from outside again and again, it would paint later.
ARM = """() => {
    const said = () => {
        for (const one of document.querySelectorAll('[data-testid=stCaptionContainer]')) {
            const found = one.textContent.match(/^([0-9,]+) artifacts?\\b/);
            if (found) return found[1];
        }
    };
    const before = said();
    window.answered = new Promise(done => {
        let started = null;
        document.addEventListener('input', () => { started ??= performance.now(); }, { capture: true, once: true });
        const watch = new MutationObserver(() => {
            const app = document.querySelector('[data-testid=stApp]');
            if (started === null || app.dataset.testScriptState !== 'notRunning') return;
            if ([before, undefined].includes(said())) return;
            watch.disconnect();
            done([(performance.now() - started) / 1000, Number(said())]);
        });
        watch.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
    });
}"""


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
        with ours(home) as server:
            found = asyncio.run(_click(server, first))
    p95 = statistics.quantiles(found.seconds, n=20)[-1]
    note = f"median {statistics.median(found.seconds):.2g} s, most {max(found.seconds):.2g} s of {len(found.seconds)}"
    return [
        Row(
            f"{SESSIONS} sessions clicking at once, two trainings: p95 of a page's rerun",
            Sample((p95,)),
            at_most=2.0,
            note=note,
        ),
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


async def _click(server: Server, first: str) -> Found:
    expect.set_options(timeout=WAIT)
    places = (f"{server.url}/library", f"{server.url}/inspect?artifact={first}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=get(), args=ARGUMENTS)
        people = [await _visit(browser, places[count % len(places)]) for count in range(SESSIONS)]
        trainings = [await _fill(browser, server.url, demo) for demo in TRAININGS]
        for page in trainings:
            await _train(page)
        before = _processor_seconds(server)
        clicks = []
        for at in range(ROUNDS):
            clicks += await asyncio.gather(*(_search(page, count, at) for count, page in enumerate(people, 1)))
            await asyncio.sleep(THINKS)
        took = _processor_seconds(server) - before
        _require_trainings(server)
        await browser.close()
    return Found([seconds for seconds, _ in clicks], sum(strange for _, strange in clicks), took)


def _require_trainings(server: Server) -> None:
    """Raises RuntimeError where the trainings did not run to the last click."""
    running = [job for job in Journal(server.home / "jobs", keep=100).all("train") if job.state == "running"]
    if len(running) != len(TRAININGS):
        raise RuntimeError(f"{len(running)} trainings were running at the end of {len(TRAININGS)}")


def _processor_seconds(server: Server) -> float:
    """Of the server itself, without its children."""
    times = psutil.Process(server.process.pid).cpu_times()
    return times.user + times.system


async def _visit(browser: Browser, url: str) -> Page:
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(WAIT)
    page = await context.new_page()
    await page.goto(url, wait_until="commit")
    await _rested(page)
    return page


async def _rested(page: Page) -> None:
    await expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
    await expect(page.get_by_test_id("stSkeleton")).to_have_count(0)


async def _fill(browser: Browser, url: str, demo: str) -> Page:
    """A training about to begin: once one runs, whoever opens the page is shown that one."""
    page = await _visit(browser, f"{url}/train?demo={demo}")
    await page.get_by_role("spinbutton", name="Epochs").fill(EPOCHS)
    await page.keyboard.press("Enter")
    await _rested(page)
    return page


async def _train(page: Page) -> None:
    await page.get_by_role("button", name="Train", exact=True).click()
    await expect(page.get_by_role("button", name="Cancel")).to_be_visible()


async def _search(page: Page, count: int, at: int) -> tuple[float, bool]:
    """Ask for one's own tag and for all, in turn: how long it took, and whether the answer was another's."""
    words, fitting = (_tag_of(count), count) if at % 2 == 0 else ("", EVERYTHING)
    await page.evaluate(ARM)
    await page.get_by_role("searchbox", name="Search").fill(words)
    await page.keyboard.press("Enter")
    seconds, shown = await page.evaluate("window.answered")
    return seconds, shown != fitting
