"""What people say of entries: marks beside the records, and aliases that point to artifacts and move."""

from collections.abc import Iterable
from typing import Any

from core.errors import InputError
from core.library.aliases import checked_alias, no_alias, read_aliases, write_aliases
from core.library.entries import ID, checked_id, unknown
from core.library.marks import Marks, clean_tags, read_marks, write_marks
from core.library.reading import Reading


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
