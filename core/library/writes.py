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
    Marks,
    checked_alias,
    clean_tags,
    no_alias,
    read_aliases,
    read_marks,
    write_aliases,
    write_marks,
)
from core.library.base import Opened, Reading
from core.library.records import ID, KINDS, Artifact, Run, checked_id, new_id, unknown
from core.library.storage import disk
from core.library.trash import Thrown

Kept = TypeVar("Kept", Run, Artifact)


class Keeping(Reading):
    """Keeps runs, artifacts, and which formats refused a run."""

    def keep_run(self, staged: Path, facts: dict[str, Any]) -> Run:
        """Keep a staged run (history.csv, snapshot/, reference.npz): hashed, flushed, renamed. Raises StorageFailed."""
        with storage.disk():
            run = self._sealed_run(staged, facts)
            self._keep({run.id: staged})
        return run

    def keep_artifact(self, staged: Path, run_id: str, evidence: Evidence, **facts: Any) -> Artifact:
        """Keep a staged copy (its files in `files/`) with its evidence; `facts` are other fields of its record.

        Raises StorageFailed.
        """
        if self.access.me is not None:
            self._folder(run_id, "r")
        with storage.disk():
            artifact = self._sealed_artifact(staged, run_id, evidence, facts)
            self._keep({artifact.id: staged})
        return artifact

    def keep_both(
        self, staged_run: Path, facts: dict[str, Any], staged_artifact: Path, evidence: Evidence, **more: Any
    ) -> tuple[Run, Artifact]:
        """As `keep_run` and `keep_artifact`, for a run that is nothing without its copy: both are kept, or neither.

        They are staged side by side, in one folder of staging. `more` are other fields of the artifact's record.
        """
        with storage.disk():
            run = self._sealed_run(staged_run, facts)
            artifact = self._sealed_artifact(staged_artifact, run.id, evidence, more)
            self._keep({run.id: staged_run, artifact.id: staged_artifact})
        return run, artifact

    def _sealed_run(self, staged: Path, facts: dict[str, Any]) -> Run:
        run = Run(id=new_id("r"), files=storage.seal(staged), owner=self.access.me, **facts)
        return _sealed(staged, run, {"run.json": run.text()})

    def _sealed_artifact(self, staged: Path, run_id: str, evidence: Evidence, facts: dict[str, Any]) -> Artifact:
        given = {"id": new_id("a"), "run": run_id, "files": storage.seal(staged / "files")} | facts
        artifact = Artifact(**given | {"owner": self.access.me})
        evidence = evidence.model_copy(update={"trust": artifact.trust})
        return _sealed(staged, artifact, {"artifact.json": artifact.text(), "evidence.json": evidence.text()})

    def _keep(self, staged: dict[str, Path]) -> None:
        if len(staged) > 1:
            storage.commit_entries(self.home, staged)
        else:
            for id_, folder in staged.items():
                storage.move(folder, storage.place(self.home, id_))
        self._lookout.changed(*staged)

    def keep_refusals(self, run_id: str, refused: dict[str, dict[str, Any]], taken: Iterable[str]) -> None:
        """Note the formats that refused a run, and forget earlier refusals of those that have taken it since; a run of
        another person stays as it is."""
        if not self.access.owns(self._folder(run_id, "r")):
            return
        noted = {key: found for key, found in self.refusals(run_id).items() if key not in set(taken)} | refused
        with storage.disk():
            storage.write_text(self._folder(run_id, "r") / "refused.json", json.dumps(noted, indent=2))


def _sealed(staged: Path, record: Kept, texts: dict[str, str]) -> Kept:
    """The record itself, once its texts are written beside the staged files, and all of it is flushed."""
    for name, text in texts.items():
        storage.write_text(staged / name, text)
    storage.flush(staged)
    return record


