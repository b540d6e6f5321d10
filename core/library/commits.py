"""What changes a library: runs and artifacts are committed, annotated, removed and restored.

What is committed is stored whole or not at all: staged on the library's own disk, hashed, flushed, renamed.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from core.evidence.records import Evidence
from core.library import integrity, storage
from core.library.ids import new_id
from core.library.reads import REFUSALS_FILE, ReadMixin, parse_refusals
from core.library.records import Artifact, Run
from core.library.storage import translate_disk_errors


class CommitMixin(ReadMixin):
    """Stores runs, artifacts, and which formats refused a run."""

    @translate_disk_errors()
    def commit_run(self, staged: Path, facts: Mapping[str, Any]) -> Run:
        """Store a staged run (history.csv, snapshot/, reference.npz). Raises StorageFailed.

        Args:
            staged: A folder of `staging`.
            facts: Fields of `Run`.
        """
        run = self.finalize_run(staged, facts)
        self.commit_finalized_run(run, staged)
        return run

    @translate_disk_errors()
    def commit_artifact(self, staged: Path, run_id: str, evidence: Evidence, **facts: Any) -> Artifact:
        """Store a staged copy (its files in `files/`) with its evidence. Raises UnknownName, StorageFailed.

        Args:
            staged: A folder of `staging`.
            facts: Fields of `Artifact`.
        """
        if self.access.viewer_id is not None:
            self.folder(run_id, "r")
        artifact = self._finalize_artifact(staged, run_id, evidence, facts)
        self._commit({artifact.id: staged})
        return artifact

    @translate_disk_errors()
    def commit_run_and_artifact(
        self,
        staged_run: Path,
        facts: Mapping[str, Any],
        staged_artifact: Path,
        evidence: Evidence,
        **artifact_facts: Any,
    ) -> tuple[Run, Artifact]:
        """Store a run that is nothing without its copy: both, or neither. Raises StorageFailed.

        Both are staged side by side in one folder of `staging`; else as `commit_run` and `commit_artifact`.
        """
        run = self.finalize_run(staged_run, facts)
        return run, self.commit_first_artifact(run, staged_run, staged_artifact, evidence, **artifact_facts)

    @translate_disk_errors()
    def commit_finalized_run(self, run: Run, staged: Path) -> None:
        """Store a run of `finalize_run`. Raises StorageFailed."""
        self._commit({run.id: staged})

    @translate_disk_errors()
    def commit_first_artifact(
        self, run: Run, staged_run: Path, staged_artifact: Path, evidence: Evidence, **artifact_facts: Any
    ) -> Artifact:
        """Store a run of `finalize_run` with its first copy; else as `commit_run_and_artifact`."""
        artifact = self._finalize_artifact(staged_artifact, run.id, evidence, artifact_facts)
        self._commit({run.id: staged_run, artifact.id: staged_artifact})
        return artifact

    @translate_disk_errors()
    def finalize_run(self, staged: Path, facts: Mapping[str, Any]) -> Run:
        """Write the record of a staged run, which is not stored yet. Raises StorageFailed."""
        run = Run(id=new_id("r"), files=integrity.hash_and_flush(staged), owner=self.access.viewer_id, **facts)
        _write_records(staged, {"run.json": run.to_json_text()})
        return run

    def _finalize_artifact(self, staged: Path, run_id: str, evidence: Evidence, facts: dict[str, Any]) -> Artifact:
        fields = {"id": new_id("a"), "run": run_id, "files": integrity.hash_and_flush(staged / "files")} | facts
        artifact = Artifact(**fields | {"owner": self.access.viewer_id})
        evidence = evidence.model_copy(update={"trust": artifact.trust})
        _write_records(staged, {"artifact.json": artifact.to_json_text(), "evidence.json": evidence.to_json_text()})
        return artifact

    def _commit(self, staged: dict[str, Path]) -> None:
        self.entries.commit(staged, self._fence)

    def record_refusals(self, run_id: str, refused: Mapping[str, Any], accepted: Iterable[str]) -> None:
        """Store the formats that refused a run (as `Refusal`s), and drop those of formats that accepted it since.

        Another person's run stays as it is. Raises UnknownName, StorageFailed.
        """
        folder = self.folder(run_id, "r")
        if not self.access.can_change(folder):
            return
        accepted = set(accepted)

        def change(text: str | None) -> str:
            earlier = {key: row for key, row in parse_refusals(text).items() if key not in accepted}
            return json.dumps({**earlier, **refused}, indent=2)

        with self._fence():
            self.entries.change_document(run_id, REFUSALS_FILE, change)


def _write_records(staged: Path, texts: dict[str, str]) -> None:
    """Write records by file name beside the staged files, and flush all of it."""
    for name, text in texts.items():
        storage.write_text_atomically(staged / name, text)
    storage.fsync_path(staged)
