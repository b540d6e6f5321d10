"""Untrusted uploads in a browser: refusals with their rule, and text of any kind shown as text and nothing else."""

import urllib.parse
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from core.errors import InputError
from core.library import Library
from tests.browser.page_helpers import choose_files, listen, take_screenshot, wait_for_page, wait_until_idle
from tests.browser.server import Server, serve
from tests.factories.invalid_keras_configs import CODE
from tests.factories.invalid_keras_files import PNG
from tests.factories.invalid_runtime_files import make_onnx_model
from tests.factories.untrusted_files import layer_config, make_keras_file, sequential_config
from tests.factories.warm_start import WarmProcess

pytestmark = pytest.mark.trust
MARKER = "the-secret-of-somebody-else-91bc"
MARKUP = "<img src=x onerror=alert(1)><b>b</b> [a](http://example.com) ![](http://example.com/p.png) http://example.com"
HOSTILE_NAME = "<img src=x onerror=alert(1)>](http://example.com)\u202e"
LAMBDA_MODEL = make_keras_file(sequential_config(layer_config("keras.layers", "Lambda", function=CODE)))
REJECTED_FILES = {
    f"{HOSTILE_NAME}picture.keras": (PNG, "unlike"),
    "zip.h5": (make_keras_file(), "unlike"),
    "one.keras": (b"P", "unlike"),
    f"lambda {MARKUP.replace('/', '')}.keras": (LAMBDA_MODEL, "config-code"),
}


@pytest.fixture(scope="module")
def isolated_server(tmp_path_factory: pytest.TempPathFactory, warm_process: WarmProcess | None) -> Iterator[Server]:
    """A server over an empty library; a secret stands in its surroundings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUNDTRIP_TEST_SECRET", MARKER)
        with serve(tmp_path_factory.mktemp("strangers") / "store", warm=warm_process) as server:
            yield server


def upload_file(page: Page, name: str, content: bytes, label: str = "") -> None:
    """Bring a file in as a person does."""
    choose_files(page, {"name": name, "mimeType": "application/octet-stream", "buffer": content})
    if label:
        page.get_by_label("Name", exact=True).fill(label)
    page.get_by_role("button", name="Import", exact=True).click()


def assert_nothing_injected(page: Page) -> None:
    """No element came of any text; the guard of every page sees requests and errors."""
    wait_until_idle(page)
    assert page.locator("img[src='x'], [onerror], script:text('alert')").count() == 0
    assert page.locator("[href*='example.com'], [src*='example.com']").count() == 0
    assert MARKER not in page.content()
    assert "\u202e" not in page.inner_text("body")


def test_import_page_shows_refusals_with_rule_and_escapes_uploads(
    isolated_server: Server, new_page: Callable[..., Page]
):
    page, request = new_page(), []
    listen(page, "dialog", lambda dialog: (request.append(dialog.message), dialog.dismiss()))
    page.goto(f"{isolated_server.url}/import")
    wait_for_page(page, "Import a model")
    for name, (content, rule) in REJECTED_FILES.items():
        upload_file(page, name, content)
        expect(page.get_by_text(f"Nothing of the file was kept. Rule: {rule}")).to_be_visible()
        assert_nothing_injected(page)
        take_screenshot(page, f"refused-{rule}")
        page.get_by_role("button", name="Import another").click()
        expect(page.get_by_text("Choose files, or drop them here")).to_be_visible()
        expect(page.get_by_text("Sent.", exact=True)).to_have_count(0)
    assert Library(isolated_server.home).ids() == []
    upload_file(page, f"{HOSTILE_NAME}good.onnx", make_onnx_model(ir_version=8).SerializeToString(), label=MARKUP)
    expect(page.get_by_text("What was checked", exact=True)).to_be_visible()
    expect(page.get_by_role("heading").filter(has_text="<img src=x onerror=alert(1)>")).to_be_visible()
    assert_nothing_injected(page)
    take_screenshot(page, "brought-in-with-markup")
    assert request == []
    assert MARKER not in isolated_server.log.read_text()
    assert "Traceback" not in isolated_server.log.read_text()


@pytest.mark.long
def test_pages_escape_untrusted_names_tags_notes_and_urls(isolated_server: Server, new_page: Callable[..., Page]):
    library = Library(isolated_server.home)
    (artifact,) = [id_ for id_ in library.ids() if id_.startswith("a")]
    library.annotate(artifact, note=MARKUP, tags=[MARKUP[:38], "=1+1", "../../etc"])
    library.annotate(library.artifact(artifact).run, name=f"../{MARKUP[:190]}", note=MARKUP)
    with pytest.raises(InputError):
        library.annotate(artifact, note="x" * 2**20)
    page, request = new_page(), []
    listen(page, "dialog", lambda dialog: (request.append(dialog.message), dialog.dismiss()))
    text = urllib.parse.quote(f"'\"{MARKUP}")
    for address in (
        "library",
        f"library?search={text}&tag={text}&order={text}&page=-1&artifact=../../x",
        f"inspect?artifact={artifact}",
        f"inspect?artifact={text}&beside=..%2F..%2Fetc&part={text}&tensor={text}",
        f"inspect?artifact={artifact}&part=Weights&tensor={text}",
        f"import?job={text}",
        f"library?search={'x' * 8_000}",
    ):
        page.goto(f"{isolated_server.url}/{address}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert_nothing_injected(page)
        expect(page.get_by_test_id("stException")).to_have_count(0)
    page.goto(f"{isolated_server.url}/library")
    wait_for_page(page, "Library")
    take_screenshot(page, "library-with-markup")
    assert request == []
    assert "Traceback" not in isolated_server.log.read_text()
