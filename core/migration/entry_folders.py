"""What a library's home holds, entry by entry."""

from collections.abc import Iterator

from core.library import Library
from core.library.ids import ID_PATTERN
from core.library.job_store import JobStore
from core.object_store.local_entry import FOLDER_BY_KIND, LocalEntry

GROUPS = ("runs", "inputs", "artifacts", "trash", "jobs")  # what others need comes before them


def list_local_entries(library: Library) -> dict[str, list[LocalEntry]]:
    """Return all entries of a library that may be brought elsewhere, by the folder of its home that holds them."""
    active = set(find_active_jobs(library))
    return {
        group: [
            LocalEntry(path.name, path)
            for path in (sorted((library.home / group).iterdir()) if (library.home / group).is_dir() else ())
            if ID_PATTERN.fullmatch(path.name) and path.is_dir() and path.name not in active
        ]
        for group in GROUPS
    }


def find_active_jobs(library: Library) -> Iterator[str]:
    """Yield the ids of jobs that still run, and of those of which there is no record yet."""
    store = JobStore(library.home / "jobs", 0)  # which deletes the oldest only when a job is created
    yield from (folder.name for folder in store.unstarted_folders())
    yield from (job.id for job in store.list_jobs() if job.is_active)


def find_local_entry(library: Library, id_: str) -> LocalEntry | None:
    """Return an entry in its place or in the trash; None where it is in neither."""
    folders = (library.home / FOLDER_BY_KIND[id_[0]] / id_, library.home / "trash" / id_)
    return next((LocalEntry(id_, folder) for folder in folders if folder.is_dir()), None)
