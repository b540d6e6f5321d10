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
    BATCHES,
    MOST_REPEATS,
    REPEATS,
    TIMED,
    WARM_UP,
    Cost,
    Costs,
    Machine,
    Spread,
    Steady,
    protocol,
)
from core.jobs.participants import from_outside, resolve_sources, source_of
from core.jobs.runner import JobHandle
from core.library import Library
from core.library.job_store import Job
from core.library.records import Artifact
from core.record import versions
from core.system import machine
from core.worker import Writes
from core.worker.child_handle import Child
from core.worker.protocol import Frame

LOOK = 0.5  # seconds over which the load of the machine is looked at
# For an estimate only: seconds until a fresh child is ready, and how much of the time for steady calls is used up.
FORKED, SPAWNED, USED = 0.4, 15.0, 0.4


def cost_request(library: Library, artifacts: Iterable[str], sources: dict[str, str], repeats: int) -> dict[str, Any]:
    """What a measuring job is asked. Raises InputError, UnknownName."""
    ids = list(dict.fromkeys(artifacts))
    if not ids:
        raise InputError("No artifact was chosen.", cure="Choose at least one artifact to measure.")
    if not 1 <= repeats <= MOST_REPEATS:
        cure = f"Choose {REPEATS}."
        raise InputError(f"A measuring is repeated 1 to {MOST_REPEATS} times.", received=repeats, cure=cure)
    return {"artifacts": ids, "sources": resolve_sources(library, ids, sources), "repeats": repeats}


def cost_work(context: AppContext, handle: JobHandle) -> dict[str, Any]:
    """Measure every artifact; gives `Costs` as JSON. What fails for one is its own row's sentence."""
    ids, repeats = handle.job.request["artifacts"], handle.job.request["repeats"]
    told = _Progress(handle, steps=2 * repeats * len(ids))
    handle.tell(note="Looking at the machine")
    with context.worker.alone():
        machine = _machine(context, handle)
        costs = {id_: _cost(context, handle, id_, told) for id_ in ids}
    found = Costs(
        costs=costs, repeats=repeats, batches=list(BATCHES), protocol=protocol(repeats, BATCHES), machine=machine
    )
    return found.model_dump(mode="json")


class _Progress:
    """Counts the steps of a measuring: two for each repeat of each artifact, done or given up."""

    def __init__(self, handle: JobHandle, steps: int):
        self._handle, self._steps, self._begun = handle, steps, 0

    def step(self, artifact: str, label: str, what: str, at: int, of: int) -> None:
        """Say what begins now."""
        note = f"{label}: {what}, {at} of {of}"
        self._handle.tell(self._begun / self._steps, note, at_once=True, artifact=artifact, phase=what)
        self._begun += 1

    def skip_to(self, steps: int) -> None:
        """Go on as if so many steps were done."""
        self._begun = steps

    @property
    def begun(self) -> int:
        return self._begun


def _cost(context: AppContext, handle: JobHandle, id_: str, told: _Progress) -> Cost:
    request = handle.job.request
    cost = Cost(artifact=id_, format="unknown", source=request["sources"][id_])
    after = told.begun + 2 * request["repeats"]
    try:
        artifact = context.library.artifact(id_)
        cost.format, cost.bytes, cost.trust = artifact.format, artifact.bytes, artifact.trust
        context.library.verify(id_)
        cost.save, remarks = _saves(context, handle, artifact, told)
        return _with_answers(cost, _reloads(context, handle, artifact, told), remarks)
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001  what fails for one artifact is its own row's result; the others go on
        return cost.model_copy(update={"error": translate(error, WorkerError).to_json()})
    finally:
        told.skip_to(after)


@contextlib.contextmanager
def _fresh(context: AppContext, handle: JobHandle, confined: bool = False) -> Iterator[Child]:
    """A child in the state in which every measuring begins, a `confined` one for a stranger's files."""
    with context.worker.open(handle.cancelled, confined) as child:
        child.ask("rehearse", seconds=context.config.child_seconds, cancelled=handle.cancelled)
        yield child


def _saves(context: AppContext, handle: JobHandle, artifact: Artifact, told: _Progress) -> tuple[Spread, list[str]]:
    """Seconds to save the run's model again, several times; where that cannot be, the recorded ones, and a remark."""
    label, repeats = get_format(artifact.format).label, handle.job.request["repeats"]
    taken: list[float] = []
    try:
        for at in range(repeats):
            told.step(artifact.id, label, "saving", at + 1, repeats)
            taken.append(_save_again(context, handle, artifact))
    except Cancelled:
        raise
    except RoundtripError as error:
        why = f"It could not be saved again, so the seconds to save are those of its own saving. {error.sentence}"
        return Spread.of([artifact.seconds]), [why]
    return Spread.of(taken), []


