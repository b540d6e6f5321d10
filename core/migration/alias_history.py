"""Aliases with their history, between a library and an object store: one object for each change of each alias."""

import json

from core.library import Library
from core.library.annotation_files import AliasChange
from core.library.annotations import group_by_alias
from core.object_store import Documents, ObjectStore
from core.object_store.alias_versions import parse_change
from core.record import INVALID_JSON_ERRORS


def push_aliases(library: Library, store: ObjectStore) -> int:
    """Append to the store what a library did with its aliases and the store does not know; returns how many changes.

    Where both were changed since, where the alias points in the library becomes the newest change.
    """
    documents = Documents(store, "aliases")
    groups = group_by_alias(reversed(library.alias_history()))
    return sum(_push(documents, alias, changes) for alias, changes in groups.items())


def _push(documents: Documents, alias: str, changes: list[AliasChange]) -> int:
    texts = [change.model_dump_json() for change in changes]
    stored = documents.versions(alias)
    stored_texts = [version.text for version in stored]
    if texts[: len(stored)] == stored_texts:
        missing = texts[len(stored) :]
    else:
        is_known = texts == stored_texts[: len(texts)] or _target(stored_texts[-1]) == changes[-1].artifact
        missing = [] if is_known else texts[-1:]
    for at, text in enumerate(missing):
        if not documents.append(alias, text, len(stored) + at):  # somebody else moved it just now: look again
            return _push(documents, alias, changes)
    return len(missing)


def _target(text: str | None) -> str | None:
    try:
        target: str | None = json.loads(text or "{}").get("artifact")
    except INVALID_JSON_ERRORS:
        return None
    return target


def pull_aliases(library: Library, store: ObjectStore) -> int:
    """Bring the aliases of a store into a library; returns how many changes came. An alias that the library moved
    itself stays where it points there."""
    documents = Documents(store, "aliases")
    stored = [parse_change(alias, version.text) for alias in documents.names() for version in documents.versions(alias)]
    return library.add_alias_history([change for change in stored if change])
