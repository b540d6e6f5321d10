"""A copy answers in the visitor's own browser: beside the server, and without it. Nothing leaves the machine."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from core.browser_runtimes import require_runtimes
from core.demos.drawing import center_digit, render_strokes
from core.errors import PackageMissing
from tests.browser.chromium import BROWSER_ARGUMENTS, find_or_install_browser
from tests.browser.page_helpers import VIEWPORTS, check_accessibility, check_fit, wait_for_page, wait_until_idle
from tests.browser.server import Server
from ui.routes.browser_runtimes import worker_url

pytestmark = pytest.mark.timeout(400)
START, STOP = "Answer in this browser", "Stop the server's answers"
GPU_MS = 150_000  # milliseconds for a GPU that Chromium computes itself
GPU_ARGUMENTS = [argument for argument in BROWSER_ARGUMENTS if argument != "--disable-gpu"] + [
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
    "--ignore-gpu-blocklist",
]
THREE = [(300, 200), (500, 150), (700, 250), (650, 450), (450, 500), (650, 600), (700, 800), (500, 880), (300, 800)]
ONE = [(500, 100), (500, 900)]


@pytest.fixture(scope="module")
def runtimes() -> None:
    """The runtimes are here."""
    try:
        require_runtimes()
    except PackageMissing as error:
        pytest.skip(str(error))


@pytest.fixture
def drawn_page(
    runtimes: None, populated_server: Server, saved: Callable[[str, str], dict], new_page: Callable[..., Page]
) -> Page:
    """Compare with the canvas, on an ONNX copy of digits."""
    page = new_page()
    page.goto(f"{populated_server.url}/compare?ask=drawn&artifact={saved('digits-mlp', 'onnx')['artifact']}")
    wait_for_page(page, "Compare")
    return page


def draw(page: Page, points: list[tuple[int, int]]) -> None:
    """Draw one stroke on the panel's canvas, in thousandths of the sheet."""
    sheet = page.locator(".pad svg").last
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    at = [(box["x"] + x / 1000 * box["width"], box["y"] + y / 1000 * box["height"]) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point, steps=2)
    page.mouse.up()


def bars(page: Page, side: str) -> list[str]:
    return page.locator(f".bars .{side} .number").all_inner_texts()


def message(page: Page) -> Locator:
    return page.locator(".answers .message")


def test_browser_answers_beside_the_server_and_goes_on_without_it(drawn_page: Page):
    page = drawn_page
    draw(page, THREE)
    page.get_by_role("button", name=START).click()
    expect(message(page)).to_have_text(re.compile(r"^Both answer \d\.$"))
    expect(page.get_by_text("beside the server on the same 64 test examples")).to_be_visible()
    expect(page.get_by_text(re.compile(r"Bit-identical|Same answers \(rounding only\)")).first).to_be_visible()
    wait_until_idle(page)
    expect(page.locator(".difference")).to_have_text(re.compile(r"^Same input"))
    assert bars(page, "left") == bars(page, "right")
    stopped = bars(page, "left")
    page.get_by_role("checkbox", name=STOP).check()
    page.get_by_role("button", name="Clear", exact=True).last.click()
    draw(page, ONE)
    expect(message(page)).to_have_text(re.compile(r"^The server is silent\. This browser answers \d\.$"))
    expect(page.locator(".bars .right .number").nth(3)).not_to_have_text(stopped[3])
    assert bars(page, "left") == stopped
    page.get_by_role("checkbox", name=STOP).uncheck()  # what was drawn meanwhile is asked now
    expect(page.locator(".difference")).to_have_text(re.compile(r"^Same input"))
    assert bars(page, "left") == bars(page, "right") != stopped
    page.get_by_role("checkbox", name=STOP).check()
    wait_until_idle(page)
    page.context.set_offline(True)  # no server at all
    one = bars(page, "right")
    draw(page, THREE)
    expect(page.locator(".bars .right .number").nth(3)).not_to_have_text(one[3])
    assert bars(page, "left") == one
    page.context.set_offline(False)


