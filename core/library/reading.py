"""What is kept of one run or artifact: its record, and its files, held against their hashes first."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import UnknownName
from core.evidence import Evidence, Original
from core.formats.reference import Reference
from core.library import files
from core.library.checked import Checked, checked
from core.library.files import disk
from core.library.marks import FILE as MARKS
from core.library.marks import marks_or_none
from core.library.opened import Opened
from core.library.records import Artifact, Run
from core.record import BROKEN


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
        files.check(folder, [entry for entry in self.run(run_id).files if entry.path.startswith("snapshot/")])
        return folder / "snapshot"

    def files(self, artifact_id: str) -> Path:
        """The folder with exactly what the format wrote, checked byte for byte. Raises Damaged."""
        folder = self._folder(artifact_id, "a") / "files"
        files.check(folder, self.artifact(artifact_id).files)
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
            files.check(self._folder(id_, "r"), self.run(id_).files)
        else:
            self.files(id_)

    @disk()
    def stamp(self, id_: str) -> str:
        """Another one whenever a file of the entry is touched, but for its marks: a hash of names, sizes and times.

        Raises UnknownName.
        """
        return files.stamp(self._folder(id_), besides=[MARKS])

    def _checked(self, run_id: str, name: str) -> Path:
        folder = self._folder(run_id, "r")
        files.check(folder, [entry for entry in self.run(run_id).files if entry.path == name])
        return folder / name
