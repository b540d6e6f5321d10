"""Metrics: what happened is counted under its labels, in Prometheus' text format."""

import ast
import io
from functools import partial

import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.errors import InputError, RoundtripError, StorageFailed
from core.jobs import Jobs
from core.jobs.execution.driver import JobKind
from core.jobs.kinds import KINDS
from core.object_store import open_object_store
from core.settings import PROJECT
from core.telemetry import measurements
from core.telemetry.metrics import COUNTS, DURATIONS, STATES, Metrics
from core.worker.child_handle import Child
from tests.factories.route_requests import request_route
from tests.helpers import wait_until, wait_until_done


@pytest.fixture
def metrics(monkeypatch) -> Metrics:
    """Metrics that count what happens in this test."""
    monkeypatch.setattr(measurements, "_listeners", [])
    return Metrics()


def read(metrics: Metrics, name: str, **labels: str) -> float:
    """The value of a sample; 0 where nothing was counted."""
    families = text_string_to_metric_families(metrics.render([]).decode())
    samples = [sample for family in families for sample in family.samples if sample.name == f"roundtrip_{name}"]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def test_nothing_is_measured_where_nobody_listens(monkeypatch):
    monkeypatch.setattr(measurements, "_listeners", [])
    measurements.measure("no such metric", 1.0, of="nothing")


def test_every_metric_that_the_program_measures_is_known(metrics):
    """The names that stand in the sources, so that none is counted under a name that nobody declared."""
    named = {
        node.args[0].value
        for path in (PROJECT / "core").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "measure"
        if node.args and isinstance(node.args[0], ast.Constant)
    }
    assert named == {*DURATIONS, *COUNTS, *STATES}


def test_job_is_counted_with_its_wait_its_time_and_its_end(metrics, empty_jobs: Jobs, artifact):
    wait_until_done(empty_jobs, empty_jobs.verify([artifact.id]))
    wait_until(lambda: read(metrics, "job_seconds_count", kind="verify", state="done") == 1)
    assert read(metrics, "job_wait_seconds_count", kind="verify") == 1
    assert 0 <= read(metrics, "job_wait_seconds_sum", kind="verify") < 60
    assert 0 < read(metrics, "job_seconds_sum", kind="verify", state="done") < 60
    assert read(metrics, "errors_total") == 0


def test_job_that_fails_is_counted_with_its_error(metrics, empty_jobs: Jobs, run, monkeypatch):
    def fail(handle):
        raise InputError("It does not fit.")

    monkeypatch.setitem(KINDS, "verify", JobKind("verify", fail))
    job = empty_jobs.verify()
    assert empty_jobs.wait(job.id).state == "failed"
    wait_until(lambda: read(metrics, "errors_total", where="job", code="input") == 1)
    assert read(metrics, "job_seconds_count", kind="verify", state="failed") == 1


def test_request_to_a_child_is_counted_with_its_time_and_error(metrics, worker):
    with worker.open() as child, pytest.raises(RoundtripError) as caught:
        child.request("no_such_task", seconds=60)
    assert read(metrics, "child_request_seconds_count", task="no_such_task") == 1
    assert read(metrics, "errors_total", where="child", code=caught.value.code) == 1


def test_children_are_counted_while_they_are_open_each_once(metrics, config, tmp_path):
    open_ = partial(read, metrics, "children_open")
    free, confined = (
        Child(io.BytesIO(), io.BytesIO(), lambda: None, config, file_exchange=exchange) for exchange in (None, tmp_path)
    )
    assert (open_(confined="false"), open_(confined="true")) == (1, 1)
    free.close()
    free.close()
    assert (open_(confined="false"), open_(confined="true")) == (0, 1)
    confined.close()
    assert open_() == 0


def test_store_traffic_is_counted_in_bytes(metrics):
    store = open_object_store("memory:///")
    store.put_if_absent("a", b"12345")
    store.put_if_absent("a", b"123")  # which is not written
    store.put_stream("b", [b"12", b"34"])
    assert (store.get("a"), b"".join(store.stream("b"))) == (b"12345", b"1234")
    written, read_ = (read(metrics, "store_bytes_total", direction=name) for name in ("written", "read"))
    assert (written, read_) == (9, 9)


def test_cache_hits_and_misses_are_counted(metrics, empty_library, run):
    for _ in range(3):
        assert [stored.id for stored in empty_library.runs()] == [run.id]
    hits, misses = (read(metrics, "cache_requests_total", cache="runs", result=name) for name in ("hit", "miss"))
    assert (hits, misses) == (2, 1)


def test_active_jobs_are_counted_by_kind_and_state(metrics):
    text = metrics.render([("save", "running"), ("save", "running"), ("compare", "queued")]).decode()
    assert 'roundtrip_jobs{kind="save",state="running"} 2.0' in text
    assert 'roundtrip_jobs{kind="compare",state="queued"} 1.0' in text


def test_queues_of_a_team_are_measured_by_length_and_wait(metrics):
    text = metrics.render([], [("anywhere", 3, 1.5), ("alone", 1, 60.0)]).decode()
    assert 'roundtrip_queue_jobs{queue="anywhere"} 3.0' in text
    assert 'roundtrip_queue_oldest_seconds{queue="alone"} 60.0' in text


def test_route_serves_metrics_only_where_the_settings_say_so(metrics, monkeypatch, empty_jobs):
    assert request_route("/metrics").status == 404
    monkeypatch.setattr(
        "ui.routes.metrics.get_settings", lambda: empty_jobs.config.model_copy(update={"metrics": True})
    )
    monkeypatch.setattr("ui.routes.metrics.server_jobs", lambda: empty_jobs)
    monkeypatch.setattr("ui.routes.metrics.server_metrics", lambda: metrics)
    measurements.measure("job_wait_seconds", 0.2, kind="save")
    reply = request_route("/metrics")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert b'roundtrip_job_wait_seconds_bucket{kind="save",le="0.5"} 1.0' in reply.body


def test_route_of_metrics_says_what_failed_with_its_status(monkeypatch, empty_jobs):
    def fail() -> bytes:
        raise StorageFailed("The disk cannot be read.", cure="Check it.")

    settings = empty_jobs.config.model_copy(update={"metrics": True})
    monkeypatch.setattr("ui.routes.metrics.get_settings", lambda: settings)
    monkeypatch.setattr("ui.routes.metrics._render", fail)
    reply = request_route("/metrics")
    assert (reply.status, reply.body) == (503, b"The disk cannot be read. Check it.")
