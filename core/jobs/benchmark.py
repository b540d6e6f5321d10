"""Job: benchmark artifacts, one after another, each in fresh children, with nothing of ours beside them."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any, cast

import numpy as np
import psutil

from core.context import AppContext
from core.error_translation import translate
from core.errors import Cancelled, InputError, RoundtripError, WorkerError
from core.formats import get_format
from core.jobs.benchmark_result import (
    BATCH_SIZES,
    DEFAULT_REPEATS,
    MAX_REPEATS,
    TIMED_LIMITS,
    WARM_UP_LIMITS,
    ArtifactBenchmark,
    BatchLatency,
    BenchmarkMachine,
    BenchmarkResult,
    RepeatedMeasurement,
    describe_protocol,
)
from core.jobs.execution.job_handle import JobHandle, SourcedRequest
from core.jobs.participants import (
    artifact_request,
    describe_code_source,
    is_imported,
    resolve_code_sources,
    snapshot_request,
)
from core.library import Library
from core.library.job_store import Job
from core.library.records import Artifact
from core.settings import MB
from core.system import describe_machine
from core.versions import installed_versions
from core.worker import OutputFolder
from core.worker.child_handle import Child
from core.worker.protocol import Frame

CPU_SAMPLE_SECONDS = 0.5  # seconds over which the load of the machine is looked at
# For an estimate only: seconds until a fresh child is ready, and how much of the time for steady calls is used up.
FORK_SECONDS, SPAWN_SECONDS, STEADY_TIME_SHARE = 0.4, 15.0, 0.4


class BenchmarkRequest(SourcedRequest):
    artifacts: list[str]
    repeats: int


def build_benchmark_request(
    library: Library, artifacts: Iterable[str], sources: dict[str, str], repeats: int
) -> BenchmarkRequest:
    """Validate what `Jobs.benchmark` is given. Raises InputError, UnknownName."""
    ids = list(dict.fromkeys(artifacts))
    if not ids:
        raise InputError("No artifact was chosen.", cure="Choose at least one artifact to measure.")
    if not 1 <= repeats <= MAX_REPEATS:
        cure = f"Choose {DEFAULT_REPEATS}."
        raise InputError(f"A measuring is repeated 1 to {MAX_REPEATS} times.", received=repeats, cure=cure)
    return {"artifacts": ids, "sources": resolve_code_sources(library, ids, sources), "repeats": repeats}


def run_benchmark(handle: JobHandle) -> BenchmarkResult:
    """Benchmark every artifact. What fails for one is its own row's error."""
    request = cast(BenchmarkRequest, handle.request)
    handle.report_progress(note="Looking at the machine")
    with handle.worker.without_spares():
        machine = _describe_machine(handle)
        costs = {id_: _ArtifactJob(handle, id_, place).execute() for place, id_ in enumerate(request["artifacts"])}
    protocol = describe_protocol(request["repeats"], BATCH_SIZES)
    return BenchmarkResult(
        costs=costs, repeats=request["repeats"], batches=list(BATCH_SIZES), protocol=protocol, machine=machine
    )


def _describe_machine(handle: JobHandle) -> BenchmarkMachine:
    with _open_warm_child(handle) as child:
        threads = child.request("threads", **handle.limits).message["threads"]
    busy = psutil.cpu_percent(CPU_SAMPLE_SECONDS) / 100
    return BenchmarkMachine(**describe_machine(), threads=threads, busy=busy, versions=installed_versions())


@contextlib.contextmanager
def _open_warm_child(handle: JobHandle, sandboxed: bool = False) -> Iterator[Child]:
    """A child in the state in which every measurement begins, a sandboxed one for untrusted files."""
    with handle.worker.open(handle.is_cancelled, sandboxed) as child:
        child.request("rehearse", **handle.limits)
        yield child