def test_drawing_in_the_browser_is_the_picture_of_the_server(
    populated_server: Server, new_page: Callable[..., Page], runtimes: None
):
    page = new_page()
    page.goto(f"{populated_server.url}/health")
    module = populated_server.url + worker_url().replace("worker.js", "drawing.mjs")
    script = "async ([module, strokes, shape]) => Array.from((await import(module)).centerDigit(strokes, shape))"
    drawings = [[[x for point in points for x in point]] for points in (THREE, ONE)]
    drawings += [[[200, 300, 800, 300, 400, 900]], [[500, 500]], [[100, 100, 900, 900], [900, 100, 100, 900]]]
    for shape, most in (((8, 8), 1 / 16), ((28, 28), 0.2)):
        for strokes in drawings:
            ours = np.array(page.evaluate(script, [module, strokes, list(shape)])).reshape(shape)
            theirs = center_digit(render_strokes(strokes), shape)
            assert np.abs(ours - theirs).mean() < 0.01, (shape, strokes)
            assert np.abs(ours - theirs).max() <= most, (shape, strokes)
    blank = "async ([module, strokes]) => (await import(module)).centerDigit(strokes, [8, 8])"
    assert page.evaluate(blank, [module, []]) is None


@pytest.mark.long
@pytest.mark.parametrize(("width", "dark"), VIEWPORTS)
def test_panel_fits_and_is_accessible(drawn_page: Page, width: int, dark: bool):
    page = drawn_page
    draw(page, THREE)
    page.get_by_role("button", name=START).click()
    expect(page.get_by_text("beside the server on the same 64 test examples")).to_be_visible()
    check_fit(page, "in-browser", width, dark, check_accessibility)


@pytest.mark.long
def test_gpu_has_a_verdict_of_its_own_beside_the_processor(
    runtimes: None, browser: Browser, populated_server: Server, saved: Callable[[str, str], dict]
):
    with browser.browser_type.launch(executable_path=find_or_install_browser(), args=GPU_ARGUMENTS) as own:
        page = own.new_page()
        page.goto(f"{populated_server.url}/health")
        if not page.evaluate("async () => Boolean(await navigator.gpu?.requestAdapter())"):
            pytest.skip("This browser gives no WebGPU adapter, not even one of SwiftShader")
        page.goto(f"{populated_server.url}/compare?ask=drawn&artifact={saved('digits-mlp', 'onnx')['artifact']}")
        page.get_by_role("button", name=START).click()
        expect(page.get_by_text("on the processor, beside the server")).to_be_visible()
        page.get_by_role("radio", name="the GPU (WebGPU)").check()
        expect(page.get_by_text("on the GPU (WebGPU), beside the server")).to_be_visible(timeout=GPU_MS)
        expect(page.get_by_text("on the processor, beside the server")).to_be_visible()
        expect(page.get_by_text(re.compile("Same answers|Bit-identical")).nth(1)).to_be_visible()


@pytest.mark.long
def test_file_that_was_changed_is_not_run(drawn_page: Page):
    page = drawn_page
    page.route("**/download/*", lambda route: route.fulfill(body=b"another file", content_type="application/zip"))
    page.get_by_role("button", name=START).click()
    expect(page.get_by_text("This browser could not answer. The file that came is not the one")).to_be_visible()
    expect(page.get_by_role("button", name=START)).to_be_visible()
    page.unroute("**/download/*")


@pytest.mark.long
def test_page_of_a_copy_lets_its_file_answer_rows(
    runtimes: None, populated_server: Server, saved: Callable[[str, str], dict], new_page: Callable[..., Page]
):
    page = new_page()
    saved("two-in-two-out", "onnx")
    page.goto(f"{populated_server.url}/library?demo=two-in-two-out&format=onnx")
    wait_for_page(page, "Library")
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    page.mouse.click(box["x"] + 16, box["y"] + 53)
    page.get_by_text("Pull the plug: let this browser answer").click()
    page.get_by_role("button", name=START).click()
    expect(page.get_by_text(re.compile("beside the server on the same .* test examples"))).to_be_visible()
    page.get_by_label("Example").select_option("2")
    expect(message(page)).to_have_text(re.compile("^Both answer"))
