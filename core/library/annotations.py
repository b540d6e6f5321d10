"""Names, tags, notes, pins and aliases of a library."""

import re
from collections.abc import Iterable
from typing import Any

from core.errors import InputError, UnknownName
from core.library.annotation_files import (
    ANNOTATIONS_FILE,
    AliasChange,
    Aliases,
    Annotations,
    clean_changes,
    clean_name,
    clean_tags,
    parse_annotations,
    read_annotations,
)
from core.library.ids import ID_PATTERN, unknown_id_error, validate_id
from core.library.reads import ReadMixin
from core.library.records import BUILT_IN_SOURCES

ALIAS_PATTERN = re.compile(r"[^\W\d_][\w.-]{0,63}")
RESERVED_ALIASES = set(BUILT_IN_SOURCES)  # what `--code ID=SOURCE` takes beside ids


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
            annotations = self._write_annotations(id_, changes)
            if run_folder != folder and self.access.can_change(run_folder):
                self._write_annotations(run_folder.name, {"shared": True})
        return annotations

    def _write_annotations(self, id_: str, changes: dict[str, Any]) -> Annotations:
        """Raises InputError for what does not fit, UnreadableRecord, StorageFailed."""
        cleaned, written = clean_changes(changes), Annotations()

        def change(text: str | None) -> str:
            nonlocal written
            written = parse_annotations(text).model_copy(update=cleaned)
            return written.to_json_text()

        self.entries.change_document(id_, ANNOTATIONS_FILE, change)
        return written

    def tag(self, ids: Iterable[str], add: Iterable[str] = (), drop: Iterable[str] = ()) -> None:
        """Add tags to some entries and take others off. Raises as `annotate` does."""
        add, drop = list(add), set(clean_tags(drop))
        with self._write_lock():
            folders = {id_: self._own_folder(id_) for id_ in dict.fromkeys(ids)}
            tags = {
                id_: clean_tags([*(tag for tag in read_annotations(folder).tags if tag not in drop), *add])
                for id_, folder in folders.items()
            }  # all of them fit before one is written
            for id_ in folders:
                self._write_annotations(id_, {"tags": tags[id_]})

    def aliases(self) -> dict[str, str]:
        """Artifact ids by alias. Raises UnreadableRecord."""
        aliases = self.entries.aliases().aliases
        return {alias: id_ for alias, id_ in aliases.items() if self.access.can_see_derived(None, id_)}

    def alias_history(self, alias: str = "") -> list[AliasChange]:
        """Where an alias, or each, pointed from when on, the newest change first. Raises UnreadableRecord."""
        changes = reversed(self.entries.aliases().known_history())
        named = [change for change in changes if alias in ("", change.alias)]
        return [change for change in named if self.access.can_see_derived(None, [change.artifact, change.before])]

    def set_alias(self, alias: str, id_: str) -> str | None:
        """Point an alias to an artifact. Returns the id that it pointed to before.

        Raises InputError, UnknownName, UnreadableRecord, StorageFailed.
        """
        validate_alias(alias)
        with self._write_lock():
            self._own_folder(id_, "a")
            while True:
                aliases = self.entries.aliases()
                before = aliases.aliases.get(alias)
                self._require_own_alias(alias, before)
                if before == id_ or self._change_alias(aliases, alias, id_):
                    return before

    def drop_alias(self, alias: str) -> str:
        """Delete an alias. Returns the id that it pointed to.

        Raises InputError, UnknownName, UnreadableRecord, StorageFailed.
        """
        with self._write_lock():
            while True:
                aliases = self.entries.aliases()
                before = aliases.aliases.get(alias)
                if before is None or not self.access.can_see_derived(None, before):
                    raise UnknownName("There is no such alias.", received=alias[:80], cure="See `roundtrip alias`.")
                self._require_own_alias(alias, before)
                if self._change_alias(aliases, alias, None):
                    return before

    def add_alias_history(self, changes: Iterable[AliasChange]) -> int:
        """Take over changes of aliases that were noted elsewhere, the oldest first of each; returns how many came.

        An alias that was moved otherwise here stays as it is. Raises InputError for a person who signed in,
        UnreadableRecord, StorageFailed.
        """
        self.require_full_access()
        with self._write_lock():
            added = find_further_changes(self.entries.aliases().known_history(), changes)
            return sum(self.entries.change_alias(self.entries.aliases(), change) for change in added)

    def _change_alias(self, aliases: Aliases, alias: str, id_: str | None) -> bool:
        """Whether it was changed; another writer may have been faster. Raises StorageFailed."""
        set_by = clean_name(self.access.viewer.name) if self.access.viewer else ""
        change = AliasChange(alias=alias, artifact=id_, before=aliases.aliases.get(alias), set_by=set_by)
        return self.entries.change_alias(aliases, change)

    def _require_own_alias(self, alias: str, target: str | None) -> None:
        """Raises InputError where an alias points to what is another's."""
        if not target or not ID_PATTERN.fullmatch(target):
            return
        folder = self.entries.locate(target)
        if folder and not self.access.can_change(folder):
            raise InputError("Another person uses this alias.", received=alias, cure="Choose another name.")

    def resolve(self, text: str) -> str:
        """An id as it is, or the id that an alias points to. Raises UnknownName, UnreadableRecord."""
        if ID_PATTERN.fullmatch(text):
            return text
        if target := self.aliases().get(text):
            return validate_id(target, "a")
        raise unknown_id_error(text)


def find_further_changes(known: Iterable[AliasChange], changes: Iterable[AliasChange]) -> list[AliasChange]:
    """Changes that go on where the known ones of their alias end; none of an alias whose beginning is another."""
    known_by_alias = group_by_alias(known)
    further = []
    for alias, all_changes in group_by_alias(changes).items():
        before = known_by_alias.get(alias, [])
        if ALIAS_PATTERN.fullmatch(alias) and all_changes[: len(before)] == before:
            further += all_changes[len(before) :]
    return further


def group_by_alias(changes: Iterable[AliasChange]) -> dict[str, list[AliasChange]]:
    """The changes of each alias, in their order."""
    groups: dict[str, list[AliasChange]] = {}
    for change in changes:
        groups.setdefault(change.alias, []).append(change)
    return groups


def validate_alias(text: str) -> None:
    """Raises InputError."""
    if not ALIAS_PATTERN.fullmatch(text) or ID_PATTERN.fullmatch(text) or text in RESERVED_ALIASES:
        raise InputError(
            "An alias begins with a letter and has letters, digits, '_', '-' and '.', 64 at most.",
            received=text[:80],
            cure="For example champion, or tips-best.",
        )
