"""Two web servers behind HAProxy: a person comes to any of them, and losing one costs a reconnect."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from core.library.storage import compute_sha256
from tests.browser.page_helpers import EPOCH, TIMEOUT_MS, PagePool, take_screenshot, wait_for_epoch, wait_for_page
from tests.browser.team import NAMES, ServedTeam, find_server, go_to_server, serve_team, team_variables
from tests.factories.warm_start import WarmProcess
from tests.haproxy import find_haproxy
from tests.helpers import wait_until
from tests.postgresql_server import new_database

EPOCHS = 100  # so many that the server is lost before the last

pytestmark = [pytest.mark.trust, pytest.mark.skipif(not find_haproxy(), reason="needs haproxy")]


@pytest.fixture
def team(
    tmp_path: Path, postgresql: str, warm_process: WarmProcess | None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ServedTeam]:
    with new_database(postgresql) as database_url:
        for name, value in team_variables(tmp_path, database_url).items():
            monkeypatch.setenv(name, value)
        with serve_team(tmp_path, warm_process) as served:
            yield served


@pytest.fixture
def page(page_pool: PagePool) -> Iterator[Page]:
    """A page that may log what its tests bring about: a connection that breaks."""
    item = page_pool.take(1280, dark=False)
    yield item
    page_pool.put_back(item)


def read_epoch(page: Page) -> int:
    """The epoch that the page shows."""
    match = EPOCH.search(page.get_by_test_id("stMain").inner_text())
    return int(match[1]) if match else 0


def test_page_whose_server_is_lost_comes_back_at_the_other_with_its_job(team: ServedTeam, page: Page, tmp_path: Path):
    send_a_file_by_two_servers(team, page, tmp_path)
    page.goto(f"{team.url}/train?demo=digits-mlp")
    wait_for_page(page, "Train a demo")
    page.get_by_role("spinbutton", name="Epochs").fill(str(EPOCHS))
    page.get_by_role("button", name="Train with these settings").click()
    wait_for_epoch(page)
    lost, seen = find_server(page), read_epoch(page)
    assert seen < EPOCHS
    team.servers[lost].process.kill()
    wait_until(lambda: find_server(page) != lost, TIMEOUT_MS / 1000)
    wait_until(
        lambda: read_epoch(page) > seen or "Done:" in page.get_by_test_id("stMain").inner_text(), TIMEOUT_MS / 1000
    )
    take_screenshot(page, "server-lost")
    expect(page.get_by_text("of the test examples right")).to_be_visible(timeout=2 * TIMEOUT_MS)
    page.get_by_role("button", name="Save it").click()
    wait_for_page(page, "Save a run")
    assert team.worker is not None
    assert team.worker.poll() is None


def send_a_file_by_two_servers(team: ServedTeam, page: Page, folder: Path) -> None:
    """Begin an upload at one server, and have its bytes go to the other, once its page is told of them."""
    path = folder / "model.keras"
    path.write_bytes(os.urandom(1000))
    page.goto(f"{team.url}/import")
    wait_for_page(page, "Import a model")

    (other,) = {*NAMES} - {find_server(page)}

    def send_to_other(route: Route) -> None:
        go_to_server(page, team, other)
        route.continue_()

    page.route("**/uploads/u*", send_to_other, times=1)
    page.locator("input[type=file]").set_input_files(path)
    expect(page.get_by_text("Sent.", exact=True)).to_be_visible()
    (part,) = folder.glob("objects/uploads/u*/parts/*")
    assert compute_sha256(part) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert not list(folder.glob("web*/uploads/*"))
    page.get_by_role("button", name="Remove: model.keras").click()
    expect(page.get_by_text("Sent.", exact=True)).to_have_count(0)
