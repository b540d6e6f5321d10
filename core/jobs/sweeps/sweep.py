"""`Sweeps`: many models × formats × environments × machines, made of ordinary jobs that are waited for.

A sweep is no work of a driver's: in a slot of its own it would wait for jobs that wait for that slot. It runs in a
thread of the process that started it, and its jobs wherever the driver has them done.
"""

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, cast

from filelock import FileLock

from core.environments.machines import join_keys
from core.environments.own import HERE
from core.errors import InputError, UnknownName, cleanup_on_error
from core.jobs.elsewhere import require_workers
from core.jobs.execution.driver import JobKind, do_job
from core.jobs.execution.given_files import GivenFiles
from core.jobs.execution.job_handle import JobHandle, Work
from core.jobs.execution.watched_job import watch_job
from core.jobs.service import Jobs
from core.jobs.sweeps.sweep_files import (
    discard_sent_models,
    find_sent_files,
    keep_sent_models,
    list_uploads,
    name_kept,
)
from core.jobs.sweeps.sweep_run import SweepResult, SweepRun
from core.jobs.uploads import RemoteUpload, StoredUpload
from core.library.job_store import Job
from core.library.storage import translate_disk_errors
from core.object_store import RemoteFile
from core.settings import MB
from core.sweep.models import ADDRESS, SweptModel, is_in_library, list_models, list_named_files
from core.sweep.plan import SweepPlan, make_plan
from core.sweep.row_store import read_row_file
from core.sweep.rows import SweepRow, sort_rows
from core.sweep.size import SweepSize, measure_sweep
from core.validation.file_types import display_file_name

SWEEP = "sweep"  # the kind of its job
LOCK_SECONDS = 30.0  # to wait for another start
LAST_ROWS, LAST_BYTES = 50, 2**19  # of a sweep that runs, which a page reads


class SweepRequest(TypedDict):
    """In the record of its job: no path of this machine, so one over files goes on where its plan lies.

    `plan` is a `SweepPlan` as JSON, in whose models files and folders are named without their place; `has_files` says
    that there are any.
    """

    plan: dict[str, Any]
    has_files: bool
    again: bool


