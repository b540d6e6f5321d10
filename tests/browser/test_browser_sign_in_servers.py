"""People sign in at one of two web servers behind HAProxy, which is lost then: they stay who they are."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from core.jobs import Jobs
from core.library.permissions import Viewer
from core.settings import Settings
from core.worker import Worker
from tests.access.openid_provider import PEOPLE, OpenIdProvider, run_provider
from tests.browser.page_helpers import TIMEOUT_MS, PagePool, take_screenshot, wait_for_page, wait_until_idle
from tests.browser.server import free_port
from tests.browser.team import ServedTeam, find_server, go_to_server, serve_team, team_variables
from tests.factories.private_entries import PrivateEntries, make_private_entries
from tests.factories.warm_start import WarmProcess
from tests.haproxy import find_haproxy
from tests.helpers import wait_until
from tests.postgresql_server import new_database

HOME = "Save a model. Reload it. See what came back."
pytestmark = [
    pytest.mark.trust,
    pytest.mark.long,
    pytest.mark.skipif(not find_haproxy(), reason="needs haproxy"),
]


class SignInTeam(NamedTuple):
    """A team whose people sign in, and what Ada keeps in its library."""

    served: ServedTeam
    shared: PrivateEntries
    private: PrivateEntries


@pytest.fixture
def team(
    tmp_path: Path, postgresql: str, warm_process: WarmProcess | None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SignInTeam]:
    """Two servers, and nobody who works."""
    address, secrets = f"127.0.0.1:{free_port()}", tmp_path / "secrets.toml"
    with new_database(postgresql) as database_url, run_provider() as provider:
        for name, value in team_variables(tmp_path, database_url).items():
            monkeypatch.setenv(name, value)
        secrets.write_text(provider.secrets("of these tests", f"http://{address}"))
        entries = [make_entries_of_ada(tmp_path, provider, number) for number in (1, 2)]
        options = ("--secrets.files", str(secrets))
        with serve_team(tmp_path, warm_process, address, options, has_worker=False) as served:
            yield SignInTeam(served, *entries)


def make_entries_of_ada(folder: Path, provider: OpenIdProvider, number: int) -> PrivateEntries:
    config = Settings(home=folder / "ada")
    jobs = Jobs(None, Worker(config), config)
    ada = jobs.for_viewer(Viewer.from_identity(provider.url, PEOPLE["Ada"][0], "Ada"))
    return make_private_entries(ada, f"Run {number} of Ada", job=f"j000000000{number}")


@pytest.fixture
def open_page(page_pool: PagePool) -> Iterator[Callable[[], Page]]:
    """A function that gives a page, which may log what its test brings about: a connection that breaks."""
    pages: list[Page] = []

    def take() -> Page:
        pages.append(page_pool.take(1280, dark=False))
        return pages[-1]

    yield take
    for page in pages:
        page_pool.put_back(page)


def begin_to_sign_in(page: Page, team: SignInTeam) -> None:
    """As far as the page of the provider."""
    page.goto(team.served.url)
    wait_for_page(page, "Sign in")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Who are you?")).to_be_visible()


def choose_person(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()
    wait_for_page(page, HOME)
    expect_person(page, name)


def expect_person(page: Page, name: str) -> None:
    expect(page.get_by_text(re.compile(rf"person\s*{name}$"))).to_be_visible()


def open_artifact(page: Page, team: SignInTeam, entries: PrivateEntries) -> None:
    page.goto(f"{team.served.url}/inspect?artifact={entries.artifact}")
    wait_until_idle(page)


def test_person_stays_signed_in_when_their_server_is_lost(team: SignInTeam, open_page: Callable[[], Page]):
    ada, bo = open_page(), open_page()
    begin_to_sign_in(ada, team)
    choose_person(ada, "Ada")
    lost = find_server(ada)
    go_to_server(bo, team.served, lost)
    begin_to_sign_in(bo, team)
    team.served.servers[lost].process.kill()
    wait_until(lambda: find_server(ada) != lost, TIMEOUT_MS / 1000)
    wait_for_page(ada, HOME)
    expect_person(ada, "Ada")
    open_artifact(ada, team, team.shared)
    ada.get_by_text("Private: only you").click()
    expect(ada.get_by_text("Shared with everybody who signs in")).to_be_visible()
    take_screenshot(ada, "shared-at-the-other-server")
    choose_person(bo, "Bo")  # whose sign-in began at the server that is lost
    assert find_server(bo) != lost
    open_artifact(bo, team, team.shared)
    expect(bo.get_by_text("Shared with you. Only the person who made it can change it.")).to_be_visible()
    expect(bo.get_by_text("Run 1 of Ada", exact=True)).to_be_visible()
    open_artifact(bo, team, team.private)
    expect(bo.get_by_text(f"Not in the library any more, or never was: {team.private.artifact}")).to_be_visible()
    expect(bo.get_by_text("Run 2 of Ada")).to_have_count(0)
