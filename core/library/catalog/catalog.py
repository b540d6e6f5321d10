"""The catalog: what the folders hold, in a database that can be deleted and rebuilt at any time."""

import contextlib
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, SQLAlchemyError

from core.compare import Verdict
from core.library.catalog import queries
from core.library.catalog.schema import (
    COUNTS,
    ENTRIES,
    GROUP_COLUMNS,
    HASHES,
    IN_MEMORY_URL,
    STATE,
    TAGS,
    create_tables,
    delete_words,
    insert_words,
    open_engine,
)
from core.library.records import IndexedEntry, Page, Query

IDS_PER_STATEMENT = 500
FOLDERS_PER_TRANSACTION = 2000  # that are read under one lock
PROVISIONAL_STAMP = 0  # of a row that is to be read again
TEXT_COLUMNS = ("id", "created", "demo", "format", "trust", "owner", "run", "made_from")  # as in the entry
EntryReader = Callable[[str], IndexedEntry | None]
FingerprintLookup = Callable[[str, str], int]
ResultT = TypeVar("ResultT")
ItemT = TypeVar("ItemT")
CountChange = tuple[str, int, int]  # a group, and how many entries and bytes more it has
NewRow = dict[str, str | int]  # by column
Row = NewRow | sql.RowMapping


class CatalogLost(Exception):
    """The rows were lost, and have to be read from the folders again."""