class Sweeps:
    """Measures, starts, resumes and reads sweeps as the person of these jobs sees them."""

    def __init__(self, jobs: Jobs):
        self._jobs, self._library = jobs, jobs.library

    def measure(self, plan: SweepPlan, folder: Path = Path()) -> SweepSize:
        """Return how much a plan is; `folder` is that of the plan. Raises as `list_models`."""
        return measure_sweep(plan, list_models(self._library, plan.models, folder), self._sizes_to_build())

    def measure_files(self, plan: SweepPlan, sizes: Mapping[str, int]) -> SweepSize:
        """Return how much a plan over uploads is; `sizes` are their bytes by name."""
        return measure_sweep(plan, list_named_files(sizes), self._sizes_to_build())

    def _sizes_to_build(self) -> dict[str, int]:
        states = self._jobs.list_environments()
        return {state["environment"]: state["megabytes"] * 10**6 for state in states if not state["bytes"]}

    def start(self, plan: SweepPlan, folder: Path = Path(), title: str = "", again: bool = False) -> Job:
        """Start a sweep, or go on with it: what was found out before is not asked again, unless `again`.

        The same plan in the same folder is the same job; one that runs is returned. Raises as `list_models`.
        """
        models = list_models(self._library, plan.models, folder)
        self._require_workers(plan)
        job = self._make_job(plan, folder, title, again, any(map(_is_path, plan.models)))
        with self._locked():
            return self._find_running(job.id) or self._start(job, plan, models, GivenFiles())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Nobody else starts a sweep in this home meanwhile: two of one id would delete each other's rows."""
        path = self._library.home / "cache" / "sweeps.lock"
        with translate_disk_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path, timeout=LOCK_SECONDS, thread_local=False).acquire()
        with lock:
            yield

    def _find_running(self, job_id: str) -> Job | None:
        """Return a sweep that runs; the record of a process that is gone, as the store judges, is ended."""
        try:
            job = self._jobs.job_store.read(job_id)
        except UnknownName:
            return None
        if job.state == "interrupted":
            self._jobs.job_store.finish(job)
        return job if job.is_active else None

    def start_uploads(self, plan: SweepPlan, uploads: StoredUpload | RemoteUpload, title: str = "") -> Job:
        """Start a sweep over uploaded files, in whose place the plan has their names. They are deleted at its end.

        Raises InputError where there is no model among them, and then they are gone; StorageFailed.
        """
        if isinstance(uploads, RemoteUpload):
            return self._start_sent(plan, uploads, title)
        files = GivenFiles(temporary_folder=uploads.temporary_folder)
        with cleanup_on_error(files.discard):
            self._require_workers(plan)
            models = list_uploads(uploads, self._jobs.config.unpacked_mb * MB)
            job = self._make_job(plan, uploads.path, title, again=False, has_files=True)
            return self._start(job, plan, models, files)

    def _start_sent(self, plan: SweepPlan, uploads: RemoteUpload, title: str) -> Job:
        """The same where the files lie in the team's store, and stay there."""
        self._require_workers(plan)
        place = Path(*(part.key for file in uploads.remote for part in file.parts[:1]))  # of these uploads alone
        job = self._make_job(plan, place, title, again=False, has_files=True)
        if running := self._find_running(job.id):
            return running
        return self._start_kept(job, plan, uploads.remote)

    def _start_kept(self, job: Job, plan: SweepPlan, remote: Iterable[RemoteFile]) -> Job:
        """Where the database fails, the job may be in it all the same, and its files stay until `delete_old_given`."""
        kept_as = name_kept(job)
        files = GivenFiles(discard_kept=partial(discard_sent_models, self._jobs, kept_as))
        sent = keep_sent_models(self._jobs, kept_as, remote)  # which leaves nothing where it fails
        return self._start(job, plan, sent.models, files, sent.create)

    def _require_workers(self, plan: SweepPlan) -> None:
        require_workers(self._jobs, (join_keys(HERE, machine) for machine in plan.machines))

    def _start(
        self,
        job: Job,
        plan: SweepPlan,
        models: list[SweptModel],
        files: GivenFiles,
        create: Callable[[Job], Job] | None = None,
    ) -> Job:
        created = (create or self._jobs.job_store.create)(job)
        if created is not job:  # another server was faster
            files.discard()
            return created
        handle = JobHandle(self._jobs, job.model_copy(deep=True), files)
        work = partial(_run_sweep, self._jobs, plan, models)
        threading.Thread(target=self._run, args=(handle, work), daemon=True).start()
        return job

    def _make_job(self, plan: SweepPlan, folder: Path, title: str, again: bool, has_files: bool) -> Job:
        viewer = self._library.access.viewer_id
        text = json.dumps([SWEEP, plan.model_dump(mode="json"), str(folder.resolve()) if has_files else "", viewer])
        id_ = "j" + hashlib.sha256(text.encode()).hexdigest()[:10]
        named = [
            display_file_name(Path(name).name or name) if has_files and _is_path(name) else name for name in plan.models
        ]
        recorded = plan.model_dump(mode="json", by_alias=True, exclude_unset=True) | {"models": named}
        request: SweepRequest = {"plan": recorded, "has_files": has_files, "again": again}
        return Job(id=id_, kind=SWEEP, title=title or "Sweep", request=dict(request), owner=viewer)

    @staticmethod
    def _run(handle: JobHandle, work: Work) -> None:
        with watch_job(handle.job) as watched:
            do_job(handle, JobKind(SWEEP, work), watched)
            watched.end(handle.job)

    def resume(self, job_id: str, again: bool = False) -> Job:
        """Go on with a sweep that was stopped, or ask once more what a passing fault stopped; with `again` all of it.

        Raises UnknownName, and InputError for one over files, unless they were sent and its server is gone.
        """
        job = self._read(job_id)
        if not job.request["has_files"]:
            return self.start(read_request_plan(job), title=job.title, again=again)
        if job.is_active:
            return job
        if not (sent := self._find_sent(job)):
            cure = "Give them once more, here or by roundtrip sweep PLAN: what was found out is not asked again."
            raise InputError("This sweep goes over files, and they are not kept.", received=job.title, cure=cure)
        plan, request = read_request_plan(job), {**job.request, "again": again}
        self._require_workers(plan)
        resumed = Job(id=job.id, kind=SWEEP, title=job.title, request=request, owner=job.owner)
        return self._start_kept(resumed, plan, sent)

    def can_resume(self, job: Job) -> bool:
        """Whether a sweep that has ended can go on by itself, rather than be given its files once more."""
        return not job.request["has_files"] or bool(self._find_sent(job))

    def _find_sent(self, job: Job) -> list[RemoteFile]:
        """The files of a sweep that its person sent, where all are kept since its server is gone."""
        is_own = job.owner == self._library.access.viewer_id
        return find_sent_files(self._jobs, job.id) if is_own and job.state == "interrupted" else []

    def read_rows(self, job_id: str) -> list[SweepRow]:
        """Return the rows of a sweep, as far as it has come. Raises UnknownName, InputError for another job."""
        job = self._read(job_id)
        if rows := job.result.get("rows"):
            return sort_rows(SweepRow.model_validate(row) for row in rows)
        stored = read_row_file(self._jobs.job_store.folder(job_id))
        return sort_rows(stored or _read_noted_rows(job))

    def read_last_rows(self, job_id: str) -> list[SweepRow]:
        """Return the rows that came last, of a long sweep not all: a page asks for them every second. Raises alike."""
        job = self._read(job_id)
        stored = read_row_file(self._jobs.job_store.folder(job_id), LAST_BYTES)
        return sort_rows((stored or _read_noted_rows(job))[-LAST_ROWS:])

    def _read(self, job_id: str) -> Job:
        job = self._jobs.job_store.read(job_id)
        if job.kind != SWEEP:
            raise InputError("This is no sweep.", received=job_id, cure="Name the job of a sweep.")
        return job


def _run_sweep(jobs: Jobs, plan: SweepPlan, models: list[SweptModel], handle: JobHandle) -> SweepResult:
    return SweepRun(handle, jobs, plan, models).execute()


def _read_noted_rows(job: Job) -> list[SweepRow]:
    """Return the rows that stand in the record: the last ones, for a server on which the file of them does not lie."""
    return [SweepRow.model_validate(row) for row in job.detail.get("rows", [])]


def _is_path(name: str) -> bool:
    return not (is_in_library(name) or ADDRESS.match(name))


def read_request_plan(job: Job) -> SweepPlan:
    """Return the plan in the record of a sweep. Raises InputError where an environment or format of it is gone."""
    return make_plan(cast(SweepRequest, job.request)["plan"])
