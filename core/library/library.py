"""`Library` facade and listings.

Which runs and artifacts there are: from the catalog where there may be many, from the folders where nothing may be
missed.

The library: all runs and artifacts that are kept, whole or absent, whatever is killed when.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import UnknownName, UnreadableRecord
from core.library.base import ReadMixin
from core.library.catalog.catalog import Catalog
from core.library.catalog.schema import IN_MEMORY_URL
from core.library.catalog.sync import CatalogSync
from core.library.records import FOLDER_BY_KIND, ID_PATTERN, Entry, Page, Query, Run
from core.library.storage import translate_disk_errors
from core.library.writes import AnnotationMixin, CommitMixin, TrashMixin

if TYPE_CHECKING:
    from core.library.add_model import AddResult
    from core.worker import Worker


class ListingMixin(ReadMixin):
    """Lists what this person sees."""

    def find(self, search: str = "", demos: Iterable[str] = (), formats: Iterable[str] = ()) -> list[Entry]:
        """The artifacts that fit, newest first; a bad one is listed with its problem and stops nothing."""
        return self.page(Query(search, tuple(demos), tuple(formats), size=None)).entries

    def page(self, query: Query) -> Page:
        """One page of the artifacts that fit, in the order that is asked for. Raises InputError."""
        asked = replace(query, viewer_id=self.access.viewer_id)
        return self._catalog_sync.query(lambda catalog: catalog.page(asked))

    def count_tags(self) -> dict[str, int]:
        """Every tag of an artifact, and how many have it."""
        return self._catalog_sync.query(lambda catalog: catalog.count_tags(self.access.viewer_id))

    def count_values(self, column: str) -> dict[Any, int]:
        """Every demo, format, rank of a verdict, trust or run that artifacts have, by its column, and how many have it;
        of runs those whose copies can be read."""
        return self._catalog_sync.query(lambda catalog: catalog.count_values(column, self.access.viewer_id))

    def artifacts_of(self, run_id: str) -> list[str]:
        """The ids of the artifacts of a run."""
        return self._catalog_sync.query(lambda catalog: catalog.ids_where("run", [run_id], self.access.viewer_id))

    def conversions_of(self, artifact_id: str) -> list[str]:
        """The ids of the artifacts that were converted from one."""
        return self._catalog_sync.query(
            lambda catalog: catalog.ids_where("made_from", [artifact_id], self.access.viewer_id)
        )

    @translate_disk_errors()
    def runs(self) -> list[Run]:
        """All readable runs, newest first."""
        found = []
        for folder in (self.home / "runs").iterdir():
            # An unreadable run still shows, as its artifacts' problem.
            with contextlib.suppress(UnreadableRecord, UnknownName):
                found.append(self._read_run(folder.name, partial(self._run_cache.get, Run.read)))
        return sorted(found, key=lambda run: run.created, reverse=True)

    @translate_disk_errors()
    def ids(self) -> list[str]:
        """Of all runs and artifacts, readable or not."""
        folders = (folder for kind in FOLDER_BY_KIND.values() for folder in (self.home / kind).iterdir())
        return sorted(one.name for one in folders if self.access.viewer_id is None or self._is_visible(one))

    def _is_visible(self, folder: Path) -> bool:
        return bool(ID_PATTERN.fullmatch(folder.name)) and self.access.can_see(folder)

    @translate_disk_errors()
    def foreign_paths(self) -> list[Path]:
        """What lies among runs and artifacts, and is no entry of ours: nothing that a person who signed in is told."""
        if self.access.viewer_id is not None:
            return []
        found = [one for kind in FOLDER_BY_KIND.values() for one in (self.home / kind).iterdir()]
        return sorted(
            one
            for one in found
            if FOLDER_BY_KIND.get(one.name[:1]) != one.parent.name or not ID_PATTERN.fullmatch(one.name)
        )

    def rebuild_catalog(self) -> None:
        """Make the catalog anew from the folders."""
        self._catalog_sync.rebuild()

    def catalog_backend(self) -> str:
        """What the catalog is kept in (see `Catalog.kind`)."""
        return self._catalog.backend()

    def find_on_disk(self) -> list[Entry]:
        """What `find` should give, read from the folders and past the catalog."""
        asked = Query(size=None, viewer_id=self.access.viewer_id)
        return CatalogSync(self.home, Catalog(IN_MEMORY_URL)).query(lambda catalog: catalog.page(asked)).entries


class Library(ListingMixin, CommitMixin, AnnotationMixin, TrashMixin):
    """Runs and artifacts in a folder (`ROUNDTRIP_HOME`), and a catalog of them.

    For one person (see `seen_by`) what is another's alone raises UnknownName, as if it were not there, and what is
    another's and shared cannot be changed.
    Opening it makes the folder, and clears away what processes that are gone had staged.
    Raises StorageFailed when the folder cannot be made.
    """

    def add(
        self, model: Any, inputs: Any, formats: Iterable[str], name: str = "", worker: "Worker | None" = None
    ) -> list["AddResult"]:
        """Save a Keras model or tf.Module of your own, from a notebook or a script, with its reference.

        `inputs` is an array, batch first, or a dictionary of them; the model's answers to it become the reference.
        Gives one `Added` for each format, in order: its artifact and evidence, or the error that the format raised.
        With `worker`, that one reloads the copies and stays as it is; else one is started and ended.
        Raises InputError when the model or the inputs cannot be used at all, CannotSave when the model cannot be kept.
        """
        from core.library.add_model import save_live_model  # with all formats and demos, which nothing else here needs

        return save_live_model(self, model, inputs, list(formats), name, worker)
