"""A drawn digit answered by one ONNX copy: in the visitor's browser, beside the same copy on the server."""

from playwright.sync_api import Page

from benchmarks.house import house, saved, trained
from benchmarks.measure import Row, Sample
from benchmarks.serving import chromium, new_page, ours, painted
from core.browser_runtimes import fetch_runtimes
from core.settings import get_settings

DRAWINGS = 20  # of a round
ROUNDS = 2
SETTLED = {"left": 1500, "right": 500}  # milliseconds after a stroke in which the last change of a side is looked for

# Milliseconds from the last movement of the pen until the bars of a side last changed; None where they did not.
WATCH = """([side, milliseconds]) => new Promise(done => {
    const roots = [...document.querySelectorAll('*')].map(element => element.shadowRoot).filter(Boolean);
    const panel = roots.find(root => root.querySelector('.start'));
    const observer = new MutationObserver(() => { last = performance.now(); });
    let last = null, moved = null;
    const note = event => { if (event.buttons) moved = performance.now(); };
    window.addEventListener('pointermove', note, true);
    for (const bar of panel.querySelectorAll(`.bars .${side} .bar`)) observer.observe(bar, { attributes: true });
    window.addEventListener('pointerup', () => setTimeout(() => {
        observer.disconnect();
        window.removeEventListener('pointermove', note, true);
        done(last === null ? null : last - moved);
    }, milliseconds), { capture: true, once: true });
})"""


def measure() -> list[Row]:
    """One row: the 95th percentile of rounds of drawings. The browser answers beside the server, and then alone; its
    share of the processor is in both."""
    fetch_runtimes(get_settings().browser_runtimes)
    with chromium() as browser, house() as jobs:
        (copy,) = saved(jobs, trained(jobs, epochs=5), "onnx")
        jobs.worker.close()
        with ours(jobs.library.home) as server, new_page(browser) as page:
            _open(page, f"{server.url}/compare?ask=drawn&artifact={copy}")
            rounds = [(_draw_all(page, "left"), _draw_all(page, "right")) for _ in range(ROUNDS)]
    on_server, in_browser = (Sample(tuple(column)) for column in zip(*rounds, strict=True))
    label = f"a drawn digit to one ONNX copy's bars in the browser, 95th percentile of {DRAWINGS}"
    return [Row(label, in_browser, on_server, "the same copy's bars from the server", unit="ms", at_most=0.3)]


def _open(page: Page, address: str) -> None:
    page.goto(address)
    painted(page, "Compare")
    page.get_by_role("button", name="Answer in this browser").click()
    page.get_by_text("beside the server on the same").wait_for()


def _draw_all(page: Page, side: str) -> float:
    """The 95th percentile of milliseconds from a stroke to the bars of a side."""
    page.get_by_role("checkbox", name="Stop the server's answers").set_checked(side == "right")
    painted(page, "Compare")
    times = [_stroke(page, side, turn) for turn in range(DRAWINGS + 1)][1:]
    page.get_by_role("button", name="Clear", exact=True).last.click()
    seen = sorted(time for time in times if time is not None)
    if len(seen) < DRAWINGS * 0.8:
        raise RuntimeError(f"The bars were redrawn after {len(seen)} of {DRAWINGS} strokes only")
    return seen[int(0.95 * len(seen))]


def _stroke(page: Page, side: str, turn: int) -> float | None:
    """Draw a stroke downward, further right each turn."""
    sheet = page.locator(".pad svg").last
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    x = box["x"] + box["width"] * (0.2 + 0.03 * turn)
    page.evaluate(f"watch => {{ window.watched = ({WATCH})(watch) }}", [side, SETTLED[side]])
    page.mouse.move(x, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(x + 8, box["y"] + box["height"] * 0.8, steps=6)
    page.mouse.up()
    return page.evaluate("window.watched")
