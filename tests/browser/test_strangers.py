"""What strangers send, in a browser: refusals with their rule, and text of any kind shown as text and nothing else."""

import urllib.parse
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from core.errors import InputError
from core.library import Library
from tests.browser.conftest import heading, picture, settled
from tests.browser.server import Server, serve
from tests.gate.makers import keras_file, layer, sequential
from tests.gate.makers_files import CODE, PNG
from tests.gate.makers_runtimes import onnx_model

pytestmark = pytest.mark.trust
MARKER = "the-secret-of-somebody-else-91bc"
MARKUP = "<img src=x onerror=alert(1)><b>b</b> [a](http://example.com) ![](http://example.com/p.png) http://example.com"
EVIL = "<img src=x onerror=alert(1)>](http://example.com)\u202e"
LAMBDA = keras_file(sequential(layer("keras.layers", "Lambda", function=CODE)))
BAD = {
    f"{EVIL}picture.keras": (PNG, "unlike"),
    "zip.h5": (keras_file(), "unlike"),
    "one.keras": (b"P", "unlike"),
    f"lambda {MARKUP.replace('/', '')}.keras": (LAMBDA, "config-code"),
}


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over an empty library; a secret stands in its surroundings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUNDTRIP_TEST_SECRET", MARKER)
        with serve(tmp_path_factory.mktemp("strangers") / "store") as one:
            yield one


def upload(page: Page, name: str, content: bytes, label: str = "") -> None:
    """Bring a file in as a person does."""
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(files=[file])
    expect(page.get_by_test_id("stFileChip")).to_have_count(1)
    if label:
        page.get_by_label("Name", exact=True).fill(label)
    page.get_by_role("button", name="Bring in", exact=True).click()


def require_nothing_injected(page: Page) -> None:
    """No element came of any text; the guard of every page sees requests and errors."""
    settled(page)
    assert page.locator("img[src='x'], [onerror], script:text('alert')").count() == 0
    assert page.locator("[href*='example.com'], [src*='example.com']").count() == 0
    assert MARKER not in page.content()
    assert "\u202e" not in page.inner_text("body")


def test_refusals_are_shown_with_their_rule_and_what_was_sent_is_only_text(
    strangers: Server, new_page: Callable[..., Page]
):
    page, asked = new_page(), []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.goto(f"{strangers.url}/bring-in")
    heading(page, "Bring in a model")
    for name, (content, rule) in BAD.items():
        upload(page, name, content)
        expect(page.get_by_text(f"Nothing of the file was kept. Rule: {rule}")).to_be_visible()
        require_nothing_injected(page)
        picture(page, f"refused-{rule}")
        page.get_by_role("button", name="Bring in another").click()
        expect(page.get_by_test_id("stFileChip")).to_have_count(0)
    assert Library(strangers.home).ids() == []
    upload(page, f"{EVIL}good.onnx", onnx_model(ir_version=8).SerializeToString(), label=MARKUP)
    expect(page.get_by_text("What was checked", exact=True)).to_be_visible()
    expect(page.get_by_role("heading").filter(has_text="<img src=x onerror=alert(1)>")).to_be_visible()
    require_nothing_injected(page)
    picture(page, "brought-in-with-markup")
    assert asked == []
    assert MARKER not in strangers.log.read_text()
    assert "Traceback" not in strangers.log.read_text()


@pytest.mark.long
def test_names_tags_notes_and_addresses_of_any_text_are_shown_as_text(strangers: Server, new_page: Callable[..., Page]):
    library = Library(strangers.home)
    (artifact,) = [id_ for id_ in library.ids() if id_.startswith("a")]
    library.annotate(artifact, note=MARKUP, tags=[MARKUP[:38], "=1+1", "../../etc"])
    library.annotate(library.artifact(artifact).run, name=f"../{MARKUP[:190]}", note=MARKUP)
    with pytest.raises(InputError):
        library.annotate(artifact, note="x" * 2**20)
    page, asked = new_page(), []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    said = urllib.parse.quote(f"'\"{MARKUP}")
    for address in (
        "library",
        f"library?search={said}&tag={said}&order={said}&page=-1&artifact=../../x",
        f"inspect?artifact={artifact}",
        f"inspect?artifact={said}&beside=..%2F..%2Fetc&part={said}&tensor={said}",
        f"inspect?artifact={artifact}&part=Weights&tensor={said}",
        f"bring-in?job={said}",
        f"library?search={'x' * 8_000}",
    ):
        page.goto(f"{strangers.url}/{address}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        require_nothing_injected(page)
        expect(page.get_by_test_id("stException")).to_have_count(0)
    page.goto(f"{strangers.url}/library")
    heading(page, "Library")
    picture(page, "library-with-markup")
    assert asked == []
    assert "Traceback" not in strangers.log.read_text()
