"""The workers of a team, as pages and commands show them; and who may have one end."""

from typing import Literal, TypedDict

from core.context import AppContext
from core.errors import InputError, UnknownName, UnreadableRecord
from core.queue import DatabaseJobStore, QueueDatabase, Queues, WorkerRegistry, WorkerState

State = Literal["idle", "working", "draining", "stopping", "gone"]


class WorkerRow(TypedDict):
    """One worker; `load` in processors, `memory` in bytes, of which the share `memory_used` is in use."""

    id: str
    name: str
    state: State
    jobs: list[str]  # titles; of another person's job only that it is one
    load: float
    processors: int
    memory: int
    memory_used: float
    since: str
    heard: str
    system: str
    processor: str
    version: str
    packages: dict[str, str]
    missing_packages: list[str]
    instruction_sets: list[str]
    limits: dict[str, str]  # variables that forbid its engines some of those
    environments: list[str]
    can_build: bool
    accelerators: list[str]
    concurrency: int
    child_memory: int  # bytes that one model may take; 0 where a worker of an earlier version did not say
    queues: Queues  # which jobs it takes
    knows_collections: bool  # False for one of an earlier version, during which nothing in the store is deleted


def list_workers(context: AppContext) -> list[WorkerRow]:
    """Return the workers of the last day, those at work first. Raises InputError outside of a team installation."""
    return [_make_row(context, worker) for worker in WorkerRegistry(_database(context)).list_workers()]


def ask_worker(context: AppContext, id_: str, request: Literal["drain", "stop"]) -> None:
    """Have a worker end after the jobs that it does ("drain"), or now, its jobs given back ("stop").

    Raises InputError for a person who signed in, and where there is no such worker.
    """
    context.library.require_full_access()
    WorkerRegistry(_database(context)).ask(id_, request)


def find_built_environments(context: AppContext) -> dict[str, int]:
    """Return the environments that are built on workers that run now, with the bytes of the largest."""
    built: dict[str, int] = {}
    for announcement in WorkerRegistry(_database(context)).announcements():
        for key, size in announcement.environments.items():
            built[key] = max(size, built.get(key, 0))
    return built


def list_taking_workers(context: AppContext) -> list[str]:
    """Return the names of the workers that take jobs now."""
    return sorted({each.name for each in WorkerRegistry(_database(context)).announcements()})


def list_earlier_workers(context: AppContext) -> list[str]:
    """Return the workers that keep contents of the store from being deleted, by name or id."""
    return WorkerRegistry(_database(context)).list_earlier_workers()


def require_no_earlier_workers(database: QueueDatabase) -> None:
    """Raises InputError where a worker may run that relies on contents of the store which are about to be deleted."""
    if names := WorkerRegistry(database).list_earlier_workers():
        raise InputError(
            "Nothing is deleted from the store while workers of an earlier version run, which may rely on it.",
            received=", ".join(names),
            cure="End them, on the page Health or where they run, and start them again with this version. One that was "
            "killed counts for a day.",
        )


def _database(context: AppContext) -> QueueDatabase:
    if isinstance(context.job_store, DatabaseJobStore):
        return context.job_store.database
    raise InputError(
        "There are no workers here: this installation does its jobs itself.",
        cure="Set ROUNDTRIP_DATABASE_URL and ROUNDTRIP_STORE_URL, the same on all machines of a team.",
    )


def _make_row(context: AppContext, worker: WorkerState) -> WorkerRow:
    facts, report = worker.announcement, worker.report
    return {
        "id": worker.id,
        "name": facts.name,
        "state": _find_state(worker),
        "jobs": [_find_title(context, id_) for id_ in report.jobs] if worker.is_live else [],
        "load": report.load,
        "processors": facts.processors,
        "memory": facts.memory,
        "memory_used": report.memory_used,
        "since": worker.started.isoformat(timespec="seconds"),
        "heard": worker.heartbeat.isoformat(timespec="seconds"),
        "system": facts.system,
        "processor": facts.processor,
        "version": facts.version,
        "packages": facts.packages,
        "missing_packages": list(facts.missing_packages),
        "instruction_sets": list(facts.instruction_sets),
        "limits": facts.limits,
        "environments": sorted(facts.environments),
        "can_build": bool(facts.buildable_environments),
        "accelerators": list(facts.accelerators),
        "concurrency": facts.concurrency,
        "child_memory": facts.child_memory,
        "queues": facts.queues,
        "knows_collections": facts.knows_collections,
    }


def _find_state(worker: WorkerState) -> State:
    if not worker.is_live:
        return "gone"
    if worker.asked:
        return "draining" if worker.asked == "drain" else "stopping"
    return "working" if worker.report.jobs else "idle"


def _find_title(context: AppContext, id_: str) -> str:
    try:
        return context.job_store.read(id_).title
    except UnknownName:
        return "another person's job"
    except UnreadableRecord:
        return "a job of another version"
