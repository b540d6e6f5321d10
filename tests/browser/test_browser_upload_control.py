"""The control that sends files, alone in a browser: what it asks of a server that we play, and what it keeps."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from core.settings import PROJECT
from tests.browser.page_helpers import PagePool

URL = "http://127.0.0.1:1/page"  # where nothing listens: every request is answered here
SCRIPT = "".join((PROJECT / "ui" / name).read_text(encoding="utf-8") for name in ("file_upload.js", "uploader.js"))
MARKUP = (PROJECT / "ui" / "uploader.html").read_text(encoding="utf-8")
PAGE = f"""<!doctype html><title>Control</title><main>{MARKUP}</main><script type="module">
window.waits = []  // the milliseconds of each, none of which is waited for
window.start = window.setTimeout
window.setTimeout = (act, milliseconds) => {{ waits.push(milliseconds); return start(act, 0) }}
{SCRIPT.replace("export default function", "window.show = function")}
</script>"""
FACTS = {"key": "k", "many": True, "suffixes": [], "bytes": 1000, "address": "/uploads", "cookie": "c", "gone": []}
FACTS |= {"label": "Files", "limits": "", "help": "", "tooLarge": ""}
ID = "u1"
POLLING_MS = 20  # by the clock: a browser that has nothing to paint may give no frame for long
SHOW = """data => show({
  parentElement: document.querySelector("main"), data, setStateValue: (_, told) => window.told = told
})"""

HOLD_PIECE = """() => {
  Blob.prototype.arrayBuffer = () => new Promise(go => window.read = go)
  const digest = crypto.subtle.digest.bind(crypto.subtle)
  crypto.subtle.digest = async (...given) => {
    const result = await digest(...given)
    start(() => window.hasGoneOn = true)  // when what waits for the hash has gone on
    return result
  }
}"""

Answer = Callable[[Route], None]


class PlayedServer:
    """What the control asked for, and how each method is answered."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.held: list[Route] = []
        self.answers: dict[str, Answer] = {
            "POST": self.begin,
            "PATCH": self.take,
            "DELETE": lambda r: r.fulfill(status=204),
        }

    def answer(self, route: Route) -> None:
        method = route.request.method
        self.asked.append(f"{method} {route.request.url.rpartition('/')[2]}")
        self.answers[method](route)

    def hold(self, route: Route) -> None:
        self.held.append(route)

    def begin(self, route: Route) -> None:
        route.fulfill(status=201, headers={"Location": f"/uploads/{ID}"})

    def take(self, route: Route) -> None:
        route.fulfill(status=204, headers={"Upload-Offset": str(len(route.request.post_data_buffer or b""))})


@pytest.fixture
def played() -> PlayedServer:
    return PlayedServer()


@pytest.fixture
def control(page_pool: PagePool, played: PlayedServer) -> Iterator[Page]:
    page = page_pool.take(1280, dark=False)
    page.route("**/page", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
    page.route("**/uploads**", played.answer)
    page.goto(URL)
    show(page)
    yield page
    page_pool.put_back(page)


def show(page: Page, generation: int = 0) -> None:
    """Draw the control as a run of its page does; what it tells stands in `window.told`."""
    page.evaluate(SHOW, FACTS | {"generation": generation, "files": {"whole": [], "pending": 0}})


def choose(page: Page, name: str) -> None:
    page.locator("input").set_input_files({"name": name, "mimeType": "", "buffer": b"content"})


def press(page: Page, verb: str, name: str) -> None:
    page.get_by_role("button", name=f"{verb}: {name}").click()


def read_told(page: Page) -> dict[str, Any]:
    return dict(json.loads(page.evaluate("JSON.stringify(window.told)")))


def test_session_that_is_lost_loses_no_file(control: Page, played: PlayedServer):
    """The next session begins at generation 0, whatever was used before."""
    show(control, 1)
    choose(control, "whole.keras")
    expect(control.locator(".state")).to_have_text("Sent.")
    played.answers["PATCH"] = played.hold
    with control.expect_request(lambda request: request.method == "PATCH"):
        choose(control, "next.keras")
    expect(control.locator(".state").last).to_contain_text("Sending")
    show(control, 0)
    assert read_told(control) == {"whole": [ID], "pending": 1}
    played.take(played.held[0])
    expect(control.locator(".state").last).to_have_text("Sent.")
    assert played.asked == ["POST uploads", f"PATCH {ID}"] * 2


def test_files_that_were_used_are_shown_no_more(control: Page, played: PlayedServer):
    choose(control, "whole.keras")
    expect(control.locator(".state")).to_have_text("Sent.")
    played.answers["PATCH"] = played.hold
    with control.expect_request(lambda request: request.method == "PATCH"):
        choose(control, "next.keras")
    expect(control.locator(".state").last).to_contain_text("Sending")
    with control.expect_response(lambda response: response.request.method == "DELETE"):
        show(control, 1)
    expect(control.locator(".state")).to_have_count(0)
    assert played.asked == ["POST uploads", f"PATCH {ID}"] * 2 + [f"DELETE {ID}"]


def test_upload_that_is_gone_each_time_is_refused_after_three_restarts(control: Page, played: PlayedServer):
    played.answers["PATCH"] = lambda route: route.fulfill(status=404, body="No.")
    choose(control, "a.keras")
    expect(control.locator(".state")).to_contain_text("whether its proxy sends all of an upload to servers that share")
    assert played.asked == ["POST uploads", f"PATCH {ID}"] * 4
    assert control.evaluate("waits") == [500, 1000, 2000]
    played.answers["PATCH"] = played.take
    press(control, "Resume", "a.keras")
    expect(control.locator(".state")).to_have_text("Sent.")


def test_pause_before_a_piece_has_gone_sends_none(control: Page, played: PlayedServer):
    control.evaluate(HOLD_PIECE)
    choose(control, "a.keras")
    control.wait_for_function("() => window.read", polling=POLLING_MS)
    press(control, "Pause", "a.keras")
    control.evaluate("() => read(new ArrayBuffer(7))")
    control.wait_for_function("() => window.hasGoneOn", polling=POLLING_MS)
    expect(control.locator(".state")).to_have_text("Paused at 0 of 7 B.")
    assert played.asked == ["POST uploads"]
    with control.expect_response(lambda response: response.request.method == "DELETE"):
        press(control, "Cancel", "a.keras")
    assert played.asked == ["POST uploads", f"DELETE {ID}"]


@pytest.mark.parametrize("verb", ["Cancel", "Pause"])
def test_upload_that_begins_after_its_run_has_ended_is_deleted(control: Page, played: PlayedServer, verb: str):
    played.answers["POST"] = played.hold
    with control.expect_request(lambda request: request.method == "POST"):
        choose(control, "a.keras")
    press(control, verb, "a.keras")
    with control.expect_response(lambda response: response.request.method == "DELETE"):
        played.begin(played.held[0])
    assert played.asked == ["POST uploads", f"DELETE {ID}"]
