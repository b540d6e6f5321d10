"""The secret by which the servers of a team sign: the same at all of them, and another in another team."""

import os
import sys
from collections.abc import Callable

import pytest

from core.cli import serve
from core.queue import QueueDatabase, read_cookie_secret
from tests.factories.queue_team import Team


@pytest.fixture
def start_server(team: Team, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """A function that starts a server on a machine of that name, up to where Streamlit takes over."""

    def start(machine: str) -> list[str]:
        commands: list[list[str]] = []
        monkeypatch.setattr("core.cli.serve.get_settings", lambda: team.config(machine))
        monkeypatch.setattr("core.object_store.team_library.get_settings", lambda: team.config(machine))
        monkeypatch.setattr(os, "execv", lambda program, command: commands.append(command))
        serve.serve(port=8599)
        return commands[0]

    return start


def test_secret_is_the_same_at_all_servers_of_a_team(team: Team, start_server, monkeypatch: pytest.MonkeyPatch):
    secrets = []
    for machine in ("one", "other"):
        monkeypatch.setenv(serve.COOKIE_SECRET, "")
        assert start_server(machine)[:4] == [sys.executable, "-m", "streamlit", "run"]
        secrets.append(os.environ[serve.COOKIE_SECRET])
    assert secrets == [read_cookie_secret(QueueDatabase(team.database_url))] * 2
    assert len(secrets[0]) == 64


def test_secret_that_is_set_stays(team: Team, start_server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(serve.COOKIE_SECRET, "of our own")
    start_server("one")
    assert os.environ[serve.COOKIE_SECRET] == "of our own"
