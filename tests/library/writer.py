"""`python writer.py HOME COUNT`: keeps a run and so many artifacts, listing all of them after each."""

import sys

from core.library import Library
from tests.library.conftest import keep_artifact, keep_run


def main(home: str, count: str) -> None:
    library = Library(home)
    run = keep_run(library)
    kept = []
    for _ in range(int(count)):
        kept.append(keep_artifact(library, run).id)
        assert set(kept) <= {entry.id for entry in library.find()}
    print(" ".join(kept))


if __name__ == "__main__":
    main(*sys.argv[1:])
