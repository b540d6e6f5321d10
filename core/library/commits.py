"""What changes a library: runs and artifacts are committed, annotated, removed and restored.

What is committed is stored whole or not at all: staged on the library's own disk, hashed, flushed, renamed.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from core.errors import InputError
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
        return self.run(run.id) if self._commit({run.id: staged}) else run

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
        return self.artifact(artifact.id) if self._commit({artifact.id: staged}) else artifact

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
        artifact = self._finalize_artifact(staged_artifact, run.id, evidence, artifact_facts)
        if self._commit({run.id: staged_run, artifact.id: staged_artifact}):
            run = self.run(run.id)
            return run, self.artifact(run.brought["artifact"])
        return run, artifact

    def find_earlier(self, kind: str, what: str = "") -> str | None:
        """The id of what an earlier attempt at the same work (see `with_fence`) stored; None where it did not.

        Args:
            what: Empty for a run; `artifact_of(run, format)` for an artifact.
        """
        id_ = self._ids.peek(kind, what) if self._ids else None
        return id_ if id_ and self.has(id_) else None

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
        id_ = self._ids.make("r") if self._ids else new_id("r")
        run = Run(id=id_, files=integrity.hash_and_flush(staged), owner=self.access.viewer_id, **facts)
        _write_records(staged, {"run.json": run.to_json_text()})
        return run

    def _finalize_artifact(self, staged: Path, run_id: str, evidence: Evidence, facts: dict[str, Any]) -> Artifact:
        id_ = self._ids.make("a", artifact_of(run_id, facts["format"])) if self._ids else new_id("a")
        fields = {"id": id_, "run": run_id, "files": integrity.hash_and_flush(staged / "files")} | facts
        artifact = Artifact(**fields | {"owner": self.access.viewer_id})
        evidence = evidence.model_copy(update={"trust": artifact.trust})
        _write_records(staged, {"artifact.json": artifact.to_json_text(), "evidence.json": evidence.to_json_text()})
        return artifact

    def _commit(self, staged: dict[str, Path]) -> bool:
        """Whether an earlier attempt at the same work had stored them. Raises StorageFailed, and InputError where
        something else has their ids."""
        others = self.entries.commit(staged, self._fence)
        if others and self._ids is None:
            raise InputError("The store has another entry under this id.", received=others[0], cure="Do it again.")
        return bool(others)

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


def artifact_of(run_id: str, format_key: str) -> str:
    """What tells an artifact apart from the others that one piece of work makes."""
    return f"{run_id} {format_key}"


def _write_records(staged: Path, texts: dict[str, str]) -> None:
    """Write records by file name beside the staged files, and flush all of it."""
    for name, text in texts.items():
        storage.write_text_atomically(staged / name, text)
    storage.fsync_path(staged)
