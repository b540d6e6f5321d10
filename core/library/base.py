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

from core.caching import RecordCache
from core.errors import InputError, StorageFailed, UnknownName
from core.evidence import Evidence, OriginalFingerprint
from core.library import storage
from core.library.annotations import ANNOTATIONS_FILE as MARKS
from core.library.annotations import read_annotations_or_empty
from core.library.catalog.catalog import Catalog, CatalogLost
from core.library.catalog.sync import CatalogSync
from core.library.integrity import VerifiedFile, verify_file
from core.library.permissions import AccessControl, Viewer
from core.library.records import FOLDER_BY_KIND, Artifact, Run, unknown_id_error, validate_id
from core.library.storage import translate_disk_errors
from core.library.trash import Trash
from core.record import INVALID_JSON_ERRORS
from core.runtimes.reference import Reference
from core.settings import get_settings

FOLDERS = ("runs", "artifacts", "trash", "staging", "jobs")
LOCK_TIMEOUT = 60  # seconds to wait for another who marks or removes
MAX_CACHED_RUN_BYTES = 2**22  # bytes of records of runs that are held for lists


class LibraryBase:
    """What every part of the library stands on: where an entry lies, and whether this person may see or change it."""

    def __init__(self, home: Path | str | None = None, catalog_url: str = ""):
        self.home = Path(home or get_settings().home).expanduser().resolve()
        with storage.translate_disk_errors():
            for name in FOLDERS:
                (self.home / name).mkdir(parents=True, exist_ok=True)
            self._recover_staging()
        default = f"sqlite:///{(self.home / 'catalog.sqlite').as_posix()}"
        named = catalog_url or get_settings().catalog_url
        self._catalog = Catalog(named or default, is_owned=not named)
        if named:
            self._require_own_catalog()
        self._catalog_sync = CatalogSync(self.home, self._catalog)
        self._trash = Trash(self.home)
        self.access = AccessControl(self.home)
        self._run_cache = RecordCache(MAX_CACHED_RUN_BYTES)

    def for_viewer(self, viewer: Viewer) -> Self:
        """The same library as one person sees it, and in which what is made is theirs."""
        seen = copy.copy(self)
        seen.access = self.access.for_viewer(viewer)
        return seen

    def _require_own_catalog(self) -> None:
        """Of two libraries in one database each would throw out the other's rows. Raises InputError."""
        with contextlib.suppress(CatalogLost):  # it could not be asked, and is replaced
            if not self._catalog.claim(self.home):
                raise InputError(
                    "The database that is set for the catalog belongs to another library.",
                    cure="Give each library a database of its own; where this one was moved, empty that database.",
                )

    def _recover_staging(self) -> None:
        for folder in storage.find_abandoned_staging(self.home):
            with contextlib.suppress(OSError):  # a disk that takes nothing now is read all the same
                storage.recover_staging(folder, self.home)

    def staging(self) -> contextlib.AbstractContextManager[Path]:
        """An empty folder on the library's own disk; whatever is still in it at the end is gone."""
        return storage.staging_folder(self.home)

    def folder(self, id_: str) -> Path:
        """Where an entry lies. Raises UnknownName."""
        return self._folder(id_)

    @translate_disk_errors()
    def _folder(self, id_: str, kinds: str = "ar") -> Path:
        folder = self.home / FOLDER_BY_KIND[validate_id(id_, kinds)[0]] / id_
        if not folder.is_dir() or not self.access.can_see(folder):
            raise unknown_id_error(id_)
        return folder

    def _own_folder(self, id_: str, kinds: str = "ar") -> Path:
        """As `_folder`, of what the person may change. Raises InputError for what is another's."""
        folder = self._folder(id_, kinds)
        if not self.access.can_change(folder):
            raise InputError(
                "It is another person's, so only they can change it.",
                received=id_,
                cure="Save a copy of your own, or ask them.",
            )
        return folder

    def require_full_access(self) -> None:
        """Raises InputError where a person sees only a part: what looks after everything is not theirs to start."""
        if self.access.viewer_id is not None:
            raise InputError(
                "This goes over everybody's runs and artifacts, so a person who signed in cannot start it.",
                cure="Whoever runs the server can, from the command line: roundtrip repair.",
            )

    @contextlib.contextmanager
    def _write_lock(self) -> Iterator[None]:
        """One at a time, in all processes, where what was read is written back. Raises StorageFailed."""
        with storage.translate_disk_errors():
            try:
                turn = FileLock(self.home / ".lock", timeout=LOCK_TIMEOUT).acquire()
            except Timeout as error:
                raise StorageFailed(
                    f"Somebody else has been changing the library for {LOCK_TIMEOUT:g} seconds.",
                    cure="Wait until that is done, then try again.",
                ) from error
            with turn:
                yield

    def __repr__(self) -> str:
        return f"Library({str(self.home)!r})"


