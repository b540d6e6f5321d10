"""Commit, annotate, trash, restore.

What is made is kept whole or not at all: staged on the library's own disk, hashed, flushed, renamed.

What people say of entries: marks beside the records, and aliases that point to artifacts and move.

Into the trash and back; what lies there long enough is deleted for good.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from core.errors import InputError
from core.evidence import Evidence
from core.library import storage
from core.library.annotations import (
    Annotations,
    clean_tags,
    read_aliases,
    read_annotations,
    unknown_alias_error,
    validate_alias,
    write_aliases,
    write_annotations,
)
from core.library.base import LibraryBase, ReadMixin
from core.library.records import FOLDER_BY_KIND, ID_PATTERN, Artifact, Run, new_id, unknown_id_error, validate_id
from core.library.storage import translate_disk_errors
from core.library.trash import TrashedEntry

RunOrArtifact = TypeVar("Kept", Run, Artifact)


class CommitMixin(ReadMixin):
    """Keeps runs, artifacts, and which formats refused a run."""

    def commit_run(self, staged: Path, facts: dict[str, Any]) -> Run:
        """Keep a staged run (history.csv, snapshot/, reference.npz): hashed, flushed, renamed. Raises StorageFailed."""
        with storage.translate_disk_errors():
            run = self._finalize_run(staged, facts)
            self._commit({run.id: staged})
        return run

    def commit_artifact(self, staged: Path, run_id: str, evidence: Evidence, **facts: Any) -> Artifact:
        """Keep a staged copy (its files in `files/`) with its evidence; `facts` are other fields of its record.

        Raises StorageFailed.
        """
        if self.access.viewer_id is not None:
            self._folder(run_id, "r")
        with storage.translate_disk_errors():
            artifact = self._finalize_artifact(staged, run_id, evidence, facts)
            self._commit({artifact.id: staged})
        return artifact

    def commit_run_and_artifact(
        self, staged_run: Path, facts: dict[str, Any], staged_artifact: Path, evidence: Evidence, **artifact_facts: Any
    ) -> tuple[Run, Artifact]:
        """As `keep_run` and `keep_artifact`, for a run that is nothing without its copy: both are kept, or neither.

        They are staged side by side, in one folder of staging. `more` are other fields of the artifact's record.
        """
        with storage.translate_disk_errors():
            run = self._finalize_run(staged_run, facts)
            artifact = self._finalize_artifact(staged_artifact, run.id, evidence, artifact_facts)
            self._commit({run.id: staged_run, artifact.id: staged_artifact})
        return run, artifact

    def _finalize_run(self, staged: Path, facts: dict[str, Any]) -> Run:
        run = Run(id=new_id("r"), files=storage.hash_and_flush(staged), owner=self.access.viewer_id, **facts)
        return _write_records(staged, run, {"run.json": run.to_json_text()})

    def _finalize_artifact(self, staged: Path, run_id: str, evidence: Evidence, facts: dict[str, Any]) -> Artifact:
        given = {"id": new_id("a"), "run": run_id, "files": storage.hash_and_flush(staged / "files")} | facts
        artifact = Artifact(**given | {"owner": self.access.viewer_id})
        evidence = evidence.model_copy(update={"trust": artifact.trust})
        return _write_records(
            staged, artifact, {"artifact.json": artifact.to_json_text(), "evidence.json": evidence.to_json_text()}
        )

    def _commit(self, staged: dict[str, Path]) -> None:
        if len(staged) > 1:
            storage.commit_atomically(self.home, staged)
        else:
            for id_, folder in staged.items():
                storage.rename_durably(folder, storage.entry_folder(self.home, id_))
        self._catalog_sync.log_changes(*staged)

    def record_refusals(self, run_id: str, refused: dict[str, dict[str, Any]], accepted: Iterable[str]) -> None:
        """Note the formats that refused a run, and forget earlier refusals of those that have taken it since; a run of
        another person stays as it is."""
        if not self.access.can_change(self._folder(run_id, "r")):
            return
        noted = {key: found for key, found in self.refusals(run_id).items() if key not in set(accepted)} | refused
        with storage.translate_disk_errors():
            storage.write_text_atomically(self._folder(run_id, "r") / "refused.json", json.dumps(noted, indent=2))


def _write_records(staged: Path, record: RunOrArtifact, json_by_name: dict[str, str]) -> RunOrArtifact:
    """The record itself, once its texts are written beside the staged files, and all of it is flushed."""
    for name, text in json_by_name.items():
        storage.write_text_atomically(staged / name, text)
    storage.fsync_path(staged)
    return record


class AnnotationMixin(ReadMixin):
    """Marks entries and points aliases, one writer at a time."""

    def annotations(self, id_: str) -> Annotations:
        """What a person said of a run or an artifact. Raises UnknownName, UnreadableRecord."""
        return read_annotations(self._folder(id_))

    def annotate(self, id_: str, **changes: Any) -> Annotations:
        """Change marks of a run or an artifact: `name` (of a run), `tags`, `note`, `pinned`, `shared`.

        Who shares a copy shares its run, without which it says little. Raises InputError, UnknownName,
        UnreadableRecord, StorageFailed.
        """
        if "name" in changes and not id_.startswith("r"):
            raise InputError("A copy goes by the name of its run.", received=id_[:80], cure="Rename the run.")
        with self._write_lock():
            folder = self._own_folder(id_)
            run = self._folder(self.artifact(id_).run, "r") if changes.get("shared") and id_.startswith("a") else folder
            marks = write_annotations(folder, changes)
            if run != folder and self.access.can_change(run):
                write_annotations(run, {"shared": True})
            self._catalog_sync.log_changes(id_, run.name)
        return marks

    def tag(self, ids: Iterable[str], add: Iterable[str] = (), drop: Iterable[str] = ()) -> None:
        """Add tags to some entries and take others off. Raises as `mark` does."""
        add, drop = list(add), set(clean_tags(drop))
        with self._write_lock():
            folders = {id_: self._own_folder(id_) for id_ in dict.fromkeys(ids)}
            kept = {
                id_: [tag for tag in read_annotations(folder).tags if tag not in drop]
                for id_, folder in folders.items()
            }
            tags = {id_: clean_tags([*kept[id_], *add]) for id_ in folders}  # all of them fit before one is written
            for id_, folder in folders.items():
                write_annotations(folder, {"tags": tags[id_]})
            self._catalog_sync.log_changes(*folders)

    def aliases(self) -> dict[str, str]:
        """Alias to artifact id. Raises UnreadableRecord."""
        return {name: id_ for name, id_ in read_aliases(self.home).items() if self._is_id_visible(id_)}

    def _is_id_visible(self, id_: str) -> bool:
        """Whether the person may hear of an artifact, which may be gone."""
        return self.access.can_see_derived(None, id_)

    def set_alias(self, alias: str, id_: str) -> str | None:
        """Have an alias point to an artifact; gives the id that it pointed to before.

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
        """Forget an alias; gives the id that it pointed to. Raises UnknownName, UnreadableRecord, StorageFailed."""
        with self._write_lock():
            aliases = read_aliases(self.home)
            if alias not in aliases or not self._is_id_visible(aliases[alias]):
                raise unknown_alias_error(alias)
            before = aliases.pop(alias)
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
        if found := self.aliases().get(text):
            return validate_id(found, "a")
        raise unknown_id_error(text)


