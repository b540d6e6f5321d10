"""`python many_writers.py HOME WRITERS COUNT`: so many processes at once, of which each keeps so many artifacts.

Each lists after each, tags it, and at the end removes one and restores it. Prints the ids of all that were kept.
"""

import os
import sys

from core.library import Library
from tests.factories.library_entries import make_artifact, make_run


def main(home: str, writers: str, count: str) -> int:
    pipes = [os.pipe() for _ in range(int(writers))]
    pids = [_fork_writer(home, int(count), write) for _, write in pipes]
    for read, write in pipes:
        os.close(write)
        with os.fdopen(read) as stored:
            print(stored.read())
    return sum(os.waitpid(pid, 0)[1] for pid in pids)


def _fork_writer(home: str, count: int, pipe: int) -> int:
    if pid := os.fork():
        return pid
    status = 1
    try:
        os.write(pipe, " ".join(_write_artifacts(Library(home), count)).encode())
        status = 0
    finally:
        sys.excepthook(*sys.exc_info()) if status else None
        os._exit(status)


def _write_artifacts(library: Library, count: int) -> list[str]:
    run, stored = make_run(library), []
    for number in range(count):
        stored.append(make_artifact(library, run, content=f"{os.getpid()} {number}".encode()).id)
        assert set(stored) <= {entry.id for entry in library.find()}
        library.tag([stored[-1]], [f"from-{os.getpid()}"])
    library.remove(stored[0])
    assert stored[0] not in {entry.id for entry in library.find()}
    library.restore(stored[0])
    return stored


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) != 0)
