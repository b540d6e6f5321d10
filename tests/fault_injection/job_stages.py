"""The named stages of a save and of an import, each a call of one of our functions or the return from it."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import core.jobs.imports.import_model as import_model
import core.jobs.save as save
from core.library import atomic_commit, integrity, storage
from core.library.catalog.sync import CatalogSync
from core.library.job_store import JobStore
from core.worker.child_handle import Child
from core.worker.child_pool import ChildPool

WRITE_TIMEOUT = 60  # seconds until a child has written something


class Stage(NamedTuple):
    """The `count`-th call of a function, or return from it; `when` is "call", "return", or "writing": during the call,
    as soon as a file is staged."""

    owner: Any
    name: str
    when: str
    count: int = 1


FINAL_STAGES = {
    "before the list is told": Stage(CatalogSync, "log_changes", "call"),
    "before the job's end is kept": Stage(JobStore, "finish", "call"),
    "after the job's end is kept": Stage(JobStore, "finish", "return"),
}
SAVE_STAGES = {
    "before the child is asked": Stage(ChildPool, "run", "call"),
    "while the child writes": Stage(Child, "receive", "writing"),
    "when the child has saved": Stage(ChildPool, "run", "return"),
    "while the copy is reloaded": Stage(Child, "receive", "call", 2),
    "when the copy was reloaded": Stage(save, "gather_evidence", "return"),
    "before hashing": Stage(integrity, "hash_and_flush", "call"),
    "after hashing": Stage(integrity, "hash_and_flush", "return"),
    "between record and evidence": Stage(storage, "write_text_atomically", "return"),
    "before the rename": Stage(storage, "rename_durably", "call"),
    "after the rename": Stage(storage, "rename_durably", "return"),
    **FINAL_STAGES,
}
IMPORT_STAGES = {
    "before the file is checked": Stage(import_model, "validate_upload", "call"),
    "when the file was checked": Stage(import_model, "validate_upload", "return"),
    "when a child has looked inside": Stage(import_model, "validate_content_in_child", "return"),
    "when a child has loaded it": Stage(import_model, "load_in_child", "return"),
    "when it has answered": Stage(import_model, "find_accepted_input", "return"),
    "when it was loaded again": Stage(import_model, "gather_evidence", "return"),
    "when the run is hashed": Stage(integrity, "hash_and_flush", "return"),
    "when the copy is hashed": Stage(integrity, "hash_and_flush", "return", 2),
    "before both are promised": Stage(atomic_commit, "commit_atomically", "call"),
    "when both are promised": Stage(storage, "rename_durably", "call"),
    "between run and copy": Stage(storage, "rename_durably", "return"),
    "before the copy's folder is flushed": Stage(storage, "rename_durably", "call", 2),
    "after both": Stage(storage, "rename_durably", "return", 2),
    **FINAL_STAGES,
}


def run_at_stage(
    stage: Stage, do: Callable[[], None], staging: Path, patch: Callable[[Any, str, Any], None] = setattr
) -> list[Stage]:
    """Have `do` done once, when the stage is reached; gives a list that then holds the stage."""
    real, calls, lock, reached = getattr(stage.owner, stage.name), [], threading.Lock(), []

    def watched(*args: Any, **more: Any) -> Any:
        with lock:
            calls.append(stage.name)
            now = len(calls) == stage.count
        if now and stage.when == "writing":
            _wait_for_staged_file(staging)
        if now and stage.when != "return":
            reached.append(stage)
            do()
        result = real(*args, **more)
        if now and stage.when == "return":
            reached.append(stage)
            do()
        return result

    patch(stage.owner, stage.name, watched)
    return reached


def _wait_for_staged_file(staging: Path) -> None:
    deadline = time.monotonic() + WRITE_TIMEOUT
    while not any(path.is_file() for path in staging.glob("*/files/**/*")):
        assert time.monotonic() < deadline, "nothing was written"
