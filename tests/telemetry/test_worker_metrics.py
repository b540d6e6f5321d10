"""Metrics of a worker of a team, which it serves itself."""

import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.errors import InputError
from core.telemetry import measurements
from core.telemetry.serving import serve_metrics
from tests.factories.queue_team import Team
from tests.helpers import wait_until, wait_until_done
from tests.postgresql_server import new_database


@pytest.fixture(autouse=True)
def _no_other_listeners(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurements, "_listeners", [])


def read_samples(url: str) -> dict[tuple[str, ...], float]:
    """The value of each sample that is served, by its name and the values of its labels."""
    with urllib.request.urlopen(url, timeout=30) as reply:
        families = text_string_to_metric_families(reply.read().decode())
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def test_worker_serves_how_long_its_jobs_waited_and_ran(tmp_path: Path, postgresql: str):
    with new_database(postgresql) as database_url, serve_metrics("0") as url:
        team = Team(tmp_path, database_url)
        jobs = team.make_server()
        with team.running_node():
            for _ in range(2):
                wait_until_done(jobs, jobs._start("echo", "Echo", {}))
            count = ("roundtrip_job_seconds_count", "echo", "done")
            wait_until(lambda: read_samples(url).get(count) == 2)
        samples = read_samples(url)
    waits = {name[1:]: value for name, value in samples.items() if name[0] == "roundtrip_queue_wait_seconds_count"}
    assert waits == {("anywhere",): 2}
    assert 0 < samples["roundtrip_job_seconds_sum", "echo", "done"] < 60
    assert samples["roundtrip_job_wait_seconds_count", "echo"] == 2


def test_metrics_are_served_until_the_end_and_no_longer():
    with serve_metrics("0") as url:
        measurements.measure("store_bytes", 5, direction="read")
        assert url.startswith("http://127.0.0.1:")
        assert read_samples(url)["roundtrip_store_bytes_total", "read"] == 5
    with pytest.raises(urllib.error.URLError):
        read_samples(url)


def test_metrics_are_served_at_the_address_that_is_given():
    with serve_metrics("localhost:0") as url:
        assert url.startswith("http://localhost:")
        assert read_samples(url) == {}


@pytest.mark.parametrize("where", ["", "http", "-1", "65536", "127.0.0.1", "127.0.0.1:", "9100 "])
def test_what_is_no_port_is_refused_with_an_example(where: str):
    with pytest.raises(InputError, match="no port to serve metrics at") as caught, serve_metrics(where):
        pass
    assert (caught.value.received, "0.0.0.0:9100" in str(caught.value.cure)) == (where, True)


def test_port_that_is_taken_is_refused_with_the_reason():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(InputError, match="Address already in use") as caught, serve_metrics(where):
            pass
    assert (caught.value.received, caught.value.cure) == (where, "Give a free port, and an address of this machine.")
