"""The named stages of a save and of an import, each a call of one of our functions or the return from it."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import core.work.importing as importing
import core.work.saving as saving
from core.library import files, together
from core.library.journal import Journal
from core.library.lookout import Lookout
from core.worker import Worker
from core.worker.asking import Child

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
    "when the copy was reloaded": Stage(saving, "gather", "return"),
    "before hashing": Stage(files, "seal", "call"),
    "after hashing": Stage(files, "seal", "return"),
    "between record and evidence": Stage(files, "write_text", "return"),
    "before the rename": Stage(files, "move", "call"),
    "after the rename": Stage(files, "move", "return"),
    **ENDING,
}
IMPORTING = {
    "before the file is checked": Stage(importing, "gate", "call"),
    "when the file was checked": Stage(importing, "gate", "return"),
    "when a child has looked inside": Stage(importing, "inspect_in_child", "return"),
    "when a child has loaded it": Stage(importing, "load", "return"),
    "when it has answered": Stage(importing, "first_answer", "return"),
    "when it was loaded again": Stage(importing, "gather", "return"),
    "when the run is hashed": Stage(files, "seal", "return"),
    "when the copy is hashed": Stage(files, "seal", "return", 2),
    "before both are promised": Stage(together, "move", "call"),
    "when both are promised": Stage(files, "move", "call"),
    "between run and copy": Stage(files, "move", "return"),
    "before the copy's folder is flushed": Stage(files, "move", "call", 2),
    "after both": Stage(files, "move", "return", 2),
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