class Catalog:
    """Rows of artifacts, kept in step with the folders by their fingerprints.

    `url` is any SQLAlchemy URL. A database that is broken or cannot be written is replaced by one in memory; a SQLite
    file that `is_owned` is deleted and made anew before: nothing is lost, because nothing is stored only here.
    Every method that reads or writes raises CatalogLost.
    """

    def __init__(self, url: str, is_owned: bool = False):
        self._url = url
        self._is_owned = is_owned
        self._is_new = False  # made since the rows were last whole
        self._lock = threading.RLock()
        self._engine = self._open(url, url, IN_MEMORY_URL)

    def _open(self, *urls: str) -> sql.Engine:
        for url in urls:
            engine = open_engine(url)
            try:
                self._full_text = create_tables(engine)
                return engine
            except DatabaseError:
                engine.dispose()
                self._delete_file(url)
        raise AssertionError("SQLite in memory cannot fail to open")

    def claim(self, home: Path) -> bool:
        """Whether this is the catalog of the library in `home`; it becomes that where it was of none."""
        digest = hashlib.sha256(str(home).encode()).hexdigest()
        claimed = self._execute(_read_state, "home")
        if claimed is None:
            self._execute(_set_state, "home", digest, write=True)
        return claimed in (None, digest)

    def backend(self) -> str:
        """The database: "sqlite", "postgresql" ...; "memory" where that could not be used."""
        return "memory" if str(self._engine.url) == IN_MEMORY_URL else self._engine.dialect.name

    def _delete_file(self, url: str) -> None:
        """Delete a broken SQLite file of our own; what a person named may be somebody else's."""
        if not self._is_owned or not url.startswith("sqlite:///"):
            return
        path = url.removeprefix("sqlite:///")
        for name in (path, f"{path}-wal", f"{path}-shm"):
            with contextlib.suppress(OSError):  # read-only: the catalog in memory takes over
                Path(name).unlink(missing_ok=True)

    def _replace(self, broken: sql.Engine) -> None:
        """Replace a broken database: first by a new file, then by one in memory."""
        with self._lock:
            if self._engine is broken:
                broken.dispose()
                self._delete_file(self._url)
                self._engine = self._open(*((IN_MEMORY_URL,) if self._is_new else (self._url, IN_MEMORY_URL)))
                self._is_new = True

    def _execute(self, operation: Callable[..., ResultT], *arguments: Any, write: bool = False) -> ResultT:
        """Run an operation, whose first argument is a connection."""
        engine = self._engine
        # A catalog in memory is one connection, which threads take in turn.
        with self._lock if str(engine.url) == IN_MEMORY_URL else contextlib.nullcontext():
            try:
                with engine.begin() if write else engine.connect() as connection:
                    return operation(connection, *arguments)
            except SQLAlchemyError as error:
                self._replace(engine)
                raise CatalogLost from error

    # Writing

    def sync(
        self, ids: Iterable[str], fingerprint_of: FingerprintLookup, read: EntryReader, reread_all: bool = False
    ) -> None:
        """Bring all rows in step with the folders.

        Args:
            ids: All artifacts that there are.
            fingerprint_of: The present fingerprint of a row, by its id and its run.
            read: The entry of an id; None where it is gone.
            reread_all: Read also those whose fingerprint is the same, and rebuild the counts.
        """
        known = {id_: (stamp, run) for id_, stamp, run in self._execute(_read_stamps)}
        ids = dict.fromkeys(ids)
        changed = [
            id_ for id_ in ids if reread_all or id_ not in known or known[id_][0] != fingerprint_of(id_, known[id_][1])
        ]
        self.refresh([*changed, *(known.keys() - ids.keys())], fingerprint_of, read)
        if reread_all:
            self._execute(_rebuild_counts, write=True)
        self._is_new = False

    def refresh(self, ids: list[str], fingerprint_of: FingerprintLookup, read: EntryReader) -> None:
        """Read these entries again, and no others."""
        for batch in _batches(ids, FOLDERS_PER_TRANSACTION):
            self._execute(_write_rows, batch, fingerprint_of, read, self._full_text == "sqlite", write=True)

    def save_sync_state(self, state: str) -> None:
        """Store what the rows stand for."""
        self._execute(_set_state, "state", state, write=True)

    # Reading

    def load_sync_state(self) -> str:
        """The state that was saved last; empty for a new catalog."""
        return self._execute(_read_state, "state") or ""

    def page(self, query: Query) -> Page:
        """One page of the entries that fit. Raises InputError for a query that is none."""
        queries.validate_query(query)
        return self._execute(queries.query_page, query, self._full_text)

    def count_tags(self, viewer_id: str | None = None) -> dict[str, int]:
        """Every tag, and how many of the entries that the viewer sees have it."""
        return self._execute(queries.count_tags, viewer_id)

    def count_values(self, column: str, viewer_id: str | None = None) -> dict[Any, int]:
        """Every value of demo, format, rank, trust, pinned, aliased or run, and how many entries have it."""
        return self._execute(queries.count_values, column, viewer_id)

    def ids_where(self, column: str, values: Iterable[str], viewer_id: str | None = None) -> list[str]:
        """The ids of entries by `run` or by `made_from`."""
        return self._execute(queries.ids_where, column, values, viewer_id)


def _read_stamps(connection: sql.Connection) -> Sequence[tuple[str, int, str]]:
    return connection.execute(sql.select(ENTRIES.c.id, ENTRIES.c.stamp, ENTRIES.c.run)).all()


def _read_state(connection: sql.Connection, name: str) -> str | None:
    return connection.execute(sql.select(STATE.c.value).where(STATE.c.name == name)).scalar()


def _set_state(connection: sql.Connection, name: str, value: str) -> None:
    if not connection.execute(STATE.update().where(STATE.c.name == name).values(value=value)).rowcount:
        connection.execute(STATE.insert(), {"name": name, "value": value})


def _write_rows(
    connection: sql.Connection, ids: list[str], fingerprint_of: FingerprintLookup, read: EntryReader, has_words: bool
) -> None:
    # The first statement writes, so that writers take turns, and what is read now is what a later one finds.
    _set_state(connection, "writer", "")
    changes = _delete_rows(connection, ids, has_words)
    entries = [indexed for id_ in ids if (indexed := read(id_))]
    rows = [_entry_row(indexed, fingerprint_of) for indexed in entries]
    _insert(connection, ENTRIES, rows)
    _insert_tags_hashes_words(connection, entries, has_words)
    sizes = (indexed.entry.bytes or 0 for indexed in entries)
    changes += [(_group_key(row), 1, size) for row, size in zip(rows, sizes, strict=True)]
    _update_counts(connection, changes)


