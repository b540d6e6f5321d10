"""Small harmless kinds of jobs, to be done by any driver; each says in its result what it saw."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import CannotSave
from core.jobs.execution.driver import JobKind, Requirements
from core.jobs.execution.job_handle import JobHandle
from core.jobs.kinds import KINDS
from core.library.storage import list_files
from core.worker.child_errors import cancelled_error
from tests.factories.library_entries import make_artifact, make_imported_artifact, make_run

STEP_SECONDS = 0.02
ASK_SECONDS = 0.002  # of a job that does nothing but ask whether it is to stop


def run_echo(handle: JobHandle) -> dict[str, Any]:
    """The request, and who does it for whom."""
    return {"request": handle.request, "viewer": handle.library.access.viewer_id, "process": os.getpid()}


def run_wait(handle: JobHandle) -> dict[str, Any]:
    """Write a line into the file `begun`, then wait until the file `until` is there."""
    begin(handle)
    while not Path(handle.request["until"]).exists():
        if handle.is_cancelled():
            raise cancelled_error()
        handle.report_progress(0.5, "Waiting", seen=True)
        time.sleep(STEP_SECONDS)
    return {"process": os.getpid()}


def begin(handle: JobHandle) -> None:
    with Path(handle.request["begun"]).open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()} {handle.job.id}\n")


def run_commit(handle: JobHandle) -> dict[str, Any]:
    """The same, then store a run."""
    run_wait(handle)
    return {"run": make_run(handle.library).id}


def run_model(handle: JobHandle) -> dict[str, Any]:
    """Store a run with its artifact, as an import does, then another copy of it, as a save does."""
    first = make_imported_artifact(handle.library, handle.request["content"].encode())
    second = make_artifact(handle.library, handle.library.run(first.run), "h5", handle.request["content"].encode())
    return {"run": first.run, "artifacts": [first.id, second.id]}


def run_refuse(handle: JobHandle) -> dict[str, Any]:
    raise CannotSave("It cannot be done.", received=handle.request["what"], cure="Do another.")


def run_read(handle: JobHandle) -> dict[str, Any]:
    """The texts of the files that it is given, by what they are and where they lie."""
    texts = {}
    for argument, path in handle.files.paths.items():
        for file in list_files(path) if path.is_dir() else [path]:
            texts[f"{argument}:{file.relative_to(path).as_posix()}"] = file.read_text(encoding="utf-8")
    return {"texts": texts, "name": handle.files.name, "names": [path.name for path in handle.files.paths.values()]}


def run_store(handle: JobHandle) -> dict[str, Any]:
    """Store arrays, and a file, beside the job."""
    handle.context.job_store.save_arrays(handle.job.id, {"numbers": np.arange(3)})
    folder = handle.context.predictions(handle.job.id)
    folder.write_chunk("a0123456789", 0, {"answer": np.ones((2, 3), np.float32)})
    return {}


def run_stamp(handle: JobHandle) -> dict[str, Any]:
    """Write down when the work began."""
    Path(handle.request["file"]).write_text(str(time.time()))
    return {}


def run_hear(handle: JobHandle) -> dict[str, Any]:
    """Make the file `begun`, then wait to be cancelled, and write down into `heard` when that was heard."""
    Path(handle.request["begun"]).touch()
    wait_for_stop(handle.is_cancelled, Path(handle.request["heard"]))
    raise cancelled_error()


def wait_for_stop(should_stop: Callable[[], bool], heard: Path) -> None:
    """Ask again and again, and write down when the answer is yes."""
    while not should_stop():
        time.sleep(ASK_SECONDS)
    heard.write_text(str(time.time()))


def run_sleep(handle: JobHandle) -> dict[str, Any]:
    """Wait so many seconds, and compute nothing."""
    time.sleep(handle.request["seconds"])
    return {}


def need_environments(request: Any) -> Requirements:
    return Requirements(environments=tuple(request.get("environments", ())))


SMALL_KINDS = {
    kind.key: kind
    for kind in (
        JobKind("echo", run_echo, requirements=need_environments),
        JobKind("wait", run_wait),
        JobKind("alone", run_wait, is_exclusive=True),
        JobKind("commit", run_commit),
        JobKind("model", run_model),
        JobKind("refuse", run_refuse),
        JobKind("read", run_read),
        JobKind("store", run_store),
        JobKind("compare", run_store),
        JobKind("stamp", run_stamp),
        JobKind("hear", run_hear),
        JobKind("sleep", run_sleep),
        KINDS["verify"],
    )
}
