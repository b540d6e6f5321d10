"""What changes a library: runs and artifacts are committed, annotated, removed and restored.

What is committed is stored whole or not at all: staged on the library's own disk, hashed, flushed, renamed.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from core.errors import InputError, UnknownName
from core.evidence import Evidence
from core.library import storage
from core.library.annotations import (
    Annotations,
    clean_tags,
    read_aliases,
    read_annotations,
    validate_alias,
    write_aliases,
    write_annotations,
)
from core.library.base import LibraryBase, ReadMixin
from core.library.catalog.catalog import Catalog
from core.library.records import ID_PATTERN, Artifact, Run, new_id, unknown_id_error, validate_id
from core.library.storage import translate_disk_errors
from core.library.trash import TrashedEntry


class CommitMixin(ReadMixin):
    """Stores runs, artifacts, and which formats refused a run."""

    @translate_disk_errors()
    def commit_run(self, staged: Path, facts: dict[str, Any]) -> Run:
        """Store a staged run (history.csv, snapshot/, reference.npz). Raises StorageFailed.

        Args:
            staged: A folder of `staging`.
            facts: Fields of `Run`.
        """
        run = self._finalize_run(staged, facts)
        self._commit({run.id: staged})
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
        self, staged_run: Path, facts: dict[str, Any], staged_artifact: Path, evidence: Evidence, **artifact_facts: Any
    ) -> tuple[Run, Artifact]:
        """Store a run that is nothing without its copy: both, or neither. Raises StorageFailed.

        Both are staged side by side in one folder of `staging`; else as `commit_run` and `commit_artifact`.
        """
        run = self._finalize_run(staged_run, facts)
        artifact = self._finalize_artifact(staged_artifact, run.id, evidence, artifact_facts)
        self._commit({run.id: staged_run, artifact.id: staged_artifact})
        return run, artifact

    def _finalize_run(self, staged: Path, facts: dict[str, Any]) -> Run:
        run = Run(id=new_id("r"), files=storage.hash_and_flush(staged), owner=self.access.viewer_id, **facts)
        _write_records(staged, {"run.json": run.to_json_text()})
        return run

    def _finalize_artifact(self, staged: Path, run_id: str, evidence: Evidence, facts: dict[str, Any]) -> Artifact:
        fields = {"id": new_id("a"), "run": run_id, "files": storage.hash_and_flush(staged / "files")} | facts
        artifact = Artifact(**fields | {"owner": self.access.viewer_id})
        evidence = evidence.model_copy(update={"trust": artifact.trust})
        _write_records(staged, {"artifact.json": artifact.to_json_text(), "evidence.json": evidence.to_json_text()})
        return artifact

    def _commit(self, staged: dict[str, Path]) -> None:
        if len(staged) > 1:
            storage.commit_atomically(self.home, staged)
        else:
            for id_, folder in staged.items():
                storage.rename_durably(folder, storage.entry_folder(self.home, id_))
        self._catalog_sync.log_changes(*staged)

    def record_refusals(self, run_id: str, refused: Mapping[str, Any], accepted: Iterable[str]) -> None:
        """Store the formats that refused a run (as `Refusal`s), and drop those of formats that accepted it since.

        Another person's run stays as it is. Raises UnknownName, StorageFailed.
        """
        folder = self.folder(run_id, "r")
        if not self.access.can_change(folder):
            return
        accepted = set(accepted)
        earlier = {key: row for key, row in self.refusals(run_id).items() if key not in accepted}
        with translate_disk_errors():
            storage.write_text_atomically(folder / "refused.json", json.dumps({**earlier, **refused}, indent=2))


def _write_records(staged: Path, texts: dict[str, str]) -> None:
    """Write records by file name beside the staged files, and flush all of it."""
    for name, text in texts.items():
        storage.write_text_atomically(staged / name, text)
    storage.fsync_path(staged)


class AnnotationMixin(ReadMixin):
    """Annotates entries and points aliases, one writer at a time."""

    def annotations(self, id_: str) -> Annotations:
        """What people say of a run or an artifact. Raises UnknownName, UnreadableRecord."""
        return read_annotations(self.folder(id_))

    def annotate(self, id_: str, **changes: Any) -> Annotations:
        """Change annotations of a run or an artifact: `name` (of a run), `tags`, `note`, `pinned`, `shared`.

        Who shares a copy shares its run, without which it says little. Raises InputError, UnknownName,
        UnreadableRecord, StorageFailed.
        """
        if "name" in changes and not id_.startswith("r"):
            raise InputError("A copy goes by the name of its run.", received=id_[:80], cure="Rename the run.")
        with self._write_lock():
            folder = self._own_folder(id_)
            shares_run = changes.get("shared") and id_.startswith("a")
            run_folder = self.folder(self.artifact(id_).run, "r") if shares_run else folder
            annotations = write_annotations(folder, changes)
            if run_folder != folder and self.access.can_change(run_folder):
                write_annotations(run_folder, {"shared": True})
            self._catalog_sync.log_changes(id_, run_folder.name)
        return annotations

    def tag(self, ids: Iterable[str], add: Iterable[str] = (), drop: Iterable[str] = ()) -> None:
        """Add tags to some entries and take others off. Raises as `annotate` does."""
        add, drop = list(add), set(clean_tags(drop))
        with self._write_lock():
            folders = {id_: self._own_folder(id_) for id_ in dict.fromkeys(ids)}
            tags = {
                id_: clean_tags([*(tag for tag in read_annotations(folder).tags if tag not in drop), *add])
                for id_, folder in folders.items()
            }  # all of them fit before one is written
            for id_, folder in folders.items():
                write_annotations(folder, {"tags": tags[id_]})
            self._catalog_sync.log_changes(*folders)

    def aliases(self) -> dict[str, str]:
        """Artifact ids by alias. Raises UnreadableRecord."""
        return {alias: id_ for alias, id_ in read_aliases(self.home).items() if self.access.can_see_derived(None, id_)}

    def set_alias(self, alias: str, id_: str) -> str | None:
        """Point an alias to an artifact. Returns the id that it pointed to before.

        Raises InputError, UnknownName, UnreadableRecord, StorageFailed.
        """
        validate_alias(alias)
        with self._write_lock():
            self._own_folder(id_, "a")
            aliases = read_aliases(self.home)
            before = aliases.get(alias)
            self._require_own_alias(alias, before)
            write_aliases(self.home, aliases | {alias: id_})
            self._catalog_sync.log_changes(id_, *([before] if before else []))
        return before

    def drop_alias(self, alias: str) -> str:
        """Delete an alias. Returns the id that it pointed to.

        Raises InputError, UnknownName, UnreadableRecord, StorageFailed.
        """
        with self._write_lock():
            aliases = read_aliases(self.home)
            before = aliases.pop(alias, None)
            if before is None or not self.access.can_see_derived(None, before):
                raise UnknownName("There is no such alias.", received=alias[:80], cure="See `python -m core alias`.")
            self._require_own_alias(alias, before)
            write_aliases(self.home, aliases)
            self._catalog_sync.log_changes(before)
        return before

    def _require_own_alias(self, alias: str, target: str | None) -> None:
        """Raises InputError where an alias points to what is another's."""
        folder = self.home / "artifacts" / (target or "")
        if target and folder.is_dir() and not self.access.can_change(folder):
            raise InputError("Another person uses this alias.", received=alias, cure="Choose another name.")

    def resolve(self, text: str) -> str:
        """An id as it is, or the id that an alias points to. Raises UnknownName, UnreadableRecord."""
        if ID_PATTERN.fullmatch(text):
            return text
        if target := self.aliases().get(text):
            return validate_id(target, "a")
        raise unknown_id_error(text)


