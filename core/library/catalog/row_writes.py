"""Rows of the catalog: what is written for an entry, and deleted with it."""

import json
from collections.abc import Callable, Iterator, Sequence

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql

from core.compare import Verdict
from core.library.catalog.counts import CountChange, NewRow, group_key, update_counts
from core.library.catalog.schema import (
    ENTRIES,
    GROUP_COLUMNS,
    HASHES,
    STATE,
    TAGS,
    delete_words,
    in_batches,
    insert_rows,
    insert_words,
)
from core.library.records import IndexedEntry

PROVISIONAL_STAMP = 0  # of a row that is to be read again
TEXT_COLUMNS = ("id", "created", "demo", "format", "trust", "owner", "run", "made_from")  # as in the entry
EntryReader = Callable[[str], IndexedEntry | None]
FingerprintLookup = Callable[[str, str], int]


def read_stamps(connection: sql.Connection) -> Sequence[tuple[str, int, str]]:
    return connection.execute(sql.select(ENTRIES.c.id, ENTRIES.c.stamp, ENTRIES.c.run)).all()


def read_state(connection: sql.Connection, name: str) -> str | None:
    return connection.execute(sql.select(STATE.c.value).where(STATE.c.name == name)).scalar()


def set_state(connection: sql.Connection, name: str, value: str) -> None:
    if connection.execute(STATE.update().where(STATE.c.name == name).values(value=value)).rowcount:
        return
    if connection.dialect.name == "postgresql":  # another server may insert it at the same moment
        insert = postgresql.insert(STATE).values(name=name, value=value)
        connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_={"value": value}))
    else:
        connection.execute(STATE.insert(), {"name": name, "value": value})


def write_rows(
    connection: sql.Connection, ids: list[str], fingerprint_of: FingerprintLookup, read: EntryReader, has_words: bool
) -> None:
    # The first statement writes, so that writers take turns, and what is read now is what a later one finds.
    set_state(connection, "writer", "")
    changes = _delete_rows(connection, ids, has_words)
    entries = [indexed for id_ in ids if (indexed := read(id_))]
    rows = [_entry_row(indexed, fingerprint_of) for indexed in entries]
    insert_rows(connection, ENTRIES, rows)
    _insert_tags_hashes_words(connection, entries, has_words)
    sizes = (indexed.entry.bytes or 0 for indexed in entries)
    changes += [(group_key(row), 1, size) for row, size in zip(rows, sizes, strict=True)]
    update_counts(connection, changes)


def _delete_rows(connection: sql.Connection, ids: list[str], has_words: bool) -> list[CountChange]:
    changes: list[CountChange] = []
    select = sql.select(ENTRIES.c.key, ENTRIES.c.bytes, *(ENTRIES.c[name] for name in GROUP_COLUMNS))
    for batch in in_batches(ids):
        rows = connection.execute(select.where(ENTRIES.c.id.in_(batch))).mappings().all()
        keys = [row["key"] for row in rows]
        if has_words and keys:
            connection.execute(delete_words(keys))
        for table in (TAGS, HASHES, ENTRIES) if keys else ():
            connection.execute(table.delete().where(table.c.key.in_(keys)))
        changes += [(group_key(row), -1, -row["bytes"]) for row in rows]
    return changes


def _insert_tags_hashes_words(connection: sql.Connection, entries: list[IndexedEntry], has_words: bool) -> None:
    """What belongs to rows that were just inserted."""
    keys: dict[str, int] = {}
    for batch in in_batches([indexed.entry.id for indexed in entries]):
        select = sql.select(ENTRIES.c.id, ENTRIES.c.key).where(ENTRIES.c.id.in_(batch))
        keys |= dict(connection.execute(select).all())
    tags = [{"tag": tag, "key": keys[indexed.entry.id]} for indexed in entries for tag in indexed.entry.tags]
    hashes = [
        {"sha256": sha256, "key": keys[indexed.entry.id]} for indexed in entries for sha256 in sorted({*indexed.hashes})
    ]
    insert_rows(connection, TAGS, tags)
    insert_rows(connection, HASHES, hashes)
    for key_batch in in_batches(list(keys.values())) if has_words else ():
        connection.execute(insert_words(key_batch))


def _entry_row(indexed: IndexedEntry, fingerprint_of: FingerprintLookup) -> NewRow:
    entry = indexed.entry
    return {
        **{name: getattr(entry, name) or "" for name in TEXT_COLUMNS},
        "stamp": fingerprint_of(entry.id, entry.run or "") if indexed.is_final else PROVISIONAL_STAMP,
        "bytes": entry.bytes or 0,
        "name": entry.run_name or "",
        "rank": Verdict(entry.verdict).rank if entry.verdict else len(Verdict),
        "pinned": entry.pinned,
        "aliased": bool(entry.aliases),
        "only": indexed.sole_viewer,
        "entry": json.dumps(entry._asdict()),
        "tags": "".join(f"\n{tag}\n" for tag in entry.tags),
        "text": "\n".join(_searched_texts(indexed)).lower().replace("\0", ""),
    }


def _searched_texts(indexed: IndexedEntry) -> Iterator[str]:
    """All that is searched of an entry; a word is never found across two of these."""
    entry = indexed.entry
    yield from (entry.id, entry.run or "", entry.run_name or "", entry.demo or "", entry.format or "")
    yield from (*entry.tags, *entry.aliases, indexed.note)
