"""The work of a measuring job: one artifact after another, each in fresh children, and nothing of ours beside them."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import psutil

from core.context import AppContext
from core.errors import Cancelled, InputError, RoundtripError, WorkerError
from core.explain import translate
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
from core.jobs.participants import build_code_source, is_imported, resolve_code_sources
from core.jobs.runner import JobHandle
from core.library import Library
from core.library.job_store import Job
from core.library.records import Artifact
from core.record import installed_versions
from core.system import describe_machine
from core.worker import OutputFolder
from core.worker.child_handle import Child
from core.worker.protocol import Frame

CPU_SAMPLE_SECONDS = 0.5  # seconds over which the load of the machine is looked at
# For an estimate only: seconds until a fresh child is ready, and how much of the time for steady calls is used up.
FORK_SECONDS, SPAWN_SECONDS, STEADY_TIME_SHARE = 0.4, 15.0, 0.4


def build_benchmark_request(
    library: Library, artifacts: Iterable[str], sources: dict[str, str], repeats: int
) -> dict[str, Any]:
    """What a measuring job is asked. Raises InputError, UnknownName."""
    ids = list(dict.fromkeys(artifacts))
    if not ids:
        raise InputError("No artifact was chosen.", cure="Choose at least one artifact to measure.")
    if not 1 <= repeats <= MAX_REPEATS:
        cure = f"Choose {DEFAULT_REPEATS}."
        raise InputError(f"A measuring is repeated 1 to {MAX_REPEATS} times.", received=repeats, cure=cure)
    return {"artifacts": ids, "sources": resolve_code_sources(library, ids, sources), "repeats": repeats}


def run_benchmark(context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Measure every artifact; gives `Costs` as JSON. What fails for one is its own row's sentence."""
    ids, repeats = handle.job.request["artifacts"], handle.job.request["repeats"]
    told = _BenchmarkProgress(handle, steps=2 * repeats * len(ids))
    handle.report_progress(note="Looking at the machine")
    with context.worker.without_spares():
        machine = _describe_machine(context, handle)
        costs = {id_: _benchmark_artifact(context, handle, id_, told) for id_ in ids}
    found = BenchmarkResult(
        costs=costs,
        repeats=repeats,
        batches=list(BATCH_SIZES),
        protocol=describe_protocol(repeats, BATCH_SIZES),
        machine=machine,
    )
    return found.model_dump(mode="json")


class _BenchmarkProgress:
    """Counts the steps of a measuring: two for each repeat of each artifact, done or given up."""

    def __init__(self, handle: JobHandle, steps: int):
        self._handle, self._steps, self._started_steps = handle, steps, 0

    def start_step(self, artifact: str, label: str, phase: str, at: int, of: int) -> None:
        """Say what begins now."""
        note = f"{label}: {phase}, {at} of {of}"
        self._handle.report_progress(
            self._started_steps / self._steps, note, write_now=True, artifact=artifact, phase=phase
        )
        self._started_steps += 1

    def skip_to(self, steps: int) -> None:
        """Go on as if so many steps were done."""
        self._started_steps = steps

    @property
    def started_steps(self) -> int:
        return self._started_steps


def _benchmark_artifact(
    context: AppContext, handle: JobHandle, id_: str, progress: _BenchmarkProgress
) -> ArtifactBenchmark:
    request = handle.job.request
    cost = ArtifactBenchmark(artifact=id_, format="unknown", source=request["sources"][id_])
    after = progress.started_steps + 2 * request["repeats"]
    try:
        artifact = context.library.artifact(id_)
        cost.format, cost.bytes, cost.trust = artifact.format, artifact.bytes, artifact.trust
        context.library.verify(id_)
        cost.save, remarks = _time_saves(context, handle, artifact, progress)
        return _with_measurements(cost, _time_reloads(context, handle, artifact, progress), remarks)
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001  what fails for one artifact is its own row's result; the others go on
        return cost.model_copy(update={"error": translate(error, WorkerError).to_json()})
    finally:
        progress.skip_to(after)


@contextlib.contextmanager
def _open_warm_child(context: AppContext, handle: JobHandle, confined: bool = False) -> Iterator[Child]:
    """A child in the state in which every measuring begins, a `confined` one for a stranger's files."""
    with context.worker.open(handle.is_cancelled, confined) as child:
        child.request("rehearse", seconds=context.config.child_seconds, cancelled=handle.is_cancelled)
        yield child


def _time_saves(
    context: AppContext, handle: JobHandle, artifact: Artifact, progress: _BenchmarkProgress
) -> tuple[RepeatedMeasurement, list[str]]:
    """Seconds to save the run's model again, several times; where that cannot be, the recorded ones, and a remark."""
    label, repeats = get_format(artifact.format).label, handle.job.request["repeats"]
    taken: list[float] = []
    try:
        for at in range(repeats):
            progress.start_step(artifact.id, label, "saving", at + 1, repeats)
            taken.append(_time_save(context, handle, artifact))
    except Cancelled:
        raise
    except RoundtripError as error:
        why = f"It could not be saved again, so the seconds to save are those of its own saving. {error.sentence}"
        return RepeatedMeasurement.from_values([artifact.seconds]), [why]
    return RepeatedMeasurement.from_values(taken), []


