"""Whoever can be asked: an artifact, or the live model of a run, opened in a child of its own."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from core.formats.contract import Arrays
from core.work.sources import source_of
from core.worker.loaded import Loaded, load

if TYPE_CHECKING:
    from core.jobs import Jobs


def run_of(jobs: "Jobs", id_: str) -> str:
    """The id of the run that a participant (an artifact's id, or a run's own) belongs to. Raises UnknownName."""
    return id_ if id_.startswith("r") else jobs.library.artifact(id_).run


def open_participant(
    jobs: "Jobs",
    id_: str,
    source: str = "none",
    first: Arrays | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    variables: bool = False,
) -> Loaded:
    """Load an artifact, or rebuild a run's live model, in a fresh child, after its files are held against their hashes.

    `source` is the key of a choice (see `core.work.sources`), `first` a row to be answered at once. Raises what
    `core.worker.loaded.load` raises, Damaged and UnknownName.
    """
    run = jobs.library.run(run_of(jobs, id_))
    limits = {"seconds": jobs.config.child_seconds, "cancelled": cancelled, "arrays": first or {}}
    if id_ == run.id:
        asked = {"source": run.source, "kind": run.kind, "snapshot": str(jobs.library.snapshot(id_))}
        return load(jobs.worker, "hold_live", **limits, **asked)
    asked = {"format": jobs.library.artifact(id_).format, "folder": str(jobs.library.files(id_))}
    asked |= {"source": source_of(jobs.library, run, source), "variables": variables}
    return load(jobs.worker, "hold", **limits, **asked)
