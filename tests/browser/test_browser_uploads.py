"""Files that are sent from a page in pieces: over a line that breaks, over a reload, and where the server refuses."""

import contextlib
import hashlib
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.cut_line import cut_line
from tests.browser.page_helpers import TIMEOUT_MS, PagePool, choose_files, listen, switch_page, wait_for_page
from tests.browser.server import Server, serve
from tests.factories.warm_start import WarmProcess
from tests.helpers import wait_until

SIZE = 30_000_000
NO_ROOM = "The disk has no room for this file. Free some space."


@pytest.fixture
def broken_page(page_pool: PagePool) -> Iterator[Page]:
    """A page that may log what its tests bring about: requests that fail."""
    page = page_pool.take(1280, dark=False)
    yield page
    page_pool.put_back(page)


def open_import(page: Page, url: str) -> None:
    page.goto(f"{url}/import")
    wait_for_page(page, "Import a model")


def read_uploads(home: Path) -> set[str]:
    """The hashes of what lies in a home, whole or not."""
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in home.glob("uploads/u*/data")}


def is_piece(request: Request) -> bool:
    return request.method == "PATCH"


def read_offset(request: Request) -> int:
    """Where in its file a piece begins."""
    return int(request.headers["upload-offset"])


@pytest.mark.parametrize("is_restarted", [False, pytest.param(True, marks=pytest.mark.long)])
def test_upload_of_30_mb_goes_on_after_cuts_a_restart_and_a_reload(
    is_restarted: bool, server: Server, broken_page: Page, tmp_path: Path, warm_process: WarmProcess | None
):
    path, page = tmp_path / "large model.keras", broken_page
    content = random.Random(1).randbytes(SIZE)
    path.write_bytes(content)
    offsets: list[int] = []
    listen(page, "request", lambda request: offsets.append(read_offset(request)) if is_piece(request) else None)
    with cut_line() as line, contextlib.ExitStack() as stack:
        if is_restarted:
            server = stack.enter_context(serve(tmp_path / "store", warm=warm_process))
        line.mend(server.url)
        open_import(page, line.url)
        line.mend(server.url, limit=line.sent + 6_000_000)
        page.locator("input[type=file]").set_input_files(path)
        expect(page.get_by_text("30.0 MB", exact=True)).to_be_visible()
        expect(page.locator(".state")).to_contain_text("The connection is lost. It goes on by itself")
        if is_restarted:
            stack.close()
            server = stack.enter_context(serve(tmp_path / "store", warm=warm_process))
        line.mend(server.url, limit=line.sent + 8_000_000)
        wait_until(lambda: line.is_cut, TIMEOUT_MS / 1000)  # it went on by itself
        line.mend(server.url)
        page.reload()
        wait_for_page(page, "Import a model")
        expect(page.locator(".state")).to_contain_text("Choose the same file again, and it goes on from there.")
        choose_files(page, path)
        assert offsets == sorted(offsets)  # each break cost the piece that was on its way
        assert offsets.count(0) == 1
        assert hashlib.sha256(content).hexdigest() in read_uploads(server.home)
        page.get_by_role("button", name="Remove: large model.keras").click()
        expect(page.get_by_text("Sent.", exact=True)).to_have_count(0)
        page.goto("about:blank")  # before its server ends


def test_upload_that_the_server_refuses_says_so_and_can_be_resumed(server: Server, broken_page: Page, tmp_path: Path):
    path, page = tmp_path / "model.keras", broken_page
    path.write_bytes(os.urandom(1000))
    open_import(page, server.url)
    page.route("**/uploads", lambda route: route.fulfill(status=507, body=NO_ROOM), times=1)
    with page.expect_file_chooser() as chooser:
        page.locator("input[type=file]").focus()
        page.keyboard.press("Space")
    chooser.value.set_files(path)
    expect(page.get_by_text(NO_ROOM, exact=True)).to_be_visible()

    asked: list[str] = []

    def fail_once(route: Route) -> None:
        """A piece that arrives changed, then one of an upload that is not there any more."""
        asked.append(route.request.method)
        status = {1: 460, 3: 404}.get(len(asked))
        if status:
            route.fulfill(status=status, body="No.")
        else:
            route.continue_()

    page.route("**/uploads/u*", fail_once)
    page.get_by_role("button", name="Resume: model.keras").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Sent.", exact=True)).to_be_visible()
    assert asked == ["PATCH", "HEAD", "PATCH", "PATCH"]  # asked how much has come, then begun anew
    assert hashlib.sha256(path.read_bytes()).hexdigest() in read_uploads(server.home)
    page.get_by_role("button", name="Remove: model.keras").click()
    expect(page.get_by_text("Sent.", exact=True)).to_have_count(0)


def test_upload_goes_on_while_another_page_is_shown(server: Server, new_page: Callable[..., Page], tmp_path: Path):
    path, page = tmp_path / "model.onnx", new_page()
    path.write_bytes(os.urandom(1000))
    held: list[Route] = []
    page.route("**/uploads/u*", lambda route: held.append(route) if is_piece(route.request) else route.continue_())
    open_import(page, server.url)
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("button", name="Pause: model.onnx").click()
    expect(page.locator(".state")).to_have_text("Paused at 0.0 of 1.0 kB.")
    with page.expect_request(lambda request: request.method == "PATCH"):
        page.get_by_role("button", name="Resume: model.onnx").click()
    expect(page.locator(".state")).to_have_text("Sending: 0.0 of 1.0 kB")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("The file is still on its way.")).to_be_visible()
    switch_page(page, "formats")
    wait_for_page(page, "What survives in which format")
    with page.expect_response("**/uploads/u*"):
        held[-1].continue_()
    switch_page(page, "import")
    wait_for_page(page, "Import a model")
    expect(page.locator(".state")).to_have_text("Sent.")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("Nothing of the file was kept.")).to_be_visible()
    page.get_by_role("button", name="Import another").click()
    expect(page.get_by_text("Choose files, or drop them here")).to_be_visible()
    expect(page.locator(".state")).to_have_count(0)


def test_file_that_is_too_large_is_refused_before_anything_is_sent(server: Server, broken_page: Page, tmp_path: Path):
    path, page = tmp_path / "model.keras", broken_page
    with path.open("wb") as file:
        file.truncate(513_000_000)
    asked: list[str] = []
    listen(page, "request", lambda request: asked.append(request.url) if "/uploads" in request.url else None)
    open_import(page, server.url)
    page.locator("input[type=file]").set_input_files(path)
    expect(page.locator(".state")).to_have_text("It is larger than the 512 MB that can be sent.")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("Choose a file first.")).to_be_visible()
    assert asked == []