class _ArtifactJob:
    """The measurements of one artifact: each repeat saves it, and then loads it, in fresh children."""

    def __init__(self, handle: JobHandle, artifact_id: str, place: int):
        self.handle, self.library, self.id, self.place = handle, handle.library, artifact_id, place
        self.repeats, self.source_key = handle.request["repeats"], handle.code_source(artifact_id)
        self._message_bytes = handle.config.reply_mb * MB

    def execute(self) -> ArtifactBenchmark:
        cost = ArtifactBenchmark(artifact=self.id, format="unknown", source=self.source_key)
        try:
            artifact = self.library.artifact(self.id)
            cost.format, cost.bytes, cost.trust = artifact.format, artifact.bytes, artifact.trust
            cost.source_words = describe_code_source(self.library, self.id, self.source_key)
            self.library.verify(self.id)
            cost.save, remarks = self._time_saves(artifact)
            return _with_measurements(cost, self._time_loads(artifact), remarks)
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001  what fails for one artifact is its own row's result; the others go on
            return cost.model_copy(update={"error": translate(error, WorkerError).to_json()})

    def _steps(self, artifact: Artifact, phase: str, first_step: int) -> Iterator[None]:
        """One step for each repeat, which is reported as it begins."""
        total = 2 * self.repeats * len(self.handle.request["artifacts"])
        for repeat in range(self.repeats):
            done = 2 * self.repeats * self.place + first_step + repeat
            note = f"{get_format(artifact.format).label}: {phase}, {repeat + 1} of {self.repeats}"
            self.handle.report_progress(done / total, note, write_now=True, artifact=self.id, phase=phase)
            yield

    def _time_saves(self, artifact: Artifact) -> tuple[RepeatedMeasurement, list[str]]:
        """Seconds to save the run's model again; where that cannot be, the recorded ones, and a remark."""
        try:
            seconds = [self._time_save(artifact) for _ in self._steps(artifact, "saving", 0)]
        except Cancelled:
            raise
        except RoundtripError as error:
            remark = (
                f"It could not be saved again, so the seconds to save are those of its own saving. {error.sentence}"
            )
            return RepeatedMeasurement.from_values([artifact.seconds]), [remark]
        return RepeatedMeasurement.from_values(seconds), []

    def _time_save(self, artifact: Artifact) -> float:
        run = self.library.run(artifact.run)
        samples = {} if run.demo else self.library.reference(run.id).head_within(self._message_bytes).inputs
        request: dict[str, Any] = {"format": artifact.format, "options": artifact.options, "arrays": samples}
        request |= snapshot_request(self.library, run)
        sandboxed = is_imported(self.library, run)
        with self.library.staging() as scratch, _open_warm_child(self.handle, sandboxed) as child:
            request |= {"folder": OutputFolder(scratch), "converts": True}
            seconds: float = child.request("save", **self.handle.limits, **request).message["seconds"]
            return seconds

    def _time_loads(self, artifact: Artifact) -> list[Frame]:
        """What `core.worker.tasks.benchmark.benchmark_artifact` gives, from one fresh child after another."""
        run = self.library.run(artifact.run)
        request: dict[str, Any] = {"batches": list(BATCH_SIZES), "warm": WARM_UP_LIMITS, "timed": TIMED_LIMITS}
        request |= artifact_request(self.library, artifact.id, self.source_key)
        reference = self.library.reference(run.id)
        request |= {"arrays": reference.head(max(BATCH_SIZES)).head_within(self._message_bytes).inputs}
        frames, sandboxed = [], is_imported(self.library, run, self.source_key)
        for _ in self._steps(artifact, "loading and answering", self.repeats):
            with _open_warm_child(self.handle, sandboxed) as child:
                frames.append(child.request("measure", **self.handle.limits, **request))
        return frames


def _with_measurements(cost: ArtifactBenchmark, frames: list[Frame], remarks: list[str]) -> ArtifactBenchmark:
    cost, facts = cost.model_copy(), [frame.message for frame in frames]
    load, first = ([fact[name] for fact in facts] for name in ("load_seconds", "first_seconds"))
    cost.load, cost.first = RepeatedMeasurement.from_values(load), RepeatedMeasurement.from_values(first)
    cost.click = RepeatedMeasurement.from_values(np.add(load, first))
    cost.memory = _measurement_or_none(facts, "memory")
    cost.working_memory = _measurement_or_none(facts, "working_memory")
    cost.steady = [_batch_latency(batch, frames) for batch in BATCH_SIZES]
    cost.remarks = list(dict.fromkeys([*remarks, *_list_remarks(cost, facts)]))
    return cost


def _measurement_or_none(facts: list[dict[str, Any]], name: str) -> RepeatedMeasurement | None:
    values = [fact[name] for fact in facts]
    return None if None in values else RepeatedMeasurement.from_values(values)


def _batch_latency(batch: int, frames: list[Frame]) -> BatchLatency:
    key = str(batch)
    cpu_seconds = [frame.message["busy"][key] for frame in frames]
    by_row = any(batch in frame.message["by_row"] for frame in frames)
    return BatchLatency.from_calls(batch, [frame.arrays[key] for frame in frames], cpu_seconds, by_row)


def _list_remarks(cost: ArtifactBenchmark, facts: list[dict[str, Any]]) -> Iterator[str]:
    """What a person should know of the numbers."""
    if cost.source == "demo":
        yield "The demo's code builds the half that it lacks, as part of the load."
    elif cost.source != "none":
        yield f"The half that it lacks comes from {cost.source_words}, as part of the load."
    for fact in facts:
        if fact["remark"]:
            yield fact["remark"]
        elif by_row := [str(batch) for batch in fact["by_row"]]:
            yield f"It does not take {' or '.join(by_row)} rows at once, so those were fed row by row."


def estimate_seconds(library: Library, artifacts: list[str], repeats: int, forks: bool = True) -> float:
    """Estimate the seconds of a benchmark, from what each artifact took before. Raises UnknownName."""
    ready = FORK_SECONDS if forks else SPAWN_SECONDS
    steady = len(BATCH_SIZES) * (TIMED_LIMITS[1] + WARM_UP_LIMITS[1]) * STEADY_TIME_SHARE
    seconds = 0.0
    for id_ in artifacts:
        best = library.evidence(id_).best
        load = (best.load_seconds or 0.0) + (best.first_seconds or 0.0)
        seconds += library.artifact(id_).seconds + load + steady + 2 * ready
    return ready + CPU_SAMPLE_SECONDS + seconds * repeats


def find_last_benchmark(
    context: AppContext, artifacts: list[str], sources: dict[str, str]
) -> tuple[Job | None, Job | None]:
    """Return the newest benchmark of these artifacts (and perhaps others) with the same code sources, however it
    ended, and the newest that is done."""
    jobs = [job for job in context.job_store.list_jobs("cost") if _covers(job, artifacts, sources)]
    newest, done = next(iter(jobs), None), next((job for job in jobs if job.state == "done"), None)
    return newest and context.job_store.read(newest.id), done and context.job_store.read(done.id)


def _covers(job: Job, artifacts: list[str], sources: dict[str, str]) -> bool:
    request = cast(BenchmarkRequest, job.request)
    used = request["sources"]
    return all(id_ in request["artifacts"] and sources.get(id_, used[id_]) == used[id_] for id_ in artifacts)
