"""`python entry_writer.py HOME COUNT`: keeps a run and so many artifacts, listing all of them after each."""

import sys
from pathlib import Path

from core.object_store.team_library import open_library
from core.settings import Settings
from tests.factories.library_entries import make_artifact, make_run


def main(home: str, count: str) -> None:
    library = open_library(Settings(home=Path(home)))
    run = make_run(library)
    stored = []
    for _ in range(int(count)):
        stored.append(make_artifact(library, run).id)
        assert set(stored) <= {entry.id for entry in library.find()}
    print(" ".join(stored))


if __name__ == "__main__":
    main(*sys.argv[1:])
