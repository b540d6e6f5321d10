"""The named stages of a save and of an import, each a call of one of our functions or the return from it."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import core.jobs.import_model as import_model
import core.jobs.save as save
from core.library import storage
from core.library.catalog.sync import Lookout
from core.library.job_store import Journal
from core.worker import Worker
from core.worker.child_handle import Child

AT_MOST = 60  # seconds until a child has written something


class Stage(NamedTuple):
    """The `count`-th call of a function, or return from it; `when` is "call", "return", or "writing": during the call,
    as soon as a file is staged."""

    owner: Any
    name: str
    when: str
    count: int = 1


ENDING = {
    "before the list is told": Stage(Lookout, "changed", "call"),
    "before the job's end is kept": Stage(Journal, "end", "call"),
    "after the job's end is kept": Stage(Journal, "end", "return"),
}
SAVING = {
    "before the child is asked": Stage(Worker, "run", "call"),
    "while the child writes": Stage(Child, "receive", "writing"),
    "when the child has saved": Stage(Worker, "run", "return"),
    "while the copy is reloaded": Stage(Child, "receive", "call", 2),
    "when the copy was reloaded": Stage(save, "gather", "return"),
    "before hashing": Stage(storage, "seal", "call"),
    "after hashing": Stage(storage, "seal", "return"),
    "between record and evidence": Stage(storage, "write_text", "return"),
    "before the rename": Stage(storage, "move", "call"),
    "after the rename": Stage(storage, "move", "return"),
    **ENDING,
}
IMPORTING = {
    "before the file is checked": Stage(import_model, "gate", "call"),
    "when the file was checked": Stage(import_model, "gate", "return"),
    "when a child has looked inside": Stage(import_model, "inspect_in_child", "return"),
    "when a child has loaded it": Stage(import_model, "load", "return"),
    "when it has answered": Stage(import_model, "first_answer", "return"),
    "when it was loaded again": Stage(import_model, "gather", "return"),
    "when the run is hashed": Stage(storage, "seal", "return"),
    "when the copy is hashed": Stage(storage, "seal", "return", 2),
    "before both are promised": Stage(storage, "commit_entries", "call"),
    "when both are promised": Stage(storage, "move", "call"),
    "between run and copy": Stage(storage, "move", "return"),
    "before the copy's folder is flushed": Stage(storage, "move", "call", 2),
    "after both": Stage(storage, "move", "return", 2),
    **ENDING,
}


def at(stage: Stage, do: Callable[[], None], staging: Path, patch: Callable[[Any, str, Any], None] = setattr) -> None:
    """Have `do` done once, when the stage is reached."""
    real, calls, lock = getattr(stage.owner, stage.name), [], threading.Lock()

    def watched(*args: Any, **more: Any) -> Any:
        with lock:
            calls.append(stage.name)
            now = len(calls) == stage.count
        if now and stage.when == "writing":
            _await_file(staging)
        if now and stage.when != "return":
            do()
        result = real(*args, **more)
        if now and stage.when == "return":
            do()
        return result

    patch(stage.owner, stage.name, watched)


def _await_file(staging: Path) -> None:
    deadline = time.monotonic() + AT_MOST
    while not any(path.is_file() for path in staging.glob("*/files/**/*")):
        assert time.monotonic() < deadline, "nothing was written"