class TrashMixin(LibraryBase):
    """Removes entries and restores them, one writer at a time in all processes."""

    def remove(self, id_: str) -> list[str]:
        """Move an artifact, or a run with all of its artifacts, into the trash. Returns the ids that moved.

        Raises InputError for what is pinned or has an alias, UnknownName, StorageFailed.
        """
        return self.remove_all([id_])

    def remove_all(self, ids: Iterable[str]) -> list[str]:
        """As `remove`, many at once: either all of them may go, or none does."""
        removed = list(dict.fromkeys(entry for id_ in ids for entry in self._ids_with_artifacts(id_)))
        with self._write_lock():
            for id_ in removed:
                self._require_removable(id_)
            for id_ in removed:
                self._trash.put(self._own_folder(id_))
                self._catalog_sync.log_changes(id_)
        return removed

    def _ids_with_artifacts(self, id_: str) -> list[str]:
        self._own_folder(id_)
        copies = self._catalog_sync.query(Catalog.ids_where, "run", [id_]) if id_.startswith("r") else []
        if not all(self.access.can_change(self.home / "artifacts" / copy) for copy in copies):
            raise InputError(
                "Others have saved copies of this run, so it is not removed.",
                received=id_,
                cure="Make it private instead: then nobody else sees it.",
            )
        return [*copies, id_]

    def _require_removable(self, id_: str) -> None:
        """Raise InputError for what is pinned or has an alias, UnreadableRecord where that cannot be read."""
        aliases = [alias for alias, target in read_aliases(self.home).items() if target == id_]
        if aliases:
            raise InputError(
                f"The alias '{aliases[0]}' points to it, so it is not removed.",
                received=id_,
                cure="Point the alias to another artifact, or drop it first.",
            )
        if read_annotations(self.folder(id_)).pinned:
            raise InputError("It is pinned, so it is not removed.", received=id_, cure="Unpin it first.")

    def restore(self, id_: str) -> list[str]:
        """Bring an entry back from the trash, an artifact with its run. Returns the ids that came back.

        Raises UnknownName, StorageFailed.
        """
        with self._write_lock():
            ids = self._trash.ids_with_run(id_)
            if not all(self._can_restore(restored) for restored in ids):
                raise unknown_id_error(id_)
            for restored in ids:
                self._trash.restore(restored, storage.entry_folder(self.home, restored))
                self._catalog_sync.log_changes(restored)
        return ids

    @translate_disk_errors()
    def trash_ids(self) -> list[str]:
        """The ids of what can be restored, what was removed last first."""
        return [id_ for id_ in self._trash.ids() if self._can_restore(id_)]

    def _can_restore(self, id_: str) -> bool:
        return self.access.viewer_id is None or (
            bool(ID_PATTERN.fullmatch(id_)) and self.access.can_change(self.home / "trash" / id_)
        )

    @translate_disk_errors()
    def trashed_entries(self, limit: int | None = None) -> list[TrashedEntry]:
        """What can be restored, with what its record says, in the order of `trash_ids`; at most `limit`."""
        return [self._trash.read_entry(id_) for id_ in self.trash_ids()[:limit]]

    def empty_trash(self, days: float) -> list[str]:
        """Delete for good what was removed that many days ago or earlier, and is not pinned. Returns the ids.

        Raises StorageFailed.
        """
        with self._write_lock():
            return self._trash.empty(days, self._can_restore)
