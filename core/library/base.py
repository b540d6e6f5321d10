"""An opened library: its folder, its catalog and who looks at it; and how one run or artifact is read."""

import contextlib
import copy
from pathlib import Path
from typing import Self

from core.caching import RecordCache
from core.errors import InputError
from core.library import atomic_commit
from core.library import staging as staging_module
from core.library.catalog.catalog import Catalog, CatalogLost
from core.library.ids import ID_PATTERN, RepeatableIds, unknown_id_error, validate_id
from core.library.local_entries import LocalEntries
from core.library.permissions import AccessControl, Viewer
from core.library.shared_entries import Fence, SharedEntries, unfenced
from core.library.storage import translate_disk_errors
from core.library.trash_folder import Trash
from core.settings import get_settings

FOLDERS = ("runs", "artifacts", "trash", "staging", "jobs")
MAX_CACHED_RUN_BYTES = 2**22  # of the records of runs that lists cache


class LibraryBase:
    """Where an entry lies, and whether this person may see or change it."""

    def __init__(self, home: Path | str | None = None, catalog_url: str = "", shared: SharedEntries | None = None):
        self.home = Path(home or get_settings().home).expanduser().resolve()
        with translate_disk_errors():
            for name in FOLDERS:
                (self.home / name).mkdir(parents=True, exist_ok=True)
            self._recover_staging()
        self.entries = shared or self._open_local_entries(catalog_url or get_settings().database_url)
        self._catalog, self._catalog_sync = self.entries.catalog, self.entries.rows
        self._trash = Trash(self.home, self.entries)
        self._fence: Fence = unfenced
        self._ids: RepeatableIds | None = None
        self.access = AccessControl(self.home, locate=self.entries.locate)
        self._run_cache = RecordCache(MAX_CACHED_RUN_BYTES, "runs")

    def for_viewer(self, viewer: Viewer) -> Self:
        """The same library as one person sees it, and who owns what is made in it."""
        library = copy.copy(self)
        library.access = self.access.for_viewer(viewer)
        return library

    def with_fence(self, fence: Fence, work: str = "") -> Self:
        """The same library, whose commits happen inside `fence()`, and not at all where that raises.

        Args:
            work: Names the piece of work that commits. Where that is done again, each of its commits takes effect once:
                what was stored first stays, and is what the later one returns.
        """
        library = copy.copy(self)
        library._fence, library._ids = fence, RepeatableIds(work) if work else None
        return library

    def _open_local_entries(self, url: str) -> LocalEntries:
        catalog = Catalog(url or f"sqlite:///{(self.home / 'catalog.sqlite').as_posix()}", is_owned=not url)
        if url:
            require_own_catalog(catalog, str(self.home))
        return LocalEntries(self.home, catalog)

    def _recover_staging(self) -> None:
        for folder in staging_module.find_abandoned_staging(self.home):
            with contextlib.suppress(OSError):  # a disk that takes nothing now is read all the same
                atomic_commit.recover_staging(folder, self.home)

    def staging(self) -> contextlib.AbstractContextManager[Path]:
        """An empty folder on the library's own disk; whatever is still in it at the end is deleted."""
        return staging_module.staging_folder(self.home)

    @translate_disk_errors()
    def folder(self, id_: str, kinds: str = "ar") -> Path:
        """The folder of an entry. Raises UnknownName."""
        folder = self.entries.locate(validate_id(id_, kinds))
        if folder is None or _is_in_trash(folder) or not self.access.can_see(folder):
            raise unknown_id_error(id_)
        return folder

    @translate_disk_errors()
    def find_folder(self, id_: str) -> Path | None:
        """The folder of an entry, in its place or in the trash; None where there is none that this person sees."""
        folder = self.entries.locate(id_) if ID_PATTERN.fullmatch(id_) else None
        return folder if folder and self.access.can_see(folder) else None

    def has(self, id_: str) -> bool:
        """Whether an entry that this person sees is in its place, and not in the trash."""
        folder = self.find_folder(id_)
        return folder is not None and not _is_in_trash(folder)

    def _own_folder(self, id_: str, kinds: str = "ar") -> Path:
        """The folder of an entry that the person may change. Raises UnknownName, InputError for another's."""
        folder = self.folder(id_, kinds)
        if not self.access.can_change(folder):
            raise InputError(
                "It is another person's, so only they can change it.",
                received=id_,
                cure="Save a copy of your own, or ask them.",
            )
        return folder

    def require_full_access(self) -> None:
        """Raises InputError where a person sees only a part, and may not start what goes over everything."""
        if self.access.viewer_id is not None:
            raise InputError(
                "This goes over everybody's runs and artifacts, so a person who signed in cannot start it.",
                cure="Whoever runs the server can, from the command line: python -m core repair.",
            )

    def _write_lock(self) -> contextlib.AbstractContextManager[None]:
        """One writer at a time, where what was read is written back. Raises StorageFailed."""
        return self.entries.write_lock()

    def __repr__(self) -> str:
        return f"Library({str(self.home)!r})"


def _is_in_trash(folder: Path) -> bool:
    return folder.parent.name == "trash"


def require_own_catalog(catalog: Catalog, owner: str) -> None:
    """Of two libraries in one database each would delete the other's rows. Raises InputError."""
    with contextlib.suppress(CatalogLost):  # the database did not answer, and is replaced
        if not catalog.claim(owner):
            raise InputError(
                "The database that is set for the catalog belongs to another library.",
                cure="Give each library a database of its own; where this one was moved, empty that database. A team's "
                "library is opened by `core.object_store.team_library.open_library()`.",
            )
