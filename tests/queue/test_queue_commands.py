"""The commands of a team: in processes of their own, as whoever sets one up types them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import PROJECT, get_settings
from tests.browser.server import free_port
from tests.factories.queue_team import Team
from tests.helpers import run_command, wait_until


def environment_of(team: Team, machine: str) -> dict[str, str]:
    return {
        "ROUNDTRIP_HOME": str(team.folder / machine),
        "ROUNDTRIP_DATABASE_URL": team.database_url,
        "ROUNDTRIP_STORE_URL": team.store_url,
        "ROUNDTRIP_WARM_SECONDS": "0",
    }


@pytest.fixture
def settings_of_team(team: Team, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if the variables of the team were set."""
    for name, value in environment_of(team, "here").items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@contextlib.contextmanager
def command_process(team: Team, machine: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command that runs until it is told to end, and is killed at the latest."""
    command, environment = [sys.executable, "-m", "core", *words], {**os.environ, **environment_of(team, machine)}
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_workers_are_listed_and_drained(team: Team, settings_of_team):
    assert run_command("workers", "--json") == (1, "[]\n", "")
    with team.running_node("box") as node:
        status, output, _ = run_command("workers", "--json")
        (row,) = json.loads(output)
        assert (status, row["id"], row["state"]) == (0, node.id, "idle")
        assert run_command("workers", "--drain", node.id)[0] == 0
        wait_until(lambda: not team.workers())
    status, _, errors = run_command("workers", "--stop", node.id)
    assert (status, errors.startswith("There is no such worker any more.")) == (1, True)
    assert run_command("workers", "--stop", "a", "--drain", "b")[2].startswith("It takes either --drain or --stop.")


@pytest.mark.parametrize("command", ["workers", "worker"])
def test_command_of_a_team_is_refused_on_one_machine(tmp_path, monkeypatch, command):
    monkeypatch.setenv("ROUNDTRIP_HOME", str(tmp_path))
    get_settings.cache_clear()
    try:
        status, _, errors = run_command(command)
    finally:
        get_settings.cache_clear()
    assert (status, "Set ROUNDTRIP_DATABASE_URL and ROUNDTRIP_STORE_URL" in errors) == (1, True)


@pytest.mark.long
def test_worker_of_another_home_trains_saves_and_compares(team: Team):
    port = free_port()
    with command_process(team, "worker", "worker", "--name", "box", "--metrics", str(port)) as worker:
        wait_until(lambda: [each.announcement.name for each in team.workers()] == ["box"])
        run = json.loads(ask(team, "train", "digits-mlp", "--json"))["run"]
        rows = json.loads(ask(team, "save", run, "keras", "h5", "--json"))
        artifacts = [row["artifact"] for row in rows]
        compared = json.loads(ask(team, "compare", *artifacts, "--json"))
        assert "bit-identical" in json.dumps(compared)
        file = next((team.folder / "worker" / "artifacts").glob("*/files/*.keras"))
        assert "bit-identical" in ask(team, "import", str(file), "--json")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as reply:
            assert 'roundtrip_job_seconds_count{kind="train",state="done"} 1.0' in reply.read().decode()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
    assert {path.name for path in (team.folder / "server" / "runs").iterdir()} >= {run}
    assert team.workers() == []


def ask(team: Team, *words: str) -> str:
    environment = {**os.environ, **environment_of(team, "server")}
    ended = subprocess.run(
        [sys.executable, "-m", "core", *words],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.long
def test_server_of_a_team_is_started_by_a_command(team: Team):
    port = free_port()
    with command_process(team, "server", "serve", "--port", str(port)):
        wait_until(lambda: is_served(f"http://127.0.0.1:{port}/health"))


def is_served(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as reply:
            return json.load(reply)["status"] == "ok"
    except (urllib.error.URLError, ConnectionError):
        return False


@pytest.mark.parametrize(
    "command",
    [pytest.param("serve", marks=pytest.mark.long), "worker", pytest.param("workers", marks=pytest.mark.long)],
)
def test_database_that_is_not_there_is_said_before_anything_starts(tmp_path: Path, command):
    (tmp_path / "objects").mkdir()
    team = Team(tmp_path, "postgresql://nobody@127.0.0.1:9/nowhere")
    with command_process(team, "here", command) as process:
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.count("\n")) == (1, 1)
    assert errors.startswith("The database does not answer.")