class ReadMixin(LibraryBase):
    """Reads one entry by its id."""

    def run(self, id_: str) -> Run:
        """A run, by the name that was given to it. Raises UnknownName, UnreadableRecord."""
        return self._read_run(id_, Run.read)

    def _read_run(self, id_: str, read: Callable[[Path], Run]) -> Run:
        folder = self._folder(id_, "r")
        run, name = read(folder / "run.json"), read_annotations_or_empty(folder).name
        return run.model_copy(update={"name": name}) if name else run

    def artifact(self, id_: str) -> Artifact:
        """Raises UnknownName, UnreadableRecord."""
        return Artifact.read(self._folder(id_, "a") / "artifact.json")

    def evidence(self, id_: str) -> Evidence:
        """Raises UnknownName, UnreadableRecord."""
        return Evidence.read(self._folder(id_, "a") / "evidence.json")

    def original(self, run: Run) -> OriginalFingerprint:
        """What the copies of a run are held against."""
        return OriginalFingerprint(weights=run.weights, optimizer=run.optimizer, classes=bool(run.labels) or None)

    def reference(self, run_id: str) -> Reference:
        """Raises Damaged when it is not what was kept."""
        return Reference.read(self._verified_path(run_id, "reference.npz"))

    @translate_disk_errors()
    def history(self, run_id: str) -> list[dict[str, float | None]]:
        """Losses and metrics of each epoch; None where a number was not finite. Empty for a run that a person added."""
        if not any(entry.path == "history.csv" for entry in self.run(run_id).files):
            return []
        with self._verified_path(run_id, "history.csv").open(newline="", encoding="utf-8") as file:
            return [{name: float(text) if text else None for name, text in row.items()} for row in csv.DictReader(file)]

    def snapshot(self, run_id: str) -> Path:
        """The folder from which the run's model can be rebuilt. Raises Damaged when it is not what was kept."""
        folder = self._folder(run_id, "r")
        storage.verify_files(folder, [entry for entry in self.run(run_id).files if entry.path.startswith("snapshot/")])
        return folder / "snapshot"

    def verified_folder(self, artifact_id: str) -> Path:
        """The folder with exactly what the format wrote, checked byte for byte. Raises Damaged."""
        folder = self._folder(artifact_id, "a") / "files"
        storage.verify_files(folder, self.artifact(artifact_id).files)
        return folder

    def verified_file(self, artifact_id: str, path: str) -> VerifiedFile:
        """One file of an artifact, by its path in the record, held against its hash. Raises UnknownName, Damaged."""
        entries = [one for one in self.artifact(artifact_id).files if one.path == path]
        if not entries:
            raise UnknownName("The artifact has no such file.", received=path[:80], cure="Choose one that is listed.")
        return verify_file(self._folder(artifact_id, "a") / "files", entries[0])

    @translate_disk_errors()
    def refusals(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Formats that did not take a run: by format `{"created", "error"}`. A result as any other, and kept as one."""
        try:
            return dict(json.loads((self._folder(run_id, "r") / "refused.json").read_text(encoding="utf-8")))
        except (FileNotFoundError, *INVALID_JSON_ERRORS):
            return {}

    def verify(self, id_: str) -> None:
        """Hold every file of a run or an artifact against its hash. Raises Damaged."""
        if id_.startswith("r"):
            storage.verify_files(self._folder(id_, "r"), self.run(id_).files)
        else:
            self.verified_folder(id_)

    @translate_disk_errors()
    def fingerprint(self, id_: str) -> str:
        """Another one whenever a file of the entry is touched, but for its marks: a hash of names, sizes and times.

        Raises UnknownName.
        """
        return storage.fingerprint_folder(self._folder(id_), excluded=[MARKS])

    def _verified_path(self, run_id: str, name: str) -> Path:
        folder = self._folder(run_id, "r")
        storage.verify_files(folder, [entry for entry in self.run(run_id).files if entry.path == name])
        return folder / name
