"""An opened library: its folder, its catalog and who looks at it; and how one run or artifact is read."""

import contextlib
import copy
import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from core.caching import RecordCache
from core.errors import InputError, StorageFailed, UnknownName
from core.evidence import Evidence, OriginalFingerprint
from core.library import storage
from core.library.annotations import ANNOTATIONS_FILE, read_annotations_or_empty
from core.library.catalog.catalog import Catalog, CatalogLost
from core.library.catalog.sync import CatalogSync
from core.library.integrity import VerifiedFile, verify_file
from core.library.permissions import AccessControl, Viewer
from core.library.records import Artifact, Refusal, Run, unknown_id_error, validate_id
from core.library.storage import translate_disk_errors
from core.library.trash import Trash
from core.record import INVALID_JSON_ERRORS
from core.runtimes.reference import Reference
from core.settings import get_settings

FOLDERS = ("runs", "artifacts", "trash", "staging", "jobs")
LOCK_TIMEOUT = 60  # seconds to wait for another writer
MAX_CACHED_RUN_BYTES = 2**22  # of the records of runs that lists cache


class LibraryBase:
    """Where an entry lies, and whether this person may see or change it."""

    def __init__(self, home: Path | str | None = None, catalog_url: str = ""):
        self.home = Path(home or get_settings().home).expanduser().resolve()
        with translate_disk_errors():
            for name in FOLDERS:
                (self.home / name).mkdir(parents=True, exist_ok=True)
            self._recover_staging()
        url = catalog_url or get_settings().catalog_url
        self._catalog = Catalog(url or f"sqlite:///{(self.home / 'catalog.sqlite').as_posix()}", is_owned=not url)
        if url:
            self._require_own_catalog()
        self._catalog_sync = CatalogSync(self.home, self._catalog)
        self._trash = Trash(self.home)
        self.access = AccessControl(self.home)
        self._run_cache = RecordCache(MAX_CACHED_RUN_BYTES)

    def for_viewer(self, viewer: Viewer) -> Self:
        """The same library as one person sees it, and who owns what is made in it."""
        library = copy.copy(self)
        library.access = self.access.for_viewer(viewer)
        return library

    def _require_own_catalog(self) -> None:
        """Of two libraries in one database each would delete the other's rows. Raises InputError."""
        with contextlib.suppress(CatalogLost):  # the database did not answer, and is replaced
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
        """An empty folder on the library's own disk; whatever is still in it at the end is deleted."""
        return storage.staging_folder(self.home)

    @translate_disk_errors()
    def folder(self, id_: str, kinds: str = "ar") -> Path:
        """The folder of an entry. Raises UnknownName."""
        folder = storage.entry_folder(self.home, validate_id(id_, kinds))
        if not folder.is_dir() or not self.access.can_see(folder):
            raise unknown_id_error(id_)
        return folder

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

    @contextlib.contextmanager
    def _write_lock(self) -> Iterator[None]:
        """One writer at a time in all processes, where what was read is written back. Raises StorageFailed."""
        with translate_disk_errors():
            try:
                lock = FileLock(self.home / ".lock", timeout=LOCK_TIMEOUT).acquire()
            except Timeout as error:
                raise StorageFailed(
                    f"Somebody else has been changing the library for {LOCK_TIMEOUT:g} seconds.",
                    cure="Wait until that is done, then try again.",
                ) from error
            with lock:
                yield

    def __repr__(self) -> str:
        return f"Library({str(self.home)!r})"


class ReadMixin(LibraryBase):
    """Reads one entry by its id."""

    def run(self, id_: str) -> Run:
        """A run, by the name that it was given. Raises UnknownName, UnreadableRecord."""
        return self._read_run(id_, Run.read)

    def _read_run(self, id_: str, read: Callable[[Path], Run]) -> Run:
        folder = self.folder(id_, "r")
        run, name = read(folder / "run.json"), read_annotations_or_empty(folder).name
        return run.model_copy(update={"name": name}) if name else run

    def artifact(self, id_: str) -> Artifact:
        """Raises UnknownName, UnreadableRecord."""
        return Artifact.read(self.folder(id_, "a") / "artifact.json")

    def evidence(self, id_: str) -> Evidence:
        """Raises UnknownName, UnreadableRecord."""
        return Evidence.read(self.folder(id_, "a") / "evidence.json")

    def original(self, run: Run) -> OriginalFingerprint:
        """What the copies of a run are compared with."""
        return OriginalFingerprint(weights=run.weights, optimizer=run.optimizer, classes=bool(run.labels) or None)

    def reference(self, run_id: str) -> Reference:
        """Raises UnknownName, Damaged."""
        return Reference.read(self._verified_path(run_id, "reference.npz"))

    @translate_disk_errors()
    def history(self, run_id: str) -> list[dict[str, float | None]]:
        """Losses and metrics of each epoch; None where a number was not finite. Empty for a run that was not trained
        here."""
        if not any(entry.path == "history.csv" for entry in self.run(run_id).files):
            return []
        with self._verified_path(run_id, "history.csv").open(newline="", encoding="utf-8") as file:
            return [{name: float(text) if text else None for name, text in row.items()} for row in csv.DictReader(file)]

    def snapshot(self, run_id: str) -> Path:
        """The folder from which the run's model can be rebuilt, verified. Raises UnknownName, Damaged."""
        return self._verified_path(run_id, "snapshot")

    def _verified_path(self, run_id: str, name: str) -> Path:
        """A file or folder of a run, verified against the hashes of its record."""
        folder, files = self.folder(run_id, "r"), self.run(run_id).files
        storage.verify_files(folder, [entry for entry in files if entry.path.split("/")[0] == name])
        return folder / name

    def verified_folder(self, artifact_id: str) -> Path:
        """The folder with exactly what the format wrote, verified byte for byte. Raises UnknownName, Damaged."""
        folder = self.folder(artifact_id, "a") / "files"
        storage.verify_files(folder, self.artifact(artifact_id).files)
        return folder

    def verified_file(self, artifact_id: str, path: str) -> VerifiedFile:
        """One file of an artifact, by its path in the record, verified. Raises UnknownName, Damaged."""
        for entry in self.artifact(artifact_id).files:
            if entry.path == path:
                return verify_file(self.folder(artifact_id, "a") / "files", entry)
        raise UnknownName("The artifact has no such file.", received=path[:80], cure="Choose one that is listed.")

    def verify(self, id_: str) -> None:
        """Verify every file of a run or an artifact against its hash. Raises UnknownName, Damaged."""
        if id_.startswith("r"):
            storage.verify_files(self.folder(id_, "r"), self.run(id_).files)
        else:
            self.verified_folder(id_)

    @translate_disk_errors()
    def refusals(self, run_id: str) -> dict[str, Refusal]:
        """The formats that did not take a run. Raises UnknownName."""
        try:
            return dict(json.loads((self.folder(run_id, "r") / "refused.json").read_text(encoding="utf-8")))
        except (FileNotFoundError, *INVALID_JSON_ERRORS):
            return {}

    @translate_disk_errors()
    def fingerprint(self, id_: str) -> str:
        """A hash of names, sizes and times that changes whenever a file of the entry is touched, annotations aside.

        Raises UnknownName.
        """
        return storage.fingerprint_folder(self.folder(id_), excluded=[ANNOTATIONS_FILE])
