"""The metrics of this process, and how they are written for Prometheus."""

from collections import Counter as Counts
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from core.telemetry.measurements import add_listener

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0)  # upper bounds of the buckets of durations
# What is measured, by the name that `measure` is given: of durations how they spread, of the rest the sum or the state.
DURATIONS = {
    "job_wait_seconds": ("From the start of a job to its first step.", ["kind"]),
    "queue_wait_seconds": ("From the start of a job to its worker.", ["queue"]),
    "job_seconds": ("How long a job ran.", ["kind", "state"]),
    "child_request_seconds": ("From a request to a child to its reply.", ["task"]),
}
COUNTS = {
    "errors": ("Errors that ended a job or a request to a child.", ["where", "code"]),
    "store_bytes": ("Bytes written to an object store, and read from it.", ["direction"]),
    "cache_requests": ("Requests to a cache that it answered (hit), and did not.", ["cache", "result"]),
}
STATES = {"children_open": ("Processes that are open to hold models.", ["confined"])}


class Metrics:
    """Counts every measurement from now on."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._durations = {
            name: Histogram(f"roundtrip_{name}", help_, labels, buckets=SECONDS, registry=registry)
            for name, (help_, labels) in DURATIONS.items()
        }
        self._counts = {
            name: Counter(f"roundtrip_{name}", help_, labels, registry=registry)
            for name, (help_, labels) in COUNTS.items()
        }
        self._states = {
            name: Gauge(f"roundtrip_{name}", help_, labels, registry=registry)
            for name, (help_, labels) in STATES.items()
        }
        add_listener(self._count)

    def _count(self, metric: str, value: float, labels: dict[str, str]) -> None:
        if metric in self._durations:
            self._durations[metric].labels(**labels).observe(value)
        elif metric in self._counts:
            self._counts[metric].labels(**labels).inc(value)
        else:
            self._states[metric].labels(**labels).inc(value)

    def render(self, active_jobs: Iterable[tuple[str, str]], queues: Iterable[tuple[str, int, float]] = ()) -> bytes:
        """Write all metrics in Prometheus' text format.

        Args:
            active_jobs: (kind, state) of each job that waits or runs.
            queues: the name of each queue of a team in which jobs wait, how many, and for how many seconds the first.
        """
        jobs = CollectorRegistry()
        jobs.register(_ActiveJobs(active_jobs))
        jobs.register(_Queues(queues))
        return generate_latest(jobs) + generate_latest(self.registry)


class _ActiveJobs(Collector):
    """Jobs that wait and that run now, by kind."""

    def __init__(self, active_jobs: Iterable[tuple[str, str]]):
        self._active_jobs = list(active_jobs)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        gauge = GaugeMetricFamily("roundtrip_jobs", "Jobs that wait and that run.", labels=["kind", "state"])
        for labels, count in sorted(Counts(self._active_jobs).items()):
            gauge.add_metric(labels, count)
        yield gauge


class _Queues(Collector):
    """What waits in the queues of a team."""

    def __init__(self, queues: Iterable[tuple[str, int, float]]):
        self._queues = list(queues)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        lengths = GaugeMetricFamily("roundtrip_queue_jobs", "Jobs that wait in a queue.", labels=["queue"])
        ages = GaugeMetricFamily(
            "roundtrip_queue_oldest_seconds", "For how long the first job of a queue has waited.", labels=["queue"]
        )
        for name, length, seconds in self._queues:
            lengths.add_metric([name], length)
            ages.add_metric([name], seconds)
        yield from (lengths, ages)
