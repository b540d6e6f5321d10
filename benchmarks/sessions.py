"""Many people at once: twenty browser sessions click in one server while it trains two models."""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright, expect

from benchmarks.house import house, saved, trained
from benchmarks.many import many_artifacts
from benchmarks.measure import Row, Sample
from benchmarks.serving import WAIT, ours
from core.library import Library
from tests.browser.chromium import ARGUMENTS, get

SESSIONS = 20
CLICKS = 6  # of each session
TRAININGS = ("digits-cnn", "digits-mlp")
EPOCHS = "500"  # more than they get through; they end with their server
THINKS = 3.0  # seconds from one click of a person to the next, at the least


def measure() -> list[Row]:
    """Session n looks for a tag that n artifacts have, and then for all: what it is shown tells it from every other."""
    with house() as jobs, tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        saved(jobs, trained(jobs), "keras", "architecture")
        jobs.worker.close()
        home = Path(folder) / "store"
        many_artifacts(jobs.library, home, SESSIONS * (SESSIONS + 1) // 2)
        _tag(Library(home))
        with ours(home) as server:
            seconds, strange = asyncio.run(_click(server.url))
    p95 = statistics.quantiles(seconds, n=20)[-1]
    return [
        Row(
            f"{SESSIONS} sessions clicking, two trainings: p95 of a page's rerun",
            Sample((p95,)),
            at_most=2.0,
            note=f"median {statistics.median(seconds):.2g} s, most {max(seconds):.2g} s of {len(seconds)} clicks",
        ),
        Row("of these, answers that were another session's", Sample((float(strange),)), unit="clicks", at_most=0),
    ]


def _tag(library: Library) -> None:
    ids = iter([entry.id for entry in library.find()])
    for count in range(1, SESSIONS + 1):
        for _ in range(count):
            library.mark(next(ids), tags=[_tag_of(count)])


def _tag_of(count: int) -> str:
    return f"of-session-{count:02d}"


async def _click(url: str) -> tuple[list[float], int]:
    """Seconds of each click, and how many were answered with what another session had asked for."""
    expect.set_options(timeout=WAIT)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=get(), args=ARGUMENTS)
        trainings = [await _fill(browser, url, demo) for demo in TRAININGS]
        await asyncio.gather(*map(_train, trainings))
        people = [await _visit(browser, f"{url}/library") for _ in range(SESSIONS)]
        found = await asyncio.gather(*(_search(page, count) for count, page in enumerate(people, 1)))
        await browser.close()
    return [one for seconds, _ in found for one in seconds], sum(strange for _, strange in found)


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


async def _search(page: Page, count: int) -> tuple[list[float], int]:
    """Ask for one's own tag and for all, in turn, at a person's pace."""
    seconds, strange = [], 0
    all_of_them = SESSIONS * (SESSIONS + 1) // 2
    await asyncio.sleep(THINKS * count / SESSIONS)
    for at in range(CLICKS):
        words, fitting = (_tag_of(count), count) if at % 2 == 0 else ("", all_of_them)
        before = await _shown(page)
        started = time.perf_counter()
        await page.get_by_role("textbox", name="Search").or_(page.get_by_role("searchbox", name="Search")).fill(words)
        await page.keyboard.press("Enter")
        while (now := await _shown(page)) == before:
            await asyncio.sleep(0.01)
        await _rested(page)
        seconds.append(time.perf_counter() - started)
        strange += now != fitting
        await asyncio.sleep(max(0.0, THINKS - seconds[-1]))
    return seconds, strange


async def _shown(page: Page) -> int:
    """How many artifacts the page says that it shows."""
    said = await page.get_by_text("Select rows to compare").first.inner_text()
    return int(said.split(" artifact")[0].replace(",", ""))