def _time_save(context: AppContext, handle: JobHandle, artifact: Artifact) -> float:
    run = context.library.run(artifact.run)
    asked = {"source": run.code_source, "kind": run.kind, "snapshot": context.library.snapshot(run.id)}
    asked |= {"format": artifact.format, "options": artifact.options}
    samples = {} if run.demo else context.library.reference(run.id).inputs
    limits = {"seconds": context.config.child_seconds, "cancelled": handle.is_cancelled}
    confined = is_imported(context.library, run)
    with context.library.staging() as scratch, _open_warm_child(context, handle, confined) as child:
        return child.request(
            "save", converts=True, **limits, **asked, folder=OutputFolder(scratch), arrays=samples
        ).message["seconds"]


def _time_reloads(
    context: AppContext, handle: JobHandle, artifact: Artifact, progress: _BenchmarkProgress
) -> list[Frame]:
    """What `core.worker.tasks.benchmark.benchmark_artifact` gives, from one fresh child after another."""
    run, repeats = context.library.run(artifact.run), handle.job.request["repeats"]
    key = handle.job.request["sources"][artifact.id]
    source, confined = build_code_source(context.library, run, key, artifact), is_imported(context.library, run, key)
    asked = {"format": artifact.format, "folder": context.library.verified_folder(artifact.id), "source": source}
    asked |= {"batches": list(BATCH_SIZES), "warm": WARM_UP_LIMITS, "timed": TIMED_LIMITS}
    asked |= {"arrays": context.library.reference(run.id).head(max(BATCH_SIZES)).inputs}
    limits = {"seconds": context.config.child_seconds, "cancelled": handle.is_cancelled}
    frames = []
    for at in range(repeats):
        progress.start_step(artifact.id, get_format(artifact.format).label, "loading and answering", at + 1, repeats)
        with _open_warm_child(context, handle, confined) as child:
            frames.append(child.request("measure", **limits, **asked))
    return frames


def _with_measurements(cost: ArtifactBenchmark, frames: list[Frame], remarks: list[str]) -> ArtifactBenchmark:
    """The cost with what its children measured."""
    facts = [frame.message for frame in frames]
    load, first = ([one[name] for one in facts] for name in ("load_seconds", "first_seconds"))
    return cost.model_copy(
        update={
            "load": RepeatedMeasurement.from_values(load),
            "first": RepeatedMeasurement.from_values(first),
            "click": RepeatedMeasurement.from_values(np.add(load, first)),
            "memory": _measurement_or_none(facts, "memory"),
            "working_memory": _measurement_or_none(facts, "working_memory"),
            "steady": [_batch_latency(batch, frames) for batch in BATCH_SIZES],
            "remarks": list(dict.fromkeys([*remarks, *_list_remarks(cost, facts)])),
        }
    )


def _measurement_or_none(facts: list[dict[str, Any]], name: str) -> RepeatedMeasurement | None:
    values = [one[name] for one in facts]
    return None if None in values else RepeatedMeasurement.from_values(values)


def _list_remarks(cost: ArtifactBenchmark, facts: list[dict[str, Any]]) -> Iterator[str]:
    """What a person should know of the numbers."""
    if cost.source == "demo":
        yield "The demo's code builds the half that it lacks, as part of the load."
    elif cost.source != "none":
        yield f"The architecture {cost.source} brings the half that it lacks, as part of the load."
    for one in facts:
        if one["remark"]:
            yield one["remark"]
        elif by_row := [str(batch) for batch in one["by_row"]]:
            yield f"It does not take {' or '.join(by_row)} rows at once, so those were fed row by row."


def _batch_latency(batch: int, frames: list[Frame]) -> BatchLatency:
    key = str(batch)
    busy = [frame.message["busy"][key] for frame in frames]
    by_row = any(batch in frame.message["by_row"] for frame in frames)
    return BatchLatency.from_calls(batch, [frame.arrays[key] for frame in frames], busy, by_row)


def _describe_machine(context: AppContext, handle: JobHandle) -> BenchmarkMachine:
    with _open_warm_child(context, handle) as child:
        told = child.request("threads", seconds=context.config.child_seconds, cancelled=handle.is_cancelled).message[
            "threads"
        ]
    return BenchmarkMachine(
        **describe_machine(),
        threads=told,
        busy=psutil.cpu_percent(CPU_SAMPLE_SECONDS) / 100,
        versions=installed_versions(),
    )


def estimate_seconds(library: Library, artifacts: list[str], repeats: int, forks: bool = True) -> float:
    """Seconds that a measuring will take, roughly, from what each artifact took before. Raises UnknownName."""
    ready = FORK_SECONDS if forks else SPAWN_SECONDS
    steady = len(BATCH_SIZES) * (TIMED_LIMITS[1] + WARM_UP_LIMITS[1]) * STEADY_TIME_SHARE
    seconds = 0.0
    for id_ in artifacts:
        best = library.evidence(id_).best
        once = (best.load_seconds or 0.0) + (best.first_seconds or 0.0)
        seconds += library.artifact(id_).seconds + once + steady + 2 * ready
    return ready + CPU_SAMPLE_SECONDS + seconds * repeats


def find_last_benchmark(
    context: AppContext, artifacts: list[str], sources: dict[str, str]
) -> tuple[Job | None, Job | None]:
    """The newest measuring of these artifacts (and perhaps others) by the same sources, however it ended, and the
    newest that is done."""
    fitting = [job for job in context.job_store.list_jobs("cost") if _has_artifacts(job.request, artifacts, sources)]
    found = next(iter(fitting), None), next((job for job in fitting if job.state == "done"), None)
    newest, done = (one and context.job_store.read(one.id) for one in found)
    return newest, done


def _has_artifacts(request: dict[str, Any], artifacts: list[str], sources: dict[str, str]) -> bool:
    asked = request["sources"]
    return all(id_ in request["artifacts"] and sources.get(id_, asked[id_]) == asked[id_] for id_ in artifacts)
