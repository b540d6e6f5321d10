"""Hosts that network namespaces cut off from the database or the store: nothing is done twice, nothing hangs."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from core.object_store.team_library import open_library
from core.settings import PROJECT, Settings
from tests.factories.isolated_host import DATABASE, STORE, IsolatedHost, isolated_host, relay, relayed_database
from tests.factories.library_entries import make_artifact, make_run
from tests.factories.queue_team import LOST_SECONDS, Team
from tests.helpers import wait_until
from tests.postgresql_server import new_database
from tests.queue.test_redelivery import begun_lines, waiting_request

MOST_SECONDS = 100  # that a page may wait for what does not answer

pytestmark = [pytest.mark.trust, pytest.mark.long]


@pytest.fixture
def host() -> Iterator[IsolatedHost]:
    with isolated_host() as item:
        yield item


def test_late_result_of_a_worker_that_was_cut_off_does_not_win(team: Team, tmp_path: Path, host: IsolatedHost):
    jobs = team.make_server()
    job = jobs._start("commit", "Commit", waiting_request(tmp_path))
    with relayed_database(team.database_url) as url:
        words = [str(tmp_path), url, "first", str(LOST_SECONDS), "small"]
        command = host.command(sys.executable, "-m", "tests.factories.queue_team", *words)
        with subprocess.Popen(command, cwd=PROJECT, env=os.environ | {"PYTHONPATH": str(PROJECT)}) as first:
            try:
                wait_until(lambda: begun_lines(tmp_path))
                host.cut(DATABASE)
                (tmp_path / "until").touch()  # it goes on to store its run, and has nobody to ask
                with team.running_node("second"):
                    end = jobs.wait(job.id)
                assert end.state == "done"
                host.mend(DATABASE)
                echo = jobs.wait(jobs._start("echo", "Echo", {}).id)  # which only it can do
                assert echo.result["process"] == first.pid
            finally:
                first.terminate()
                first.wait(60)
    assert len(begun_lines(tmp_path)) == 2
    assert jobs.job_store.read(job.id) == end
    assert [run.id for run in jobs.library.runs()] == [end.result["run"]]


def test_server_that_is_cut_off_from_store_or_database_says_so(
    postgresql: str, make_bucket: Callable[[], str], s3_address: str, tmp_path: Path, host: IsolatedHost
):
    near = urlsplit(s3_address)
    with new_database(postgresql) as database, relayed_database(database) as url:
        here = open_library(Settings(home=tmp_path / "here", database_url=database, store_url=make_bucket()))
        fetched, other = (make_artifact(here, make_run(here)).id for _ in range(2))
        with relay(STORE, lambda: socket.create_connection((near.hostname, near.port))) as port:
            variables = {
                "AWS_ENDPOINT_URL": f"http://{STORE}:{port}",
                "ROUNDTRIP_HOME": str(tmp_path / "there"),
                "ROUNDTRIP_DATABASE_URL": url,
                "ROUNDTRIP_STORE_URL": here.entries.store.address,
                "PYTHONPATH": str(PROJECT),
            }
            command = host.command(sys.executable, "-m", "tests.factories.team_reader")
            with subprocess.Popen(
                command, cwd=PROJECT, env=os.environ | variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            ) as server:
                try:
                    check_reader(server, host, fetched, other)
                finally:
                    server.kill()


def check_reader(server: subprocess.Popen[bytes], host: IsolatedHost, fetched: str, other: str) -> None:
    def ask(line: str) -> dict:
        server.stdin.write(f"{line}\n".encode())
        server.stdin.flush()
        return json.loads(server.stdout.readline())

    assert server.stdout.readline() == b"ready\n"
    files = ask(fetched)["answer"]
    listed = ask("")["answer"]
    assert {fetched, other} <= {*listed}
    host.cut(STORE)
    assert ask("")["answer"] == listed
    assert ask(fetched)["answer"] == files
    lost = ask(other)
    assert (lost.get("code"), lost["seconds"] < MOST_SECONDS) == ("storage", True), lost
    host.mend(STORE)
    assert ask(other)["answer"] == files
    host.cut(DATABASE)
    lost = ask("")
    assert (lost.get("code"), lost["seconds"] < MOST_SECONDS) == ("storage", True), lost
    host.mend(DATABASE)
    wait_until(lambda: "answer" in ask(""))
