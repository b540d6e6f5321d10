"""The versions of an alias in a store, made changes and aliases again."""

from collections.abc import Iterable, Mapping

from core.errors import InputError
from core.library.annotation_files import AliasChange, Aliases, clean_name
from core.library.annotations import validate_alias
from core.library.ids import validate_id
from core.object_store.documents import Version


def parse_change(alias: str, text: str | None) -> AliasChange | None:
    """A change of that alias; None for an object that is none of ours."""
    try:
        change = AliasChange.model_validate_json(text or "")
        validate_alias(change.alias)
        for id_ in filter(None, (change.artifact, change.before)):
            validate_id(id_, "a")
        named = change.model_copy(update={"set_by": clean_name(change.set_by)})
    except (ValueError, InputError):
        return None
    return named if change.alias == alias else None


def changes_of(alias: str, versions: Iterable[Version]) -> list[AliasChange]:
    """The changes of an alias, the oldest first."""
    return [change for version in versions if (change := parse_change(alias, version.text))]


def targets(changes: Iterable[AliasChange]) -> set[str]:
    """The artifacts that an alias points or pointed to."""
    return {id_ for change in changes for id_ in (change.artifact, change.before) if id_}


def join_histories(versions_by_alias: Mapping[str, list[Version]]) -> Aliases:
    """All aliases with their history, the oldest change first.

    Those of one alias stay in their order, whatever the clocks said of the machines that made them.
    """
    dated: list[tuple[str, AliasChange]] = []
    pointed: dict[str, str] = {}
    for alias, versions in versions_by_alias.items():
        latest = ""
        for change in changes_of(alias, versions):
            latest = max(latest, change.created)
            dated.append((latest, change))
            pointed[alias] = change.artifact or ""
    history = [change for _, change in sorted(dated, key=lambda item: item[0])]
    aliases = {alias: id_ for alias, id_ in sorted(pointed.items()) if id_}
    return Aliases.model_validate({"aliases": aliases, "history": history})