def _delete_rows(connection: sql.Connection, ids: list[str], has_words: bool) -> list[CountChange]:
    changes: list[CountChange] = []
    select = sql.select(ENTRIES.c.key, ENTRIES.c.bytes, *(ENTRIES.c[name] for name in GROUP_COLUMNS))
    for batch in _batches(ids):
        rows = connection.execute(select.where(ENTRIES.c.id.in_(batch))).mappings().all()
        keys = [row["key"] for row in rows]
        if has_words and keys:
            connection.execute(delete_words(keys))
        for table in (TAGS, HASHES, ENTRIES) if keys else ():
            connection.execute(table.delete().where(table.c.key.in_(keys)))
        changes += [(_group_key(row), -1, -row["bytes"]) for row in rows]
    return changes


def _insert_tags_hashes_words(connection: sql.Connection, entries: list[IndexedEntry], has_words: bool) -> None:
    """What belongs to rows that were just inserted."""
    keys: dict[str, int] = {}
    for batch in _batches([indexed.entry.id for indexed in entries]):
        select = sql.select(ENTRIES.c.id, ENTRIES.c.key).where(ENTRIES.c.id.in_(batch))
        keys |= dict(connection.execute(select).all())
    tags = [{"tag": tag, "key": keys[indexed.entry.id]} for indexed in entries for tag in indexed.entry.tags]
    hashes = [
        {"sha256": sha256, "key": keys[indexed.entry.id]} for indexed in entries for sha256 in sorted({*indexed.hashes})
    ]
    _insert(connection, TAGS, tags)
    _insert(connection, HASHES, hashes)
    for key_batch in _batches(list(keys.values())) if has_words else ():
        connection.execute(insert_words(key_batch))


def _insert(connection: sql.Connection, table: sql.Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def _update_counts(connection: sql.Connection, changes: list[CountChange]) -> None:
    """Write the counts of all groups at once, of which there are a thousand in a thousand entries."""
    counts, sizes = Counter[str](), Counter[str]()
    for group, count, size in changes:
        counts[group] += count
        sizes[group] += size
    for batch in _batches(list(counts)):
        where = COUNTS.c.kind.in_(batch)
        for row in connection.execute(COUNTS.select().where(where)).mappings().all():
            counts[row["kind"]] += row["count"]
            sizes[row["kind"]] += row["bytes"]
        connection.execute(COUNTS.delete().where(where))
    _insert(connection, COUNTS, [_count_row(group, count, sizes[group]) for group, count in counts.items() if count])


def _count_row(group: str, count: int, size: int) -> NewRow:
    values = dict(zip(GROUP_COLUMNS, json.loads(group), strict=True))
    return values | {"kind": group, "count": count, "bytes": size}


def _group_key(row: Row) -> str:
    return json.dumps([row[name] for name in GROUP_COLUMNS])


def _rebuild_counts(connection: sql.Connection) -> None:
    columns = [ENTRIES.c[name] for name in GROUP_COLUMNS]
    select = sql.select(*columns, sql.func.count().label("count"), sql.func.sum(ENTRIES.c.bytes).label("bytes"))
    rows = connection.execute(select.group_by(*columns)).mappings().all()
    connection.execute(COUNTS.delete())
    _insert(connection, COUNTS, [{"kind": _group_key(row), **row} for row in rows])


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


def _batches(items: list[ItemT], size: int = IDS_PER_STATEMENT) -> Iterator[list[ItemT]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def mask_database_url(url: str) -> str:
    """Return a database URL without its password and its options, which may hold another."""
    if not url:
        return ""
    try:
        return make_url(url).set(query={}).render_as_string(hide_password=True)
    except ArgumentError:
        return "not a database URL"