def _save_again(context: AppContext, handle: JobHandle, artifact: Artifact) -> float:
    run = context.library.run(artifact.run)
    asked = {"source": run.source, "kind": run.kind, "snapshot": context.library.snapshot(run.id)}
    asked |= {"format": artifact.format, "options": artifact.options}
    samples = {} if run.demo else context.library.reference(run.id).inputs
    limits = {"seconds": context.config.child_seconds, "cancelled": handle.cancelled}
    confined = from_outside(context.library, run)
    with context.library.staging() as scratch, _fresh(context, handle, confined) as child:
        return child.ask("save", converts=True, **limits, **asked, folder=Writes(scratch), arrays=samples).message[
            "seconds"
        ]


def _reloads(context: AppContext, handle: JobHandle, artifact: Artifact, told: _Progress) -> list[Frame]:
    """What `core.worker.tasks.benchmark.measure` gives, from one fresh child after another."""
    run, repeats = context.library.run(artifact.run), handle.job.request["repeats"]
    key = handle.job.request["sources"][artifact.id]
    source, confined = source_of(context.library, run, key, artifact), from_outside(context.library, run, key)
    asked = {"format": artifact.format, "folder": context.library.files(artifact.id), "source": source}
    asked |= {"batches": list(BATCHES), "warm": WARM_UP, "timed": TIMED}
    asked |= {"arrays": context.library.reference(run.id).head(max(BATCHES)).inputs}
    limits = {"seconds": context.config.child_seconds, "cancelled": handle.cancelled}
    frames = []
    for at in range(repeats):
        told.step(artifact.id, get_format(artifact.format).label, "loading and answering", at + 1, repeats)
        with _fresh(context, handle, confined) as child:
            frames.append(child.ask("measure", **limits, **asked))
    return frames


def _with_answers(cost: Cost, frames: list[Frame], remarks: list[str]) -> Cost:
    """The cost with what its children measured."""
    facts = [frame.message for frame in frames]
    load, first = ([one[name] for one in facts] for name in ("load_seconds", "first_seconds"))
    return cost.model_copy(
        update={
            "load": Spread.of(load),
            "first": Spread.of(first),
            "click": Spread.of(np.add(load, first)),
            "memory": _counted(facts, "memory"),
            "working_memory": _counted(facts, "working_memory"),
            "steady": [_steady(batch, frames) for batch in BATCHES],
            "remarks": list(dict.fromkeys([*remarks, *_said(cost, facts)])),
        }
    )


def _counted(facts: list[dict[str, Any]], name: str) -> Spread | None:
    values = [one[name] for one in facts]
    return None if None in values else Spread.of(values)


def _said(cost: Cost, facts: list[dict[str, Any]]) -> Iterator[str]:
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


def _steady(batch: int, frames: list[Frame]) -> Steady:
    key = str(batch)
    busy = [frame.message["busy"][key] for frame in frames]
    by_row = any(batch in frame.message["by_row"] for frame in frames)
    return Steady.of(batch, [frame.arrays[key] for frame in frames], busy, by_row)


def _machine(context: AppContext, handle: JobHandle) -> Machine:
    with _fresh(context, handle) as child:
        told = child.ask("threads", seconds=context.config.child_seconds, cancelled=handle.cancelled).message["threads"]
    return Machine(
        **machine(),
        threads=told,
        busy=psutil.cpu_percent(LOOK) / 100,
        versions=versions(),
    )


def estimate(library: Library, artifacts: list[str], repeats: int, forks: bool = True) -> float:
    """Seconds that a measuring will take, roughly, from what each artifact took before. Raises UnknownName."""
    ready = FORKED if forks else SPAWNED
    steady = len(BATCHES) * (TIMED[1] + WARM_UP[1]) * USED
    seconds = 0.0
    for id_ in artifacts:
        best = library.evidence(id_).best
        once = (best.load_seconds or 0.0) + (best.first_seconds or 0.0)
        seconds += library.artifact(id_).seconds + once + steady + 2 * ready
    return ready + LOOK + seconds * repeats


def last_cost(context: AppContext, artifacts: list[str], sources: dict[str, str]) -> tuple[Job | None, Job | None]:
    """The newest measuring of these artifacts (and perhaps others) by the same sources, however it ended, and the
    newest that is done."""
    fitting = [job for job in context.journal.all("cost") if _covers(job.request, artifacts, sources)]
    found = next(iter(fitting), None), next((job for job in fitting if job.state == "done"), None)
    newest, done = (one and context.journal.read(one.id) for one in found)
    return newest, done


def _covers(request: dict[str, Any], artifacts: list[str], sources: dict[str, str]) -> bool:
    asked = request["sources"]
    return all(id_ in request["artifacts"] and sources.get(id_, asked[id_]) == asked[id_] for id_ in artifacts)
