"""A worker of the team as a place: it predicts in an environment on its own machine, by jobs that are waited for."""

import contextlib
import hashlib
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from core.arrays import Arrays
from core.context import AppContext
from core.environments.base import Environment
from core.environments.machines import get_machine, split_key
from core.environments.own import HERE
from core.errors import InputError, RoundtripError, WorkerGone, error_from_json
from core.jobs.execution.driver import JobKind
from core.jobs.execution.given_files import GivenFiles
from core.jobs.execution.job_handle import POLL_SECONDS
from core.jobs.places.answers import ANSWERS, ROWS, AnswersRequest, read_chunks, write_chunk
from core.jobs.places.place import EnvironmentNames, PlacedLoad, PlaceFacts, require_placeable
from core.library.ids import new_id
from core.library.job_store import Job
from core.settings import Settings
from core.worker.child_errors import cancelled_error
from core.worker.child_handle import CancelCheck

if TYPE_CHECKING:  # which an installation on one machine need not import
    from core.queue import Announcement, DatabaseJobStore

LOOKS = 20  # at the job, before it is looked whether its worker is still there


@dataclass(frozen=True)
class WorkerPlace(EnvironmentNames):
    """See `core.jobs.places.place.Place`. The environment is one on a worker (see `core.environments.machines`)."""

    @property
    def environments(self) -> tuple[str, ...]:
        """None where the comparison is done: the worker has it, or builds it."""
        return ()

    def identify(self, context: AppContext) -> str:
        """Another one once the worker has other packages, or is another machine. Raises as `require_worker`."""
        facts = require_worker(context, self.environment)
        identity = facts.model_dump_json(include={"version", "python", "system", "processor", "packages", "limits"})
        own = f"{self.environment.folder_name} {facts.name} {hashlib.sha256(identity.encode()).hexdigest()[:12]}"
        return f"{own} {','.join(facts.instruction_sets)}"

    def takes(self, format_key: str) -> bool:
        return format_key in self.environment.takes

    def size_to_build(self, config: Settings) -> int:
        return 0

    @contextlib.contextmanager
    def open(
        self, context: AppContext, artifact_id: str, report: Callable[[float, str], None], is_cancelled: CancelCheck
    ) -> Iterator["WorkerCopy"]:
        """Raises InputError for a model of which other places do not know how its rows are asked."""
        require_placeable(context.library.run(context.library.artifact(artifact_id).run))
        report(0.0, f"{self.label}: asked")
        yield WorkerCopy(context, self.environment, artifact_id)


def find_worker(context: AppContext, environment: Environment) -> str:
    """Return what identifies the worker on which an environment is asked; empty for this machine.

    Raises InputError where it is not there.
    """
    is_here = not get_machine(split_key(environment.key)[1]).worker
    return "" if is_here else WorkerPlace(environment).identify(context)


class WorkerCopy:
    """A copy on a worker. See `core.jobs.places.place.PlacedCopy`."""

    def __init__(self, context: AppContext, environment: Environment, artifact_id: str):
        self._context, self._environment, self._artifact_id = context, environment, artifact_id
        self.load = PlacedLoad(PlaceFacts(key=environment.key, label=environment.label))

    def predict_chunks(self, inputs: Iterable[Arrays], batch: int, is_cancelled: CancelCheck) -> Generator[Arrays]:
        """See `PlacedCopy`. Raises as `done_on_worker`."""
        key, machine = split_key(self._environment.key)
        worker = get_machine(machine).worker
        request: AnswersRequest = {
            "artifact": self._artifact_id,
            "environment": key,
            "batch": batch,
            "worker": worker,
        }
        with tempfile.TemporaryDirectory() as folder:
            rows = Path(folder) / ROWS
            for at, chunk in enumerate(inputs):
                write_chunk(rows, at, chunk)
            errand = Errand(worker, ANSWERS, f"Answers of {self._artifact_id}", dict(request), {ROWS: rows})
            with done_on_worker(self._context, errand, is_cancelled) as job:
                self._note(job.result, worker)
                yield from read_chunks(self._context.job_store.folder(job.id) / ROWS)

    def _note(self, result: dict[str, object], worker: str) -> None:
        place = PlaceFacts.model_validate(result["place"])
        machine = place.machine.model_copy(update={"worker": worker}) if place.machine else None
        names = {"key": self._environment.key, "label": self._environment.label, "machine": machine}
        self.load.place = place.model_copy(update=names)
        seconds = result["load_seconds"]
        self.load.load_seconds = float(seconds) if isinstance(seconds, int | float) else None
        self.load.loaded_warm = bool(result["loaded_warm"])


