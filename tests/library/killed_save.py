"""`python killed_save.py HOME STAGE`: begins to keep an artifact and is killed with signal 9 at a named stage."""

import os
import signal
import sys

from core.library import Library, integrity, storage
from tests.factories.library_entries import make_artifact, make_run

# Each stage is the return from, or the call of, the n-th use of one of these functions.
KILL_STAGES = {
    "before hashing": (integrity, "hash_and_flush", "call", 1),
    "after hashing": (integrity, "hash_and_flush", "return", 1),
    "before the record": (storage, "write_text_atomically", "call", 1),
    "between record and evidence": (storage, "write_text_atomically", "return", 1),
    "within the evidence": (os, "replace", "call", 2),
    "before the rename": (os, "rename", "call", 1),
    "after the rename": (os, "rename", "return", 1),
    "before the parents are flushed": (storage, "fsync_path", "call", 6),
}


def kill_at(module, name: str, when: str, count: int) -> None:
    real, calls = getattr(module, name), []

    def deadly(*args, **kwargs):
        calls.append(name)
        if when == "call" and len(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if when == "return" and len(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(module, name, deadly)


def main(home: str, stage: str) -> None:
    library = Library(home)
    run = make_run(library)
    make_artifact(library, run, "h5")
    print("ready", flush=True)
    kill_at(*KILL_STAGES[stage])
    make_artifact(library, run, "keras")


if __name__ == "__main__":
    main(*sys.argv[1:])
