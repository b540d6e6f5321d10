"""A copy answers in the visitor's own browser: beside the server, and without it. Nothing leaves the machine."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from core.browser_runtimes import require_runtimes
from core.errors import PackageMissing
from tests.browser.chromium import BROWSER_ARGUMENTS, find_or_install_browser
from tests.browser.page_helpers import (
    VIEWPORTS,
    check_accessibility,
    check_fit,
    click_row,
    find_box,
    wait_for_page,
    wait_until_idle,
)
from tests.browser.server import Server

# Of a test by itself: the models that the session shares may be trained and saved before it.
pytestmark = pytest.mark.timeout(600, func_only=True)
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
def open_drawn(
    runtimes: None, shared_server: Server, saved: Callable[[str, str], dict], new_page: Callable[..., Page]
) -> Callable[[str], Page]:
    """A function that opens Compare with the canvas, on a copy of digits in a format."""

    def open_format(format_key: str) -> Page:
        page = new_page()
        page.goto(f"{shared_server.url}/compare?ask=drawn&artifact={saved('digits-mlp', format_key)['artifact']}")
        wait_for_page(page, "Compare")
        return page

    return open_format


@pytest.fixture
def drawn_page(open_drawn: Callable[[str], Page]) -> Page:
    """Compare with the canvas, on an ONNX copy of digits."""
    return open_drawn("onnx")


def draw(page: Page, points: list[tuple[int, int]], sheet: int = -1) -> None:
    """Draw one stroke on a canvas, by default the panel's, in thousandths of the sheet."""
    pad = page.locator(".pad svg").nth(sheet)
    box = find_box(pad)
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


def answer_here(page: Page) -> None:
    """Have this browser answer what is drawn, and wait for the verdict."""
    page.get_by_role("button", name=START).click()
    expect(page.get_by_text("beside the server on the same 64 test examples")).to_be_visible()
    wait_until_idle(page)


def test_browser_answers_beside_the_server_and_without_it(drawn_page: Page):
    page = drawn_page
    draw(page, THREE)
    answer_here(page)
    expect(message(page)).to_have_text(re.compile(r"^Both answer \d\.$"))
    expect(
        page.get_by_text(re.compile(r"Bit-identical|Same answers \(rounding only\)")).filter(visible=True).first
    ).to_be_visible()
    expect(page.locator(".difference")).to_have_text(re.compile(r"^Same input"))
    stopped = bars(page, "left")
    assert stopped == bars(page, "right")
    page.get_by_role("checkbox", name=STOP).check()
    page.get_by_role("button", name="Clear", exact=True).last.click()
    draw(page, ONE)
    expect(message(page)).to_have_text(re.compile(r"^The server is silent\. This browser answers \d\.$"))
    expect(page.locator(".bars .right .number").nth(3)).not_to_have_text(stopped[3])
    assert bars(page, "left") == stopped


@pytest.mark.long
def test_server_answers_again_and_browser_goes_on_without_a_network(drawn_page: Page):
    page = drawn_page
    draw(page, THREE)
    answer_here(page)
    stopped = bars(page, "right")
    page.get_by_role("checkbox", name=STOP).check()
    page.get_by_role("button", name="Clear", exact=True).last.click()
    draw(page, ONE)
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


@pytest.mark.long
def test_litert_file_answers_the_blank_sheet_and_the_other_canvas(open_drawn: Callable[[str], Page]):
    page = open_drawn("litert_fixed")
    expect(page.get_by_text("Until you draw: the first test example.")).to_be_visible()
    answer_here(page)
    expect(message(page)).to_have_text(re.compile(r"^Both answer \d to the first test example\.$"))
    expect(
        page.get_by_text(re.compile(r"Bit-identical|Same answers \(rounding only\)")).filter(visible=True).first
    ).to_be_visible()
    assert bars(page, "left") == bars(page, "right")
    page.reload()
    wait_for_page(page, "Compare")
    draw(page, THREE, sheet=0)  # the page's own canvas, not the panel's
    wait_until_idle(page)
    answer_here(page)
    expect(message(page)).to_have_text(re.compile(r"^Both answer \d\.$"))


@pytest.mark.long
@pytest.mark.parametrize(("width", "dark"), VIEWPORTS)
def test_panel_fits_and_is_accessible(drawn_page: Page, width: int, dark: bool):
    page = drawn_page
    draw(page, THREE)
    answer_here(page)
    check_fit(page, "in-browser", width, dark, check_accessibility)


@pytest.mark.long
def test_gpu_has_a_verdict_of_its_own_beside_the_processor(
    runtimes: None, browser: Browser, shared_server: Server, saved: Callable[[str, str], dict]
):
    with browser.browser_type.launch(executable_path=find_or_install_browser(), args=GPU_ARGUMENTS) as own:
        page = own.new_page()
        page.goto(f"{shared_server.url}/health")
        if not page.evaluate("async () => Boolean(await navigator.gpu?.requestAdapter())"):
            pytest.skip("This browser gives no WebGPU adapter, not even one of SwiftShader")
        page.goto(f"{shared_server.url}/compare?ask=drawn&artifact={saved('digits-mlp', 'onnx')['artifact']}")
        page.get_by_role("button", name=START).click()
        expect(page.get_by_text("on the processor, beside the server")).to_be_visible()
        page.get_by_role("radio", name="the GPU (WebGPU)").check()
        expect(page.get_by_text("on the GPU (WebGPU), beside the server")).to_be_visible(timeout=GPU_MS)
        expect(page.get_by_text("on the processor, beside the server")).to_be_visible()
        verdicts = page.get_by_text(re.compile("Same answers|Bit-identical")).filter(visible=True)
        expect(verdicts.nth(1)).to_be_visible()


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
    runtimes: None, shared_server: Server, saved: Callable[[str, str], dict], new_page: Callable[..., Page]
):
    page = new_page()
    saved("two-in-two-out", "onnx")
    page.goto(f"{shared_server.url}/library?demo=two-in-two-out&format=onnx")
    wait_for_page(page, "Library")
    click_row(page, 0)
    page.get_by_text("Pull the plug: let this browser answer").click()
    page.get_by_role("button", name=START).click()
    expect(page.get_by_text(re.compile("beside the server on the same .* test examples"))).to_be_visible()
    page.get_by_label("Example").select_option("2")
    expect(message(page)).to_have_text(re.compile("^Both answer"))
