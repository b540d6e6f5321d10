"""What is made is kept whole or not at all: staged on the library's own disk, hashed, flushed, renamed."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from core.evidence import Evidence
from core.library import files, together
from core.library.entries import new_id
from core.library.reading import Reading
from core.library.records import Artifact, Run

Kept = TypeVar("Kept", Run, Artifact)


class Keeping(Reading):
    """Keeps runs, artifacts, and which formats refused a run."""

    def keep_run(self, staged: Path, facts: dict[str, Any]) -> Run:
        """Keep a staged run (history.csv, snapshot/, reference.npz): hashed, flushed, renamed. Raises StorageFailed."""
        with files.disk():
            run = self._sealed_run(staged, facts)
            self._keep({run.id: staged})
        return run

    def keep_artifact(self, staged: Path, run_id: str, evidence: Evidence, **facts: Any) -> Artifact:
        """Keep a staged copy (its files in `files/`) with its evidence; `facts` are other fields of its record.

        Raises StorageFailed.
        """
        if self.access.me is not None:
            self._folder(run_id, "r")
        with files.disk():
            artifact = self._sealed_artifact(staged, run_id, evidence, facts)
            self._keep({artifact.id: staged})
        return artifact

    def keep_both(
        self, staged_run: Path, facts: dict[str, Any], staged_artifact: Path, evidence: Evidence, **more: Any
    ) -> tuple[Run, Artifact]:
        """As `keep_run` and `keep_artifact`, for a run that is nothing without its copy: both are kept, or neither.

        They are staged side by side, in one folder of staging. `more` are other fields of the artifact's record.
        """
        with files.disk():
            run = self._sealed_run(staged_run, facts)
            artifact = self._sealed_artifact(staged_artifact, run.id, evidence, more)
            self._keep({run.id: staged_run, artifact.id: staged_artifact})
        return run, artifact

    def _sealed_run(self, staged: Path, facts: dict[str, Any]) -> Run:
        run = Run(id=new_id("r"), files=files.seal(staged), owner=self.access.me, **facts)
        return _sealed(staged, run, {"run.json": run.text()})

    def _sealed_artifact(self, staged: Path, run_id: str, evidence: Evidence, facts: dict[str, Any]) -> Artifact:
        given = {"id": new_id("a"), "run": run_id, "files": files.seal(staged / "files")} | facts
        artifact = Artifact(**given | {"owner": self.access.me})
        evidence = evidence.model_copy(update={"trust": artifact.trust})
        return _sealed(staged, artifact, {"artifact.json": artifact.text(), "evidence.json": evidence.text()})

    def _keep(self, staged: dict[str, Path]) -> None:
        if len(staged) > 1:
            together.move(self.home, staged)
        else:
            for id_, folder in staged.items():
                files.move(folder, together.place(self.home, id_))
        self._lookout.changed(*staged)

    def keep_refusals(self, run_id: str, refused: dict[str, dict[str, Any]], taken: Iterable[str]) -> None:
        """Note the formats that refused a run, and forget earlier refusals of those that have taken it since; a run of
        another person stays as it is."""
        if not self.access.owns(self._folder(run_id, "r")):
            return
        noted = {key: found for key, found in self.refusals(run_id).items() if key not in set(taken)} | refused
        with files.disk():
            files.write_text(self._folder(run_id, "r") / "refused.json", json.dumps(noted, indent=2))


def _sealed(staged: Path, record: Kept, texts: dict[str, str]) -> Kept:
    """The record itself, once its texts are written beside the staged files, and all of it is flushed."""
    for name, text in texts.items():
        files.write_text(staged / name, text)
    files.flush(staged)
    return record
