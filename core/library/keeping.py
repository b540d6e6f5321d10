"""What is made is kept whole or not at all: staged on the library's own disk, hashed, flushed, renamed."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core.evidence import Evidence
from core.library import files
from core.library.entries import new_id
from core.library.opened import KINDS
from core.library.reading import Reading
from core.library.records import Artifact, Run


class Keeping(Reading):
    """Keeps runs, artifacts, and which formats refused a run."""

    def keep_run(self, staged: Path, facts: dict[str, Any]) -> Run:
        """Keep a staged run (history.csv, snapshot/, reference.npz): hashed, flushed, renamed. Raises StorageFailed."""
        with files.disk():
            run = Run(id=new_id("r"), files=files.seal(staged), owner=self.access.me, **facts)
            self._keep(staged, run, {"run.json": run.text()})
        return run

    def keep_artifact(self, staged: Path, run_id: str, evidence: Evidence, **facts: Any) -> Artifact:
        """Keep a staged copy (its files in `files/`) with its evidence; `facts` are other fields of its record.

        Raises StorageFailed.
        """
        if self.access.me is not None:
            self._folder(run_id, "r")
        with files.disk():
            entries = files.seal(staged / "files")
            given = {"id": new_id("a"), "run": run_id, "files": entries} | facts
            artifact = Artifact(**given | {"owner": self.access.me})
            evidence = evidence.model_copy(update={"trust": artifact.trust})
            self._keep(staged, artifact, {"artifact.json": artifact.text(), "evidence.json": evidence.text()})
        return artifact

    def _keep(self, staged: Path, record: Run | Artifact, texts: dict[str, str]) -> None:
        for name, text in texts.items():
            files.write_text(staged / name, text)
        files.flush(staged)
        files.move(staged, self.home / KINDS[record.id[0]] / record.id)
        self._lookout.changed(record.id)

    def take_back(self, run_id: str) -> None:
        """Delete a run that was kept a moment ago, where what belongs to it could not be kept."""
        files.discard(self._own(run_id, "r"))
        self._lookout.changed(run_id)

    def keep_refusals(self, run_id: str, refused: dict[str, dict[str, Any]], taken: Iterable[str]) -> None:
        """Note the formats that refused a run, and forget earlier refusals of those that have taken it since; a run of
        another person stays as it is."""
        if not self.access.owns(self._folder(run_id, "r")):
            return
        noted = {key: found for key, found in self.refusals(run_id).items() if key not in set(taken)} | refused
        with files.disk():
            files.write_text(self._folder(run_id, "r") / "refused.json", json.dumps(noted, indent=2))
