"""`JobDriver`: what has the jobs done; and how one is done, whichever driver has it done."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from pydantic import BaseModel

from core.context import AppContext
from core.error_translation import translate
from core.errors import Cancelled, WorkerError
from core.jobs.execution.given_files import GivenFiles
from core.jobs.execution.job_handle import JobHandle, Work
from core.jobs.execution.watched_job import WatchedJob
from core.library.job_store import Job
from core.record import now


class Requirements(NamedTuple):
    """What a machine must have for a job: environments that it builds or has built, and formats' packages; of a team
    the worker that is to do it, where it matters which. Of `copies`, ids of artifacts that are loaded, it is to have
    the packages if any has: a copy that cannot be loaded is a row of the result. `runs` are those whose models are
    rebuilt, and `has_given_model` says that the files which it is given are one: by these and the copies it is known
    how much memory a model takes at least."""

    environments: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    has_given_model: bool = False
    worker: str = ""


def require_nothing(_: Mapping[str, Any]) -> Requirements:
    """What every machine has."""
    return Requirements()


class JobKind(NamedTuple):
    """One kind of job: its value in records, its work, and what that needs for a request.

    The work finds all that it needs in its handle: the request, the given files, the context. `is_exclusive` work is
    timed, so it has a machine for itself.
    """

    key: str
    run: Work
    is_exclusive: bool = False
    requirements: Callable[[Mapping[str, Any]], Requirements] = require_nothing


class JobDriver(Protocol):
    """Has jobs done. What a person asks for goes before what is done in bulk (`Job.is_bulk`)."""

    def submit(self, context: AppContext, job: Job, files: GivenFiles) -> None:
        """Record a job, and have it done.

        Where it cannot be, whatever this raises, there is no job, and the files are discarded. Raises StorageFailed,
        and InputError where nothing can do it.
        """

    def wait_for_change(self, job_id: str, seconds: float) -> None:
        """Wait until a job may have gone on, at most that long."""


def do_job(handle: JobHandle, kind: JobKind, watched: WatchedJob) -> None:
    """Do a job's work and record its end, whatever ends it."""
    watched.start()
    end = _do_work(handle, kind)
    handle.files.discard()
    handle.finish(**end)


def _do_work(handle: JobHandle, kind: JobKind) -> dict[str, Any]:
    """The fields of the job's record that say how it ended."""
    try:
        handle.job.state, handle.job.started = "running", now()
        handle.report_progress(note="Starting")
        result = kind.run(handle)
        result = result.model_dump(mode="json") if isinstance(result, BaseModel) else result
        return {"state": "done", "progress": 1.0, "note": "Done", "result": result}
    except Cancelled as error:
        return {"state": "cancelled", "note": "Cancelled", "error": error.to_json()}
    except Exception as error:  # noqa: BLE001  a job's end must be on record whatever ended it
        return {"state": "failed", "note": "Failed", "error": translate(error, WorkerError).to_json()}


def cancel_before_start(handle: JobHandle) -> None:
    """Record the end of a job whose work never begins."""
    handle.files.discard()
    error = Cancelled("It was cancelled before it began.", cure="Start it again when you like.")
    handle.finish(state="cancelled", error=error.to_json())
