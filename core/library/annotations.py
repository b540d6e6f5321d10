"""Names, tags, notes, pins and aliases of a library."""

import re
from collections.abc import Iterable
from typing import Any

from core.errors import InputError, UnknownName
from core.library.annotation_files import (
    Annotations,
    clean_tags,
    read_aliases,
    read_annotations,
    write_aliases,
    write_annotations,
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


def validate_alias(text: str) -> None:
    """Raises InputError."""
    if not ALIAS_PATTERN.fullmatch(text) or ID_PATTERN.fullmatch(text) or text in RESERVED_ALIASES:
        raise InputError(
            "An alias begins with a letter and has letters, digits, '_', '-' and '.', 64 at most.",
            received=text[:80],
            cure="For example champion, or tips-best.",
        )
