"""Read runs and artifacts of a library, verified."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

from core.demos import output_image_shape
from core.errors import UnknownName
from core.evidence.fingerprint_matching import OriginalFingerprint
from core.evidence.records import Evidence
from core.library import integrity, storage
from core.library.annotation_files import ANNOTATIONS_FILE, read_annotations_or_empty
from core.library.base import LibraryBase
from core.library.integrity import VerifiedFile, verify_file
from core.library.records import Artifact, Refusal, Run
from core.library.storage import translate_disk_errors
from core.record import INVALID_JSON_ERRORS
from core.runtimes.model_settings import ModelSettings
from core.runtimes.reference import Reference


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
        folder, files = self.folder(run_id, "r"), self.run(run_id).files
        integrity.verify_files(folder, [entry for entry in files if entry.path.split("/")[0] == name])
        return folder / name

    def verified_folder(self, artifact_id: str) -> Path:
        """The folder with exactly what the format wrote, verified byte for byte. Raises UnknownName, Damaged."""
        folder = self.folder(artifact_id, "a") / "files"
        integrity.verify_files(folder, self.artifact(artifact_id).files)
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
            integrity.verify_files(self.folder(id_, "r"), self.run(id_).files)
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
