"""Traces of jobs arrive at a collector that speaks OpenTelemetry, with each step below the job that it is part of."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from core.jobs.execution.job_handle import map_parallel
from core.telemetry import start_span, tracing
from tests.factories.queue_team import Team
from tests.helpers import wait_until, wait_until_done
from tests.postgresql_server import new_database

WAITED_NS = 300_000_000  # nanoseconds before there is a worker


@pytest.fixture
def collected(monkeypatch) -> Iterator[dict]:
    """Spans by name, as they arrive at a collector which is named by OpenTelemetry's own variable."""
    spans: dict = {}

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            for resource in request.resource_spans:
                spans.update((span.name, span) for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    tracing.get_provider.cache_clear()
    yield spans
    tracing.get_provider().shutdown()
    tracing.get_provider.cache_clear()
    server.shutdown()
    server.server_close()


def test_trace_of_a_job_holds_its_wait_and_its_end(collected, empty_jobs, artifact):
    job = wait_until_done(empty_jobs, empty_jobs.verify([artifact.id]))
    wait_until(lambda: tracing.get_provider().force_flush() and "job verify" in collected)
    root, wait = collected["job verify"], collected["wait for a slot"]
    attributes = {item.key: item.value.string_value for item in root.attributes}
    assert attributes == {"roundtrip.job": job.id, "roundtrip.state": "done"}
    assert (wait.parent_span_id, wait.trace_id, root.parent_span_id) == (root.span_id, root.trace_id, b"")
    assert root.start_time_unix_nano <= wait.end_time_unix_nano <= root.end_time_unix_nano


def test_trace_of_a_teams_job_begins_at_the_click(collected, tmp_path: Path, postgresql: str):
    """However long no worker took it: the trace is the worker's, and the wait is in it."""
    with new_database(postgresql) as url:
        team = Team(tmp_path, url)
        jobs = team.make_server()
        job = jobs._start("echo", "Echo", {})
        clicked = time.time_ns()
        wait_until(lambda: time.time_ns() > clicked + WAITED_NS)
        with team.running_node():
            wait_until_done(jobs, job)
        wait_until(lambda: tracing.get_provider().force_flush() and "job echo" in collected)
    root, wait = collected["job echo"], collected["wait for a slot"]
    assert wait.end_time_unix_nano - wait.start_time_unix_nano > WAITED_NS
    assert (wait.parent_span_id, wait.start_time_unix_nano) == (root.span_id, root.start_time_unix_nano)
    assert root.end_time_unix_nano >= wait.end_time_unix_nano


def test_steps_in_other_threads_stand_below_their_job(collected):
    def work(id_: str) -> None:
        with start_span(f"part {id_}"):
            pass

    with start_span("job save"):
        map_parallel(work, ["a", "b"], 2)
    assert tracing.get_provider().force_flush()
    root = collected["job save"].span_id
    assert (collected["part a"].parent_span_id, collected["part b"].parent_span_id) == (root, root)


def test_without_a_collector_nothing_is_traced(monkeypatch):
    for name in tracing.ENDPOINT_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    tracing.get_provider.cache_clear()
    with start_span("job save", job="j0000000001") as span:
        assert span is None
    assert tracing.get_provider.cache_info().currsize == 0
