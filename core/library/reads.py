"""Read runs and artifacts of a library, verified."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

from core.demos import output_image_shape
from core.errors import Damaged, UnknownName
from core.evidence.fingerprint_matching import OriginalFingerprint
from core.evidence.records import Evidence
from core.library import integrity, storage
from core.library.annotation_files import ANNOTATIONS_FILE, read_annotations_or_empty
from core.library.base import LibraryBase
from core.library.integrity import VerifiedFile, verify_file
from core.library.records import Artifact, FileEntry, Refusal, Run
from core.library.storage import BytesReadCallback, ignore_progress, translate_disk_errors
from core.record import INVALID_JSON_ERRORS
from core.runtimes.model_settings import ModelSettings
from core.runtimes.reference import Reference

REFUSALS_FILE = "refused.json"


class ReadMixin(LibraryBase):
    """Reads one entry by its id."""

    def run(self, id_: str) -> Run:
        """A run, by the name that it was given. Raises UnknownName, UnreadableRecord."""
        return self._read_run(id_, Run.read)

    def _read_run(self, id_: str, read: Callable[[Path], Run]) -> Run:
        return read_named_run(self.folder(id_, "r"), read)

    def artifact(self, id_: str) -> Artifact:
        """Raises UnknownName, UnreadableRecord."""
        return Artifact.read(self.folder(id_, "a") / "artifact.json")

    def evidence(self, id_: str) -> Evidence:
        """Raises UnknownName, UnreadableRecord."""
        return Evidence.read(self.folder(id_, "a") / "evidence.json")

    def original(self, run: Run) -> OriginalFingerprint:
        """What the copies of a run are compared with."""
        return OriginalFingerprint(
            weights=run.weights,
            optimizer=run.optimizer,
            classes=bool(run.labels) or None,
            settings=ModelSettings.read(run.traits),
            output_image_shape=output_image_shape(run.demo, run.settings),
        )

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
        files = [entry for entry in self.run(run_id).files if entry.path.split("/")[0] == name]
        return self._verify_or_refetch(run_id, self.folder(run_id, "r"), files, [name]) / name

    def _verify_or_refetch(self, id_: str, folder: Path, files: list[FileEntry], names: list[str]) -> Path:
        """The folder, in which the files are those of the record. Raises Damaged where they are nowhere to be had."""
        self.entries.fetch(id_, names)
        try:
            integrity.verify_files(folder, files)
        except Damaged:
            if not self.entries.refetch(id_, names):
                raise
            integrity.verify_files(folder, files)
        return folder

    def verified_folder(self, artifact_id: str) -> Path:
        """The folder with exactly what the format wrote, verified byte for byte. Raises UnknownName, Damaged."""
        folder, files = self.folder(artifact_id, "a") / "files", self.artifact(artifact_id).files
        return self._verify_or_refetch(artifact_id, folder, files, ["files"])

    def verified_file(self, artifact_id: str, path: str) -> VerifiedFile:
        """One file of an artifact, by its path in the record, verified. Raises UnknownName, Damaged."""
        if entry := next((entry for entry in self.artifact(artifact_id).files if entry.path == path), None):
            return self._verify_file(artifact_id, entry)
        raise UnknownName("The artifact has no such file.", received=path[:80], cure="Choose one that is listed.")

    def verified_files(self, artifact_id: str) -> dict[str, VerifiedFile]:
        """All files of an artifact, by their paths in the record, verified. Raises UnknownName, Damaged."""
        return {entry.path: self._verify_file(artifact_id, entry) for entry in self.artifact(artifact_id).files}

    def _verify_file(self, artifact_id: str, entry: FileEntry) -> VerifiedFile:
        folder = self.folder(artifact_id, "a") / "files"
        self.entries.fetch(artifact_id, ["files"])
        try:
            return verify_file(folder, entry)
        except Damaged:
            if not self.entries.refetch(artifact_id, ["files"]):
                raise
            return verify_file(folder, entry)

    def verify(self, id_: str) -> None:
        """Verify every file of a run or an artifact against its hash. Raises UnknownName, Damaged."""
        if id_.startswith("r"):
            files = self.run(id_).files
            names = sorted({entry.path.split("/")[0] for entry in files})
            self._verify_or_refetch(id_, self.folder(id_, "r"), files, names)
        else:
            self.verified_folder(id_)

    def list_damage(self, id_: str, on_read: BytesReadCallback = ignore_progress) -> list[Damaged]:
        """What is wrong with the files of a run or an artifact where they are kept. Raises UnknownName,
        UnreadableRecord, StorageFailed, and what `on_read` raises."""
        folder = self.folder(id_)
        if id_.startswith("r"):
            return self.entries.list_damage(id_, folder, self.run(id_).files, on_read)
        return self.entries.list_damage(id_, folder / "files", self.artifact(id_).files, on_read)

    def find_missing(self, id_: str) -> list[str]:
        """The paths of files of a run or an artifact that are missing, or of another size, where they are kept; none
        of them is read or fetched. Raises UnknownName, UnreadableRecord, StorageFailed."""
        folder = self.folder(id_)
        if id_.startswith("r"):
            return self.entries.find_missing(folder, self.run(id_).files)
        return self.entries.find_missing(folder / "files", self.artifact(id_).files)

    @translate_disk_errors()
    def refusals(self, run_id: str) -> dict[str, Refusal]:
        """The formats that did not take a run. Raises UnknownName."""
        try:
            return parse_refusals((self.folder(run_id, "r") / REFUSALS_FILE).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}

    @translate_disk_errors()
    def fingerprint(self, id_: str) -> str:
        """A hash of names, sizes and times that changes whenever a file of the entry is touched, annotations aside.

        Raises UnknownName.
        """
        folder = self.folder(id_)
        self.entries.fetch(id_)
        return storage.fingerprint_folder(folder, excluded=[ANNOTATIONS_FILE])


def read_named_run(folder: Path, read: Callable[[Path], Run]) -> Run:
    """A run by the name that it was given."""
    run, name = read(folder / "run.json"), read_annotations_or_empty(folder).name
    return run.model_copy(update={"name": name}) if name else run


def parse_refusals(text: str | None) -> dict[str, Refusal]:
    """The refusals of a run; none where the text is broken."""
    try:
        return dict(json.loads(text or "{}"))
    except INVALID_JSON_ERRORS:
        return {}
