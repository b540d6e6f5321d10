"""Remove entries of a library into the trash, restore them, and empty it."""

from collections.abc import Iterable

from core.errors import InputError
from core.library.annotation_files import read_annotations
from core.library.base import LibraryBase
from core.library.catalog.catalog import Catalog
from core.library.ids import ID_PATTERN, unknown_id_error
from core.library.storage import translate_disk_errors
from core.library.trash_folder import TrashedEntry


class TrashMixin(LibraryBase):
    """Removes entries and restores them, one writer at a time in all processes."""

    def remove(self, id_: str) -> list[str]:
        """Move an artifact, or a run with all of its artifacts, into the trash. Returns the ids that moved.

        Raises InputError for what is pinned or has an alias, UnknownName, StorageFailed.
        """
        return self.remove_all([id_])

    def remove_all(self, ids: Iterable[str]) -> list[str]:
        """As `remove`, many at once: either all of them may go, or none does."""
        removed = self._list_with_artifacts(ids)
        with self._write_lock():
            for id_ in removed:
                self._require_removable(id_)
            for id_ in removed:
                self._own_folder(id_)
                self.entries.put_in_trash(id_)
        return removed

    def require_removable(self, ids: Iterable[str]) -> None:
        """Raise what `remove_all` would raise now; nothing moves."""
        for id_ in self._list_with_artifacts(ids):
            self._require_removable(id_)

    def _list_with_artifacts(self, ids: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(entry for id_ in ids for entry in self._ids_with_artifacts(id_)))

    def _ids_with_artifacts(self, id_: str) -> list[str]:
        self._own_folder(id_)
        copies = self._catalog_sync.query(Catalog.ids_where, "run", [id_]) if id_.startswith("r") else []
        if not all(map(self.access.can_change, self.entries.locate_all(copies).values())):
            raise InputError(
                "Others have saved copies of this run, so it is not removed.",
                received=id_,
                cure="Make it private instead: then nobody else sees it.",
            )
        return [*copies, id_]

    def _require_removable(self, id_: str) -> None:
        """Raise InputError for what is pinned or has an alias, UnreadableRecord where that cannot be read."""
        aliases = [alias for alias, target in self.entries.aliases().aliases.items() if target == id_]
        if aliases:
            raise InputError(
                f"The alias '{aliases[0]}' points to it, so it is not removed.",
                received=id_,
                cure="Take it off first: in the field Aliases of this copy, or by `roundtrip alias NAME --drop`.",
            )
        if read_annotations(self.folder(id_)).pinned:
            raise InputError("It is pinned, so it is not removed.", received=id_, cure="Unpin it first.")

    def restore(self, id_: str) -> list[str]:
        """Bring an entry back from the trash, an artifact with its run. Returns the ids that came back.

        Raises UnknownName, StorageFailed.
        """
        with self._write_lock():
            ids = self._trash.ids_with_run(id_)
            if not all(self._can_restore(restored) for restored in ids):
                raise unknown_id_error(id_)
            for restored in ids:
                self.entries.restore(restored)
        return ids

    @translate_disk_errors()
    def trash_ids(self) -> list[str]:
        """The ids of what can be restored, what was removed last first."""
        return [id_ for id_ in self._trash.ids() if self._can_restore(id_)]

    def _can_restore(self, id_: str) -> bool:
        if self.access.viewer_id is None:
            return True
        folder = self.entries.locate(id_) if ID_PATTERN.fullmatch(id_) else None
        return folder is not None and self.access.can_change(folder)

    @translate_disk_errors()
    def trashed_entries(self, limit: int | None = None) -> list[TrashedEntry]:
        """What can be restored, with what its record says, in the order of `trash_ids`; at most `limit`."""
        return self._trash.read_entries(self.trash_ids()[:limit])

    def empty_trash(self, days: float) -> list[str]:
        """Delete for good what was removed that many days ago or earlier, and is not pinned. Returns the ids.

        Raises StorageFailed.
        """
        with self._write_lock():
            return self._trash.empty(days, self._can_restore)
