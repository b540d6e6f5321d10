"""A drawn digit predicted by ten loaded copies: from the end of a stroke until the bars are redrawn."""

import statistics
import time

from playwright.sync_api import Page

from benchmarks.house import house, saved, trained
from benchmarks.measure import Row, Sample
from benchmarks.serving import chromium, new_page, ours, painted
from core.jobs import Jobs

FORMATS = (
    "saved_model",
    "keras",
    "h5",
    "checkpoint",
    "weights",
    "onnx",
    "litert",
    "litert_float16",
    "openvino",
    "keras_export",
)
DRAWINGS = 12
SETTLED = 2500  # milliseconds after a stroke in which its last redrawing is looked for

# The time from the last pointerup until the bars last changed, in milliseconds.
WATCH = """milliseconds => new Promise(done => {
    const bars = () => [...document.querySelectorAll('[class*=st-key-panel-bars] .point path')]
        .map(path => path.getAttribute('d')).join();
    let seen = bars(), last = null;
    const began = performance.now();
    const look = () => {
        const now = bars();
        if (now && now !== seen) { seen = now; last = performance.now(); }
        if (performance.now() - began < milliseconds) requestAnimationFrame(look);
        else done(last === null ? null : last - window.lifted);
    };
    look();
})"""
NOTE_LIFTING = "window.addEventListener('pointerup', () => { window.lifted = performance.now(); }, true)"


def measure() -> list[Row]:
    """Two rows: the time seen in the browser, and the part of it that the children need to predict."""
    with chromium() as browser, house() as jobs:
        run = trained(jobs, epochs=5)
        ids = saved(jobs, run, *FORMATS)
        asking = _ask_children(jobs, ids)
        jobs.worker.close()
        with ours(jobs.library.home) as server, new_page(browser) as page:
            address = "&".join(f"artifact={id_}" for id_ in ids)
            seen = _draw(page, f"{server.url}/compare?ask=drawn&{address}")
    count = len(ids)
    return [
        Row(f"a drawn digit answered by {count} loaded copies, stroke end to bars redrawn", seen, at_most=0.4),
        Row(f"of that, asking {count} children", asking, at_most=0.1),
    ]


def _ask_children(jobs: Jobs, ids: list[str]) -> Sample:
    panel = jobs.create_live_session(ids)
    inputs = jobs.library.reference(jobs.library.artifact(ids[0]).run).head(1).inputs
    panel.predict(inputs)
    times = []
    for _ in range(DRAWINGS):
        started = time.perf_counter()
        answers = panel.predict(inputs)
        times.append(time.perf_counter() - started)
        assert all(answer.error is None for answer in answers.values()), answers
    panel.close()
    return Sample(tuple(times))


def _draw(page: Page, address: str) -> Sample:
    page.goto(address)
    painted(page, "Compare")
    page.evaluate(NOTE_LIFTING)
    canvas = page.locator(".pad svg").first
    canvas.wait_for()
    times = [_stroke(page, canvas.bounding_box(), turn) for turn in range(DRAWINGS + 1)]
    good = [item / 1000 for item in times[1:] if item is not None]  # the first loads the copies
    if len(good) < DRAWINGS / 2:
        raise RuntimeError(f"The bars were redrawn after {len(good)} of {DRAWINGS} strokes only")
    assert statistics.median(good) > 0
    return Sample(tuple(good))


def _stroke(page: Page, box: dict[str, float], turn: int) -> float | None:
    """Draw a stroke downward, further right each turn; returns milliseconds until its bars were last redrawn."""
    x = box["x"] + box["width"] * (0.3 + 0.03 * turn)
    page.mouse.move(x, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(x + 8, box["y"] + box["height"] * 0.8, steps=6)
    page.mouse.up()
    return page.evaluate(WATCH, SETTLED if turn else 30_000)
