"""`QueuedDriver`: has jobs done by the workers of a team, which take them from the queue in its database."""

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.engine import Connection

from core.context import AppContext
from core.errors import InputError, RoundtripError, cleanup_on_error
from core.formats import get_format
from core.jobs.execution.driver import JobKind
from core.jobs.execution.given_files import GivenFiles
from core.jobs.execution.job_memory import estimate_memory
from core.library import Library
from core.library.job_store import Job
from core.queue import (
    DatabaseJobStore,
    GivenRecord,
    JobNotifications,
    WorkerRegistry,
    WorkerRequirements,
    add_wishes,
    defer,
    find_shortest_lack,
    round_memory,
)

CLICK_PRIORITY, BULK_PRIORITY = 10, 0
NO_WORKER = "No worker runs now: it begins when one is started (roundtrip worker)."


class QueuedDriver:
    """Records each job and enters it into the queue, both or neither."""

    def __init__(self, kinds: Mapping[str, JobKind], store: DatabaseJobStore):
        self._kinds, self._store = kinds, store
        self._workers = WorkerRegistry(store.database)
        self._notifications = JobNotifications(store.database)

    def submit(self, context: AppContext, job: Job, files: GivenFiles) -> None:
        """See `JobDriver.submit`."""
        with cleanup_on_error(files.discard):
            requirements = self._find_requirements(job, context.library, files)
            job.note = self._require_worker(requirements)
            stored = self._store.files.put_given(job.id, files.paths, files.remote)
            given = GivenRecord(name=files.name, files=stored)
            with cleanup_on_error(lambda: self._store.files.delete_given(job.id)):
                self._insert([job], requirements, given)
        files.discard()

    def submit_all(self, jobs: list[Job]) -> None:
        """Submit jobs of one kind that need the same, and are given no files, in one transaction."""
        requirements = self._find_requirements(jobs[0], None, GivenFiles())
        self._require_worker(requirements)
        self._insert(jobs, requirements, GivenRecord())

    def _insert(self, jobs: list[Job], requirements: WorkerRequirements, given: GivenRecord) -> None:
        """A job that is active already, because another server was asked the same just now, is not entered twice."""

        def enter(connection: Connection, new: list[Job]) -> list[dict[str, Any]]:
            priorities = [BULK_PRIORITY if job.is_bulk else CLICK_PRIORITY for job in new]
            entries = [(job.id, requirements, each) for job, each in zip(new, priorities, strict=True)]
            facts = {"queue": requirements.queue, "files": given.model_dump_json()}
            tasks = defer(connection, entries)
            return [{**facts, "task": task, "priority": each} for task, each in zip(tasks, priorities, strict=True)]

        self._store.insert(jobs, enter)

    def _find_requirements(self, job: Job, library: Library | None, files: GivenFiles) -> WorkerRequirements:
        """Those of a job; what its copies need, which are in the library, as far as a worker has it."""
        kind = self._kinds[job.kind]
        needs = kind.requirements(job.request)
        required = _require_formats(needs.formats, needs.environments).model_copy(
            update={
                "is_exclusive": kind.is_exclusive,
                "is_bulk": job.is_bulk,
                "memory_gb": round_memory(estimate_memory(library, needs, files)),
                "worker": needs.worker,
            }
        )
        formats = _formats_of(library, needs.copies) if library else []
        if not formats:
            return required
        return add_wishes(self._workers.announcements(), required, _require_formats(formats))

    def _require_worker(self, requirements: WorkerRequirements) -> str:
        """Return what is to be known while the job waits. Raises InputError where no worker that runs can do it."""
        lack = find_shortest_lack(self._workers.announcements(), requirements)
        if lack is None and requirements.worker:
            lack = [f"the worker {requirements.worker}"]
        if lack:
            raise InputError(
                "No worker that runs now can do this.",
                received=f"missing: {', '.join(lack)}",
                cure="Start a worker on a machine that has it, or choose something else; Health lists the workers.",
            )
        return NO_WORKER if lack is None else ""

    def wait_for_change(self, job_id: str, seconds: float) -> None:
        """See `JobDriver.wait_for_change`."""
        self._notifications.wait(job_id, seconds)


def _require_formats(formats: Iterable[str], environments: Iterable[str] = ()) -> WorkerRequirements:
    """What formats need, and environments beside."""
    known = [get_format(key) for key in formats]
    own = [format_.environment.key for format_ in known if format_.environment]
    packages = {package for format_ in known for package in format_.packages.values()}
    return WorkerRequirements(environments=tuple(sorted({*environments, *own})), packages=tuple(sorted(packages)))


def _formats_of(library: Library, ids: Iterable[str]) -> list[str]:
    """The formats of those of these artifacts that can be read."""
    formats = []
    for id_ in ids:
        with contextlib.suppress(RoundtripError):
            formats.append(get_format(library.artifact(id_).format).key)
    return formats
