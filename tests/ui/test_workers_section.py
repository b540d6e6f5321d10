"""Workers on the Health page: nothing on one machine, each with what it does in a team."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.library.permissions import Viewer
from core.queue import Announcement, QueueDatabase, Report, WorkerRegistry
from tests.factories.queue_team import WORKER_FACTS, Team
from tests.postgresql_server import new_database
from tests.ui.test_health_page import page_text, press_button


@pytest.fixture
def team(tmp_path: Path, postgresql: str) -> Iterator[Team]:
    """A team without a worker."""
    with new_database(postgresql) as url:
        yield Team(tmp_path, url)


def test_health_page_of_one_machine_says_nothing_of_workers(visit, empty_jobs):
    assert "Workers" not in [header.value for header in visit(empty_jobs, "health").header]


def test_health_page_of_a_team_says_how_to_start_a_worker(visit, team):
    text = page_text(visit(team.make_server(), "health"))
    assert "No worker answers**, so no job begins. Start one, on this or any machine: `roundtrip worker`." in text


def test_health_page_shows_a_worker_and_drains_it(visit, team):
    jobs, registry = team.make_server(), WorkerRegistry(QueueDatabase(team.database_url))
    registry.announce(
        "big-1", Announcement(name="big_box", packages={"keras": "3.15.1"}, **WORKER_FACTS), lost_seconds=60
    )
    job = jobs._start("echo", "An *echo*", {})
    registry.beat("big-1", Report(jobs=(job.id,), load=1.25, memory_used=0.5), None)
    app = visit(jobs, "health")
    assert not app.exception
    assert "1 worker**, 1 at work" in page_text(app)
    assert "earlier version" not in page_text(app)
    assert "**big_box** *An *echo**" in page_text(app)
    assert "load 1.2 on 4 processors, memory 50%" in page_text(app)
    assert "**Packages:** keras 3.15.1" in page_text(app)
    app = press_button(app, "Drain")
    assert [worker.asked for worker in registry.list_workers()] == ["drain"]
    assert "Drain" not in [button.label for button in app.button]


@pytest.mark.parametrize(
    ("facts", "shown", "is_said"),
    [
        ({"queues": "all", "child_memory": 6 * 10**9}, "**Takes:** all jobs", True),
        ({"queues": "click", "child_memory": 6 * 10**9}, "**Takes:** only what a person waits for", True),
        ({"queues": "bulk", "child_memory": 6 * 10**9}, "**Takes:** only what is done in bulk", True),
        ({}, "**Takes:** all jobs", False),  # of an earlier version, which did not say
    ],
)
def test_health_page_says_which_jobs_a_worker_takes(visit, team, facts: dict, shown: str, is_said: bool):
    registry = WorkerRegistry(QueueDatabase(team.database_url))
    registry.announce("big-1", Announcement(name="big", **WORKER_FACTS, **facts), lost_seconds=60)
    lines = page_text(visit(team.make_server(), "health")).splitlines()
    assert f"- {shown}" in lines
    assert [line for line in lines if "Memory for one model" in line] == [
        "- **Memory for one model:** 6.0\u00a0GB"
    ] * is_said


def test_person_who_signed_in_can_stop_no_worker(visit, team):
    jobs, registry = team.make_server(), WorkerRegistry(QueueDatabase(team.database_url))
    registry.announce("big-1", Announcement(name="big_box", **WORKER_FACTS), lost_seconds=60)
    app = visit(jobs.for_viewer(Viewer("p" + "1" * 24)), "health")
    assert [button.disabled for button in app.button if button.label in ("Drain", "Stop")] == [True, True]


def test_health_page_names_workers_that_keep_unused_files(visit, team):
    facts = WORKER_FACTS | {"knows_collections": False}
    registry = WorkerRegistry(QueueDatabase(team.database_url))
    registry.announce("big-1", Announcement(name="big_box", **facts), lost_seconds=60)
    text = page_text(visit(team.make_server(), "health"))
    assert "while workers of an earlier version run: big_box." in text