class TrashMixin(LibraryBase):
    """Removes entries and brings them back, one at a time in all processes."""

    def remove(self, id_: str) -> list[str]:
        """Move an artifact, or a run with all of its artifacts, into the trash; gives the ids that moved.

        Raises InputError for what is pinned or has an alias, UnknownName, StorageFailed.
        """
        return self.remove_all([id_])

    def remove_all(self, ids: Iterable[str]) -> list[str]:
        """As `remove`, many at once: either all of them may go, or none does."""
        wanted = list(dict.fromkeys(one for id_ in ids for one in self._ids_with_artifacts(id_)))
        with self._write_lock():
            for one in wanted:
                self._require_removable(one)
            for one in wanted:
                self._trash.put(self._own_folder(one))
                self._catalog_sync.log_changes(one)
        return wanted

    def _ids_with_artifacts(self, id_: str) -> list[str]:
        self._own_folder(id_)
        copies = (
            self._catalog_sync.query(lambda catalog: catalog.ids_where("run", [id_])) if id_.startswith("r") else []
        )
        if not all(self.access.can_change(self.home / "artifacts" / one) for one in copies):
            raise InputError(
                "Others have saved copies of this run, so it is not removed.",
                received=id_,
                cure="Make it private instead: then nobody else sees it.",
            )
        return [*copies, id_]

    def _require_removable(self, id_: str) -> None:
        """Raises InputError, and UnreadableRecord where nobody can tell."""
        names = [name for name, target in read_aliases(self.home).items() if target == id_]
        if names:
            raise InputError(
                f"The alias '{names[0]}' points to it, so it is not removed.",
                received=id_,
                cure="Point the alias to another artifact, or drop it first.",
            )
        if read_annotations(self._folder(id_)).pinned:
            raise InputError("It is pinned, so it is not removed.", received=id_, cure="Unpin it first.")

    def restore(self, id_: str) -> list[str]:
        """Bring an entry back from the trash, an artifact with its run; gives the ids that came back."""
        with self._write_lock():
            ids = self._trash.ids_with_run(id_)
            if not all(self._can_restore(one) for one in ids):
                raise unknown_id_error(id_)
            for one in ids:
                self._trash.restore(one, self.home / FOLDER_BY_KIND[one[0]] / one)
                self._catalog_sync.log_changes(one)
        return ids

    @translate_disk_errors()
    def trash_ids(self) -> list[str]:
        """Ids of what can be restored, what was removed last first."""
        return [id_ for id_ in self._trash.ids() if self._can_restore(id_)]

    def _can_restore(self, id_: str) -> bool:
        return self.access.viewer_id is None or (
            bool(ID_PATTERN.fullmatch(id_)) and self.access.can_change(self.home / "trash" / id_)
        )

    @translate_disk_errors()
    def trashed_entries(self, limit: int | None = None) -> list[TrashedEntry]:
        """What can be restored, with what its record says of it, in the order of `trash`; at most so many."""
        return [self._trash.read_entry(id_) for id_ in self.trash_ids()[:limit]]

    def empty_trash(self, days: float) -> list[str]:
        """Delete for good what was removed so many days ago or earlier, and is not pinned; gives the ids.

        Raises StorageFailed.
        """
        with self._write_lock():
            return self._trash.empty(days, self._can_restore)
