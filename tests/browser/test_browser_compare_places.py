"""Compare in a browser with a copy that answers in another environment, really built: chosen, asked, and looked at."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.environments import get_environment
from core.environments.build import build_environment
from core.errors import NotBuilt
from core.settings import Settings
from tests.browser.page_helpers import resize, take_screenshot, wait_for_address, wait_for_page, wait_until_idle
from tests.browser.server import serve
from tests.factories.warm_start import WarmProcess


@pytest.mark.long
def test_compare_page_asks_a_copy_in_another_environment(
    copied_entries: Callable,
    config: Settings,
    shared_folder: Path,
    new_page: Callable[..., Page],
    warm_process: WarmProcess | None,
    monkeypatch: pytest.MonkeyPatch,
):
    jobs, _, artifacts = copied_entries("digits-mlp", "onnx", "keras")
    environments = shared_folder / "environments"
    monkeypatch.setenv("ROUNDTRIP_ENVIRONMENTS", str(environments))
    try:
        build_environment(config.model_copy(update={"environments": environments}), get_environment("tract"))
    except NotBuilt as error:
        pytest.skip(f"no package index can be reached: {error.sentence}")
    with serve(jobs.library.home, warm=warm_process) as server:
        page = new_page()
        page.goto(f"{server.url}/compare?artifact={artifacts['onnx']}&artifact={artifacts['keras']}")
        wait_for_page(page, "Compare")
        page.locator("summary", has_text="Ask them in other environments, too").click()
        expect(page.get_by_text("ONNX, also in")).to_be_visible()
        page.get_by_role("combobox", name="ONNX, also in").click()
        page.get_by_role("option", name="tract 0.23", exact=True).click()
        wait_for_address(page, f"in-{artifacts['onnx']}=tract")
        card = page.locator(f"[class*=st-key-verdict-{artifacts['onnx']}]").filter(has_text="ONNX, in tract 0.23")
        expect(card.get_by_text("Same answers (rounding only)").first).to_be_visible()
        expect(card.get_by_text("Answered in tract 0.23 (python 3").first).to_be_visible()
        page.keyboard.press("Escape")
        wait_until_idle(page)
        take_screenshot(page, "compare-places-1280")
        resize(page, 390, False)
        take_screenshot(page, "compare-places-390")
        page.goto("about:blank")
