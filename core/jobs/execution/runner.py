"""Run jobs: each recorded and given to a driver, cancelled on request, done once where the same was done."""

import copy
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

from core.context import AppContext
from core.errors import LibraryError, RoundtripError, StorageFailed, is_transient
from core.jobs.execution.driver import JobDriver, JobKind
from core.jobs.execution.given_files import GivenFiles
from core.jobs.execution.job_handle import POLL_SECONDS, SourcedRequest
from core.jobs.execution.local_driver import LocalDriver
from core.jobs.session_limiter import SessionLimiter
from core.library import Library
from core.library.ids import new_id
from core.library.job_store import Job
from core.library.records import BUILT_IN_SOURCES
from core.settings import Settings
from core.worker import Worker

AWAY_SECONDS = 600.0  # for which whoever waits for a job of a team waits for its database
RETRY_SECONDS = 1.0  # between two attempts


def is_reusable(job: Job) -> bool:
    """Whether to do a job again would give the same: it is done, and no artifact in it hit a transient error."""
    parts = [*job.result.get("outcomes", {}).values(), *job.result.get("copies", {}).values()]
    return job.state == "done" and not any(is_transient(part.get("error")) for part in parts)


def open_driver(context: AppContext, kinds: Mapping[str, JobKind]) -> JobDriver:
    """Return what has the jobs done: in a team installation its workers, else threads of this process."""
    if not context.config.is_team:
        return LocalDriver(kinds, max(2, context.config.parallel))
    from core.jobs.execution.queued_driver import QueuedDriver  # which an installation on one machine need not import
    from core.queue import DatabaseJobStore

    assert isinstance(context.job_store, DatabaseJobStore)
    return QueuedDriver(kinds, context.job_store)


class JobRunner(AppContext):
    """Starts jobs over one library and one worker, and finds them again. `kinds` are all that it starts, by key."""

    def __init__(
        self,
        library: Library | None = None,
        worker: Worker | None = None,
        config: Settings | None = None,
        *,
        kinds: Mapping[str, JobKind],
        driver: JobDriver | None = None,
    ):
        super().__init__(library, worker, config)
        self.session_limiter = SessionLimiter(self.config.held_children)
        self.driver = driver or open_driver(self, kinds)
        self._is_bulk = False
        self._damage_cache: dict[str, tuple[str, str]] = {}

    def in_bulk(self) -> Self:
        """Return the same for jobs of which many are started at once: what a person clicks goes before them."""
        runner = copy.copy(self)
        runner._is_bulk = True
        return runner

    def _start_or_reuse(
        self, kind: str, title: str, request: SourcedRequest, ids: list[str], rerun_failed: bool = True
    ) -> Job:
        """Return the job of that request on the same files, where there is one, else a new one."""
        id_ = self._compute_job_id(kind, request, ids)
        return self._find_reusable(id_, rerun_failed) or self._start(kind, title, request, id_)

    def _compute_job_id(self, kind: str, request: SourcedRequest, ids: Iterable[str]) -> str:
        """Compute the id of a request's job, after the damage of its files has become part of the request: a job is
        found again only while that is the same."""
        used = [*ids, *self._source_ids(request["sources"])]
        request["damage"] = {id_: damage for id_ in used if (damage := self._find_damage(id_))}
        viewer = self.library.access.viewer_id
        text = json.dumps([kind, request, *([viewer] if viewer else [])], sort_keys=True)  # no user takes another's job
        return "j" + hashlib.sha256(text.encode()).hexdigest()[:10]

    def _source_ids(self, sources: dict[str, str]) -> Iterator[str]:
        """The entries that complete halves: architecture artifacts, and runs by their snapshots."""
        for id_, source in sources.items():
            if source == "snapshot":
                yield self.library.artifact(id_).run
            elif source not in BUILT_IN_SOURCES:
                yield source

    def _find_damage(self, artifact_id: str) -> str:
        """What is wrong with an artifact's files, verified again after one was touched. Each load verifies them too."""
        if self.library.entries.is_shared:  # files are fetched where the work is done, and verified there
            return ", ".join(self.library.find_missing(artifact_id))
        stamp = self.library.fingerprint(artifact_id)
        if self._damage_cache.get(artifact_id, ("",))[0] != stamp:
            damage = ""
            try:
                self.library.verify(artifact_id)
            except LibraryError as error:
                damage = str(error)
            self._damage_cache[artifact_id] = stamp, damage
        return self._damage_cache[artifact_id][1]

    def _find_reusable(self, id_: str, rerun_failed: bool) -> Job | None:
        """The job of that id, if it is active or reusable; however it ended, where it is not to be done again."""
        try:
            job = self.job_store.read(id_)
            if job.state == "done" and job.kind == "compare" and not self.predictions(id_).has_predictions:
                return None
        except RoundtripError:
            return None
        return job if job.is_active or is_reusable(job) or not rerun_failed else None

    def _start(
        self, kind: str, title: str, request: Mapping[str, Any], id_: str = "", files: GivenFiles | None = None
    ) -> Job:
        """Have some work done; where that cannot be, its files are discarded. Raises as `JobDriver.submit`."""
        owner, id_ = self.library.access.viewer_id, id_ or new_id("j")
        job = Job(id=id_, kind=kind, title=title, request=dict(request), owner=owner, is_bulk=self._is_bulk)
        self.driver.submit(self, job, files or GivenFiles())
        return job

    def cancel(self, job_id: str) -> None:
        """Ask a job to stop, from any process: it looks several times a second. What it says that it keeps stays."""
        self.job_store.request_cancel(job_id)

    def wait(self, job_id: str, on_update: Callable[[Job], None] = lambda job: None) -> Job:
        """Return the job at its end; `on_update` is called with each state that is seen on the way."""
        while (job := self._read_patiently(job_id)).is_active:
            on_update(job)
            self.driver.wait_for_change(job_id, POLL_SECONDS)
        return job

    def _read_patiently(self, job_id: str) -> Job:
        """A job's record; that of a team is waited for while its database is away."""
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                return self.job_store.read(job_id)
            except StorageFailed:
                if not self.config.is_team or time.monotonic() > deadline:
                    raise
            time.sleep(RETRY_SECONDS)