class Errand(NamedTuple):
    """What a worker is asked: a kind of job, its request, and its files by their names."""

    worker: str
    kind: JobKind
    title: str
    request: Mapping[str, Any]
    files: dict[str, Path]


def require_worker(context: AppContext, environment: Environment) -> "Announcement":
    """Return what the worker on which an environment is asked says of itself.

    Raises InputError where there is no such worker now, and for a person who signed in where it is to build first.
    """
    from core.queue import WorkerRegistry

    name = get_machine(split_key(environment.key)[1]).worker
    registry = WorkerRegistry(_open_store(context).database)
    there = {announcement.name: announcement for announcement in registry.announcements()}
    if name not in there:
        names = ", ".join(sorted(there))
        cure = f"Choose from {names}." if names else "Start it: roundtrip worker --name NAME."
        raise InputError("No worker of that name takes jobs now.", received=name, cure=cure)
    key, _ = split_key(environment.key)
    if key != HERE and key not in there[name].environments and context.library.access.viewer_id is not None:
        cure = "Ask on a worker that has it. Whoever runs the server builds others: roundtrip environments build."
        raise InputError(f"{name} has not built this environment.", received=environment.label, cure=cure)
    return there[name]


@contextlib.contextmanager
def done_on_worker(context: AppContext, errand: Errand, is_cancelled: CancelCheck) -> Iterator[Job]:
    """A job that a worker has done, whose record and files are deleted at the end.

    Raises Cancelled, the error with which it ended, and WorkerGone where the worker is not there any more.
    """
    from core.jobs.execution.queued_driver import QueuedDriver

    store = _open_store(context)
    driver = QueuedDriver({errand.kind.key: errand.kind}, store)
    owner, id_ = context.library.access.viewer_id, new_id("j")
    job = Job(id=id_, kind=errand.kind.key, title=errand.title, request=dict(errand.request), owner=owner)
    try:
        driver.submit(context, job, GivenFiles(errand.files))
    except InputError as error:  # it was there when the job was asked for that waits for this one
        raise WorkerGone(error.sentence, received=error.received, cure=error.cure) from error
    try:
        ended = _wait(store, driver, job.id, errand.worker, is_cancelled)
        if ended.error:
            raise error_from_json(ended.error)
        yield ended
    finally:
        with contextlib.suppress(RoundtripError):
            store.delete(job.id)


def _wait(store: "DatabaseJobStore", driver: Any, id_: str, worker: str, is_cancelled: CancelCheck) -> Job:
    looks = 0
    while (job := store.read(id_)).is_active:
        if is_cancelled():
            store.request_cancel(id_)
            raise cancelled_error()
        looks += 1
        if looks % LOOKS == 0 and not _is_there(store, worker, job):
            store.request_cancel(id_)
            raise WorkerGone(
                f"The worker {worker} went away before it had answered.",
                cure="Start it again, then ask again; the other answers stand.",
            )
        driver.wait_for_change(id_, POLL_SECONDS)
    return job


def _is_there(store: "DatabaseJobStore", name: str, job: Job) -> bool:
    """Whether a worker may still answer: one that drains ends what it has begun, and begins nothing."""
    from core.queue import WorkerRegistry

    workers = [each for each in WorkerRegistry(store.database).list_workers() if each.announcement.name == name]
    return any(each.is_live and (not each.asked or job.state == "running") for each in workers)


def _open_store(context: AppContext) -> "DatabaseJobStore":
    from core.queue import DatabaseJobStore

    if isinstance(context.job_store, DatabaseJobStore):
        return context.job_store
    raise InputError(
        "There are no workers here: this installation does its jobs itself.",
        cure="Leave the worker out, or set ROUNDTRIP_DATABASE_URL and ROUNDTRIP_STORE_URL, the same on all machines.",
    )
