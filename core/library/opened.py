"""A library that is opened: its folder, its catalog, and who looks at it. What it can do stands in the rooms beside."""

import contextlib
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from core.errors import InputError, StorageFailed
from core.library import files, together
from core.library.access import Access, Viewer
from core.library.catalog import Catalog, Lost
from core.library.entries import KINDS, checked_id, unknown
from core.library.files import disk
from core.library.held import Held
from core.library.lookout import Lookout
from core.library.trash import Trash
from core.settings import settings

FOLDERS = ("runs", "artifacts", "trash", "staging", "jobs")
WAIT = 60  # seconds to wait for another who marks or removes
MOST_HELD = 2**22  # bytes of records of runs that are held for lists


class Opened:
    """What every part of the library stands on: where an entry lies, and whether this person may see or change it."""

    def __init__(self, home: Path | str | None = None, catalog_url: str = ""):
        self.home = Path(home or settings().home).expanduser().resolve()
        with files.disk():
            for name in FOLDERS:
                (self.home / name).mkdir(parents=True, exist_ok=True)
            self._clear_staging()
        default = f"sqlite:///{(self.home / 'catalog.sqlite').as_posix()}"
        named = catalog_url or settings().catalog_url
        self._catalog = Catalog(named or default, ours=not named)
        if named:
            self._require_own_catalog()
        self._lookout = Lookout(self.home, self._catalog)
        self._trash = Trash(self.home)
        self.access = Access(self.home)
        self._held = Held(MOST_HELD)

    def seen_by(self, viewer: Viewer) -> Self:
        """The same library as one person sees it, and in which what is made is theirs."""
        seen = copy.copy(self)
        seen.access = self.access.of(viewer)
        return seen

    def _require_own_catalog(self) -> None:
        """Of two libraries in one database each would throw out the other's rows. Raises InputError."""
        with contextlib.suppress(Lost):  # it could not be asked, and is replaced
            if not self._catalog.claim(self.home):
                raise InputError(
                    "The database that is set for the catalog belongs to another library.",
                    cure="Give each library a database of its own; where this one was moved, empty that database.",
                )

    def _clear_staging(self) -> None:
        for folder in files.leftovers(self.home):
            with contextlib.suppress(OSError):  # a disk that takes nothing now is read all the same
                together.clear(folder, self.home)

    def staging(self) -> contextlib.AbstractContextManager[Path]:
        """An empty folder on the library's own disk; whatever is still in it at the end is gone."""
        return files.staging(self.home)

    def folder(self, id_: str) -> Path:
        """Where an entry lies. Raises UnknownName."""
        return self._folder(id_)

    @disk()
    def _folder(self, id_: str, kinds: str = "ar") -> Path:
        folder = self.home / KINDS[checked_id(id_, kinds)[0]] / id_
        if not folder.is_dir() or not self.access.sees(folder):
            raise unknown(id_)
        return folder

    def _own(self, id_: str, kinds: str = "ar") -> Path:
        """As `_folder`, of what the person may change. Raises InputError for what is another's."""
        folder = self._folder(id_, kinds)
        if not self.access.owns(folder):
            raise InputError(
                "It is another person's, so only they can change it.",
                received=id_,
                cure="Save a copy of your own, or ask them.",
            )
        return folder

    def require_whole(self) -> None:
        """Raises InputError where a person sees only a part: what looks after everything is not theirs to start."""
        if self.access.me is not None:
            raise InputError(
                "This goes over everybody's runs and artifacts, so a person who signed in cannot start it.",
                cure="Whoever runs the server can, from the command line: python -m core repair.",
            )

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One at a time, in all processes, where what was read is written back. Raises StorageFailed."""
        with files.disk():
            try:
                turn = FileLock(self.home / ".lock", timeout=WAIT).acquire()
            except Timeout as error:
                raise StorageFailed(
                    f"Somebody else has been changing the library for {WAIT:g} seconds.",
                    cure="Wait until that is done, then try again.",
                ) from error
            with turn:
                yield

    def __repr__(self) -> str:
        return f"Library({str(self.home)!r})"
