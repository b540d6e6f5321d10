"""What the catalog lists of an artifact, read from its folder and that of its run."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from core.caching import file_stamp
from core.errors import LibraryError, UnknownName, UnreadableRecord
from core.evidence.records import Evidence
from core.library.annotation_files import ANNOTATIONS_FILE, read_annotations_or_empty
from core.library.ids import validate_id
from core.library.permissions import NOBODY, AccessControl, combine_sole_viewers, sole_viewer
from core.library.records import Artifact, Entry, IndexedEntry, Run
from core.library.storage import translate_disk_errors

MAX_CACHED_RUNS = 1000  # so that a run is not read for each of its artifacts
RUN_FILES = ("run.json", ANNOTATIONS_FILE)


def read_or_describe(id_: str, read: Callable[[], IndexedEntry | None]) -> IndexedEntry | None:
    """What `read` gives; where the disk or a store gives nothing now, an entry with that for its problem."""
    try:
        with translate_disk_errors():
            return read()
    except LibraryError as error:  # one that the disk does not give stops no list
        return IndexedEntry(Entry(id_, problem=str(error)), is_final=False, sole_viewer=NOBODY)


def read_entry_folder(home: Path, access: AccessControl, folder: Path, aliases: tuple[str, ...]) -> IndexedEntry:
    """Read an artifact; `aliases` are those that point to it. Raises StorageFailed, OSError."""
    annotations = read_annotations_or_empty(folder)
    entry = Entry(
        folder.name,
        pinned=annotations.pinned,
        tags=tuple(annotations.tags),
        aliases=aliases,
        shared=annotations.shared,
        note=" ".join(annotations.note[:200].split())[:100],
    )
    try:
        artifact = Artifact.read(folder / "artifact.json")
        entry = entry._replace(owner=artifact.owner, run=artifact.run)
        evidence = Evidence.read(folder / "evidence.json")
        run_folder = home / "runs" / validate_id(artifact.run, "r")
        run = _read_run_facts(run_folder, tuple(file_stamp(run_folder / name) for name in RUN_FILES))
    except (UnreadableRecord, UnknownName) as error:
        entry = entry._replace(problem=str(error))
        return IndexedEntry(entry, annotations.note, sole_viewer=access.sole_viewer(folder))
    entry = entry._replace(
        run_name=run.name,
        demo=run.demo,
        format=artifact.format,
        created=artifact.created,
        bytes=artifact.bytes,
        verdict=evidence.best.verdict.value,
        needs_code=evidence.needs_code,
        trust=run.trust if artifact.trust == "ours" else artifact.trust,
        made_from=artifact.made_from,
        content=artifact.content.sha256 if artifact.content else None,
    )
    hashes = [file.sha256 for file in artifact.files] + ([entry.content] if entry.content else [])
    only = combine_sole_viewers(sole_viewer(artifact.owner, annotations.shared), run.sole_viewer)
    return IndexedEntry(entry, annotations.note, tuple(hashes), sole_viewer=only)


class _RunFacts(NamedTuple):
    """What the entries of a run's artifacts say of it."""

    name: str
    demo: str | None
    trust: str
    sole_viewer: str


@lru_cache(MAX_CACHED_RUNS)
def _read_run_facts(folder: Path, stamps: tuple[tuple[int, int, int] | None, ...]) -> _RunFacts:
    run, annotations = Run.read(folder / "run.json"), read_annotations_or_empty(folder)
    return _RunFacts(annotations.name or run.name, run.demo, run.trust, sole_viewer(run.owner, annotations.shared))
