"""Open a library; read one entry.

A library that is opened: its folder, its catalog, and who looks at it. What it can do stands in the rooms beside.

What is kept of one run or artifact: its record, and its files, held against their hashes first.
"""

import contextlib
import copy
import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from core.caching import Held
from core.errors import InputError, StorageFailed, UnknownName
from core.evidence import Evidence, Original
from core.library import storage
from core.library.annotations import ANNOTATIONS_FILE as MARKS
from core.library.annotations import marks_or_none
from core.library.catalog.catalog import Catalog, Lost
from core.library.catalog.sync import Lookout
from core.library.integrity import Checked, checked
from core.library.permissions import Access, Viewer
from core.library.records import KINDS, Artifact, Run, checked_id, unknown
from core.library.storage import disk
from core.library.trash import Trash
from core.record import BROKEN
from core.runtimes.reference import Reference
from core.settings import settings

FOLDERS = ("runs", "artifacts", "trash", "staging", "jobs")
WAIT = 60  # seconds to wait for another who marks or removes
MOST_HELD = 2**22  # bytes of records of runs that are held for lists


class Opened:
    """What every part of the library stands on: where an entry lies, and whether this person may see or change it."""

    def __init__(self, home: Path | str | None = None, catalog_url: str = ""):
        self.home = Path(home or settings().home).expanduser().resolve()
        with storage.disk():
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
        for folder in storage.leftovers(self.home):
            with contextlib.suppress(OSError):  # a disk that takes nothing now is read all the same
                storage.clear(folder, self.home)

    def staging(self) -> contextlib.AbstractContextManager[Path]:
        """An empty folder on the library's own disk; whatever is still in it at the end is gone."""
        return storage.staging(self.home)

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
        with storage.disk():
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


class Reading(Opened):
    """Reads one entry by its id."""

    def run(self, id_: str) -> Run:
        """A run, by the name that was given to it. Raises UnknownName, UnreadableRecord."""
        return self._run(id_, Run.read)

    def _run(self, id_: str, read: Callable[[Path], Run]) -> Run:
        folder = self._folder(id_, "r")
        run, name = read(folder / "run.json"), marks_or_none(folder).name
        return run.model_copy(update={"name": name}) if name else run

    def artifact(self, id_: str) -> Artifact:
        """Raises UnknownName, UnreadableRecord."""
        return Artifact.read(self._folder(id_, "a") / "artifact.json")

    def evidence(self, id_: str) -> Evidence:
        """Raises UnknownName, UnreadableRecord."""
        return Evidence.read(self._folder(id_, "a") / "evidence.json")

    def original(self, run: Run) -> Original:
        """What the copies of a run are held against."""
        return Original(weights=run.weights, optimizer=run.optimizer, classes=bool(run.labels) or None)

    def reference(self, run_id: str) -> Reference:
        """Raises Damaged when it is not what was kept."""
        return Reference.read(self._checked(run_id, "reference.npz"))

    @disk()
    def history(self, run_id: str) -> list[dict[str, float | None]]:
        """Losses and metrics of each epoch; None where a number was not finite. Empty for a run that a person added."""
        if not any(entry.path == "history.csv" for entry in self.run(run_id).files):
            return []
        with self._checked(run_id, "history.csv").open(newline="", encoding="utf-8") as file:
            return [{name: float(text) if text else None for name, text in row.items()} for row in csv.DictReader(file)]

    def snapshot(self, run_id: str) -> Path:
        """The folder from which the run's model can be rebuilt. Raises Damaged when it is not what was kept."""
        folder = self._folder(run_id, "r")
        storage.check(folder, [entry for entry in self.run(run_id).files if entry.path.startswith("snapshot/")])
        return folder / "snapshot"

    def files(self, artifact_id: str) -> Path:
        """The folder with exactly what the format wrote, checked byte for byte. Raises Damaged."""
        folder = self._folder(artifact_id, "a") / "files"
        storage.check(folder, self.artifact(artifact_id).files)
        return folder

    def file(self, artifact_id: str, path: str) -> Checked:
        """One file of an artifact, by its path in the record, held against its hash. Raises UnknownName, Damaged."""
        entries = [one for one in self.artifact(artifact_id).files if one.path == path]
        if not entries:
            raise UnknownName("The artifact has no such file.", received=path[:80], cure="Choose one that is listed.")
        return checked(self._folder(artifact_id, "a") / "files", entries[0])

    @disk()
    def refusals(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Formats that did not take a run: by format `{"created", "error"}`. A result as any other, and kept as one."""
        try:
            return dict(json.loads((self._folder(run_id, "r") / "refused.json").read_text(encoding="utf-8")))
        except (FileNotFoundError, *BROKEN):
            return {}

    def verify(self, id_: str) -> None:
        """Hold every file of a run or an artifact against its hash. Raises Damaged."""
        if id_.startswith("r"):
            storage.check(self._folder(id_, "r"), self.run(id_).files)
        else:
            self.files(id_)

    @disk()
    def stamp(self, id_: str) -> str:
        """Another one whenever a file of the entry is touched, but for its marks: a hash of names, sizes and times.

        Raises UnknownName.
        """
        return storage.stamp(self._folder(id_), besides=[MARKS])

    def _checked(self, run_id: str, name: str) -> Path:
        folder = self._folder(run_id, "r")
        storage.check(folder, [entry for entry in self.run(run_id).files if entry.path == name])
        return folder / name
