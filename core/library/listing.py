"""List the runs and artifacts of a library, and which copies say the same as another, in whatever bytes."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from core.caching import StampedCache
from core.errors import UnreadableRecord
from core.evidence.content_hash import ContentHash
from core.library.catalog.catalog import Catalog
from core.library.ids import ID_PATTERN
from core.library.reads import ReadMixin, read_named_run
from core.library.records import FOLDER_BY_KIND, Entry, Page, Query, Run
from core.library.storage import translate_disk_errors
from core.text.labels import number_equal

_run_names = StampedCache(64, "run names")  # of as many libraries and viewers


class ListingMixin(ReadMixin):
    """Lists what this person sees."""

    def find(self, search: str = "", demos: Iterable[str] = (), formats: Iterable[str] = ()) -> list[Entry]:
        """The artifacts that match, newest first; an unreadable one is listed with its problem."""
        return self.page(Query(search, tuple(demos), tuple(formats), size=None)).entries

    def page(self, query: Query) -> Page:
        """One page of the artifacts that match, in the order of the query. Raises InputError."""
        return self._catalog_sync.query(Catalog.page, replace(query, viewer_id=self.access.viewer_id))

    def count_tags(self) -> dict[str, int]:
        """Every tag of an artifact, and how many artifacts have it."""
        return self._catalog_sync.query(Catalog.count_tags, self.access.viewer_id)

    def count_values(self, column: str) -> dict[Any, int]:
        """Every demo, format, rank of a verdict, trust or run of an artifact, and how many artifacts have it; of runs
        those that have readable artifacts."""
        return self._catalog_sync.query(Catalog.count_values, column, self.access.viewer_id)

    def artifacts_of(self, run_id: str) -> list[str]:
        """The ids of the artifacts of a run."""
        return self._catalog_sync.query(Catalog.ids_where, "run", [run_id], self.access.viewer_id)

    def conversions_of(self, artifact_id: str) -> list[str]:
        """The ids of the artifacts that were converted from one."""
        return self._catalog_sync.query(Catalog.ids_where, "made_from", [artifact_id], self.access.viewer_id)

    @translate_disk_errors()
    def runs(self) -> list[Run]:
        """All readable runs, newest first."""
        runs = []
        ids = filter(ID_PATTERN.fullmatch, self.entries.ids("r"))
        for folder in self.entries.locate_all(ids).values():
            # An unreadable run still shows, as its artifacts' problem.
            with contextlib.suppress(UnreadableRecord):
                if self.access.can_see(folder):
                    runs.append(read_named_run(folder, partial(self._run_cache.get, Run.read)))
        return sorted(runs, key=lambda run: run.created, reverse=True)

    def run_names(self) -> dict[str, str]:
        """The name of every readable run by its id; equal names are numbered, the oldest first.

        As of the last change that this library made or another process logged: a folder put there by hand is missing.
        """
        key, stamp = (str(self.home), self.access.viewer_id), self.entries.stamp()
        return _run_names.get_or_compute(key, lambda: number_equal(self._names_by_age()), stamp)

    def _names_by_age(self) -> dict[str, str]:
        return {run.id: run.name for run in reversed(self.runs())}

    @translate_disk_errors()
    def ids(self) -> list[str]:
        """The ids of all runs and artifacts, readable or not."""
        ids = self.entries.ids("".join(FOLDER_BY_KIND))
        if self.access.viewer_id is not None:
            located = self.entries.locate_all(filter(ID_PATTERN.fullmatch, ids))
            ids = [id_ for id_, folder in located.items() if self.access.can_see(folder)]
        return sorted(ids)

    def _list_paths(self) -> Iterator[Path]:
        return (path for folder in FOLDER_BY_KIND.values() for path in (self.home / folder).iterdir())

    @translate_disk_errors()
    def foreign_paths(self) -> list[Path]:
        """Return paths among runs and artifacts that are no entries of ours; none for a person who signed in."""
        return sorted(
            path
            for path in (self._list_paths() if self.access.viewer_id is None else ())
            if FOLDER_BY_KIND.get(path.name[:1]) != path.parent.name or not ID_PATTERN.fullmatch(path.name)
        )

    def rebuild_catalog(self) -> None:
        """Read every folder again into the catalog."""
        self._catalog_sync.rebuild()

    def catalog_backend(self) -> str:
        """See `Catalog.backend`."""
        return self._catalog.backend()

    def find_on_disk(self) -> list[Entry]:
        """What `find` should return, read from the folders and past the catalog."""
        every = Query(size=None, viewer_id=self.access.viewer_id)
        return self._catalog_sync.page_afresh(every).entries


def find_same_content(library: ListingMixin, content: ContentHash | None, besides: str = "") -> list[str]:
    """The ids of the copies, that this person sees, with a content hash; `besides` is a copy that is left out.

    None is found where there is no hash.
    """
    if content is None:
        return []
    entries = library.page(Query(search=content.sha256, size=None)).entries
    return [entry.id for entry in entries if entry.content == content.sha256 and entry.id != besides]