class Marking(Reading):
    """Marks entries and points aliases, one writer at a time."""

    def marks(self, id_: str) -> Marks:
        """What a person said of a run or an artifact. Raises UnknownName, UnreadableRecord."""
        return read_marks(self._folder(id_))

    def mark(self, id_: str, **changes: Any) -> Marks:
        """Change marks of a run or an artifact: `name` (of a run), `tags`, `note`, `pinned`, `shared`.

        Who shares a copy shares its run, without which it says little. Raises InputError, UnknownName,
        UnreadableRecord, StorageFailed.
        """
        if "name" in changes and not id_.startswith("r"):
            raise InputError("A copy goes by the name of its run.", received=id_[:80], cure="Rename the run.")
        with self._alone():
            folder = self._own(id_)
            run = self._folder(self.artifact(id_).run, "r") if changes.get("shared") and id_.startswith("a") else folder
            marks = write_marks(folder, changes)
            if run != folder and self.access.owns(run):
                write_marks(run, {"shared": True})
            self._lookout.changed(id_, run.name)
        return marks

    def tag(self, ids: Iterable[str], add: Iterable[str] = (), drop: Iterable[str] = ()) -> None:
        """Add tags to some entries and take others off. Raises as `mark` does."""
        add, drop = list(add), set(clean_tags(drop))
        with self._alone():
            folders = {id_: self._own(id_) for id_ in dict.fromkeys(ids)}
            kept = {id_: [tag for tag in read_marks(folder).tags if tag not in drop] for id_, folder in folders.items()}
            tags = {id_: clean_tags([*kept[id_], *add]) for id_ in folders}  # all of them fit before one is written
            for id_, folder in folders.items():
                write_marks(folder, {"tags": tags[id_]})
            self._lookout.changed(*folders)

    def aliases(self) -> dict[str, str]:
        """Alias to artifact id. Raises UnreadableRecord."""
        return {name: id_ for name, id_ in read_aliases(self.home).items() if self._shows(id_)}

    def _shows(self, id_: str) -> bool:
        """Whether the person may hear of an artifact, which may be gone."""
        return self.access.admits(None, id_)

    def point(self, alias: str, id_: str) -> str | None:
        """Have an alias point to an artifact; gives the id that it pointed to before.

        Raises InputError, UnknownName, UnreadableRecord, StorageFailed.
        """
        checked_alias(alias)
        with self._alone():
            self._own(id_, "a")
            aliases = read_aliases(self.home)
            before = aliases.get(alias)
            self._require_alias(alias, before)
            write_aliases(self.home, aliases | {alias: id_})
            self._lookout.changed(id_, *([before] if before else []))
        return before

    def drop_alias(self, alias: str) -> str:
        """Forget an alias; gives the id that it pointed to. Raises UnknownName, UnreadableRecord, StorageFailed."""
        with self._alone():
            aliases = read_aliases(self.home)
            if alias not in aliases or not self._shows(aliases[alias]):
                raise no_alias(alias)
            before = aliases.pop(alias)
            self._require_alias(alias, before)
            write_aliases(self.home, aliases)
            self._lookout.changed(before)
        return before

    def _require_alias(self, alias: str, before: str | None) -> None:
        """Raises InputError where an alias points to what is another's."""
        folder = self.home / "artifacts" / (before or "")
        if before and folder.is_dir() and not self.access.owns(folder):
            raise InputError("Another person uses this alias.", received=alias, cure="Choose another name.")

    def resolve(self, text: str) -> str:
        """An id as it is, or the id that an alias points to. Raises UnknownName, UnreadableRecord."""
        if ID.fullmatch(text):
            return text
        if found := self.aliases().get(text):
            return checked_id(found, "a")
        raise unknown(text)


class Removing(Opened):
    """Removes entries and brings them back, one at a time in all processes."""

    def remove(self, id_: str) -> list[str]:
        """Move an artifact, or a run with all of its artifacts, into the trash; gives the ids that moved.

        Raises InputError for what is pinned or has an alias, UnknownName, StorageFailed.
        """
        return self.remove_all([id_])

    def remove_all(self, ids: Iterable[str]) -> list[str]:
        """As `remove`, many at once: either all of them may go, or none does."""
        wanted = list(dict.fromkeys(one for id_ in ids for one in self._with_artifacts(id_)))
        with self._alone():
            for one in wanted:
                self._require_free(one)
            for one in wanted:
                self._trash.throw(self._own(one))
                self._lookout.changed(one)
        return wanted

    def _with_artifacts(self, id_: str) -> list[str]:
        self._own(id_)
        copies = self._lookout.ask(lambda catalog: catalog.ids_where("run", [id_])) if id_.startswith("r") else []
        if not all(self.access.owns(self.home / "artifacts" / one) for one in copies):
            raise InputError(
                "Others have saved copies of this run, so it is not removed.",
                received=id_,
                cure="Make it private instead: then nobody else sees it.",
            )
        return [*copies, id_]

    def _require_free(self, id_: str) -> None:
        """Raises InputError, and UnreadableRecord where nobody can tell."""
        names = [name for name, target in read_aliases(self.home).items() if target == id_]
        if names:
            raise InputError(
                f"The alias '{names[0]}' points to it, so it is not removed.",
                received=id_,
                cure="Point the alias to another artifact, or drop it first.",
            )
        if read_marks(self._folder(id_)).pinned:
            raise InputError("It is pinned, so it is not removed.", received=id_, cure="Unpin it first.")

    def restore(self, id_: str) -> list[str]:
        """Bring an entry back from the trash, an artifact with its run; gives the ids that came back."""
        with self._alone():
            ids = self._trash.with_run(id_)
            if not all(self._may_take_back(one) for one in ids):
                raise unknown(id_)
            for one in ids:
                self._trash.take_back(one, self.home / KINDS[one[0]] / one)
                self._lookout.changed(one)
        return ids

    @disk()
    def trash(self) -> list[str]:
        """Ids of what can be restored, what was removed last first."""
        return [id_ for id_ in self._trash.ids() if self._may_take_back(id_)]

    def _may_take_back(self, id_: str) -> bool:
        return self.access.me is None or (bool(ID.fullmatch(id_)) and self.access.owns(self.home / "trash" / id_))

    @disk()
    def trashed(self, most: int | None = None) -> list[Thrown]:
        """What can be restored, with what its record says of it, in the order of `trash`; at most so many."""
        return [self._trash.thrown(id_) for id_ in self.trash()[:most]]

    def empty_trash(self, days: float) -> list[str]:
        """Delete for good what was removed so many days ago or earlier, and is not pinned; gives the ids.

        Raises StorageFailed.
        """
        with self._alone():
            return self._trash.empty(days, self._may_take_back)
