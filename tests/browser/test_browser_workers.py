"""Drain and Stop on Health in a browser: the worker that is meant ends, and its job is done here or by another."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.page_helpers import wait_for_page
from tests.browser.server import Server, serve
from tests.factories.queue_team import Team
from tests.factories.warm_start import WarmProcess
from tests.helpers import wait_until
from tests.postgresql_server import new_database

NAMES = {"first", "second", "third"}
pytestmark = pytest.mark.long


@pytest.fixture
def team(tmp_path: Path, postgresql: str) -> Iterator[Team]:
    """A team without a worker."""
    with new_database(postgresql) as url:
        yield Team(tmp_path, url)


@pytest.fixture
def server(team: Team, warm_process: WarmProcess | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A web server of that team."""
    monkeypatch.setenv("ROUNDTRIP_DATABASE_URL", team.database_url)
    monkeypatch.setenv("ROUNDTRIP_STORE_URL", team.store_url)
    with serve(team.folder / "web", warm=warm_process) as served:
        yield served


def row_of(page: Page, worker: str) -> Locator:
    """What Health shows of one worker."""
    return page.get_by_test_id("stLayoutWrapper").filter(has=page.get_by_text(worker, exact=True)).last


def press(page: Page, worker: str, button: str) -> None:
    row_of(page, worker).get_by_role("button", name=button, exact=True).click()


def test_drain_and_stop_end_the_workers_that_are_meant(team: Team, server: Server, new_page, tmp_path: Path):
    page, jobs, until = new_page(), team.make_server(), tmp_path / "until"
    with contextlib.ExitStack() as stack:
        for name in NAMES:
            stack.enter_context(team.running_node(name, lost_seconds=20))
        job = jobs._start("wait", "A long job", {"until": str(until), "begun": str(tmp_path / "begun")})
        wait_until(lambda: any(job.id in worker.report.jobs for worker in team.workers()))
        (busy,) = (worker.announcement.name for worker in team.workers() if worker.report.jobs)
        idle, last = sorted(NAMES - {busy})
        page.goto(f"{server.url}/condition")
        wait_for_page(page, "Health")
        expect(row_of(page, busy)).to_contain_text("A long job")
        press(page, busy, "Drain")
        expect(row_of(page, busy).get_by_role("button", name="Drain", exact=True)).to_have_count(0)
        press(page, idle, "Stop")
        wait_until(lambda: {worker.announcement.name for worker in team.workers()} == {busy, last})
        assert jobs.job_store.read(job.id).state == "running"
        press(page, busy, "Stop")
        wait_until(lambda: {worker.announcement.name for worker in team.workers()} == {last})
        wait_until(lambda: any(job.id in worker.report.jobs for worker in team.workers()))
        until.touch()
        assert jobs.wait(job.id).state == "done"
        expect(page.get_by_text("1 worker", exact=True)).to_be_visible()
