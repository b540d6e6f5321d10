"""The catalog: what the folders hold, in a database that can be thrown away and made again at any time."""

import contextlib
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sql
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

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
    open_engine,
)
from core.library.records import Entry, IndexedEntry, Page, Query

IDS_PER_STATEMENT = 500  # ids in one statement
PROVISIONAL_STAMP = 0  # the stamp of a row that is to be read again
FOLDERS_PER_TRANSACTION = 2000  # folders that are read under one lock
EntryReader = Callable[[str], IndexedEntry | None]
FingerprintLookup = Callable[[str, str], int]
ResultT = TypeVar("Given")


class CatalogLost(Exception):
    """The rows were lost, and have to be read from the folders again."""


class Catalog:
    """Rows of artifacts, kept in step with the folders by their stamps.

    `url` is any SQLAlchemy URL. What is broken or cannot be written is replaced by a catalog in memory; a SQLite file
    that is `ours` alone is deleted and made anew before: nothing is lost, because nothing is kept only here.
    """

    def __init__(self, url: str, is_owned: bool = False):
        self._url = url
        self._is_owned = is_owned
        self._lock = threading.RLock()
        self._engine = self._open(url, url, IN_MEMORY_URL)

    def _open(self, *urls: str) -> sql.Engine:
        for url in urls:
            engine = open_engine(url)
            try:
                self._has_full_text = create_tables(engine)
                return engine
            except DatabaseError:
                engine.dispose()
                self._delete_file(url)
        raise AssertionError("SQLite in memory cannot fail to open")

    def claim(self, home: Path) -> bool:
        """Note whose catalog this is, where nobody has; whether it is that of the library in `home`. Raises Lost."""
        ours = hashlib.sha256(str(home).encode()).hexdigest()
        asked = sql.select(STATE.c.value).where(STATE.c.name == "home")
        noted = self._execute(lambda connection: connection.execute(asked).scalar())
        if noted is None:
            self._execute(lambda connection: _set_state(connection, "home", ours), write=True)
        return noted in (None, ours)

    def backend(self) -> str:
        """What it is kept in: "sqlite", "postgresql" ...; "memory" where that could not be used."""
        return "memory" if str(self._engine.url) == IN_MEMORY_URL else self._engine.dialect.name

    def _delete_file(self, url: str) -> None:
        """Delete a broken SQLite file of our own; what a person named may be somebody else's."""
        if not self._is_owned or not url.startswith("sqlite:///"):
            return
        path = url.removeprefix("sqlite:///")
        for name in (path, f"{path}-wal", f"{path}-shm"):
            with contextlib.suppress(OSError):  # read-only: the catalog in memory takes over
                Path(name).unlink(missing_ok=True)

    def _replace_broken(self, broken: sql.Engine) -> None:
        """Another catalog in place of a broken one: first a new file, then one in memory."""
        with self._lock:
            if self._engine is broken:
                broken.dispose()
                self._delete_file(self._url)
                self._engine = self._open(*((IN_MEMORY_URL,) if self._is_new else (self._url, IN_MEMORY_URL)))
                self._is_new = True

    _is_new = False  # made since the rows were last whole

    def _execute(self, operation: Callable[[sql.Connection], ResultT], write: bool = False) -> ResultT:
        """Raises Lost when the database had to be replaced."""
        engine = self._engine
        # A catalog in memory is one connection, which threads take in turn.
        with self._lock if str(engine.url) == IN_MEMORY_URL else contextlib.nullcontext():
            try:
                with engine.begin() if write else engine.connect() as connection:
                    return operation(connection)
            except SQLAlchemyError as error:
                self._replace_broken(engine)
                raise CatalogLost from error

    # Writing

    def sync(
        self, ids: Iterable[str], fingerprint_of: FingerprintLookup, read: EntryReader, reread_all: bool = False
    ) -> None:
        """Bring all rows in step with the folders: `ids` are all there are, `stamp` gives the present stamp of a row by
        its id and its run, `read` the line of one, or None where it is gone. `anew` reads all of them. Raises Lost."""
        known = self._execute(lambda connection: {id_: rest for id_, *rest in connection.execute(STAMPS_BY_ID)})
        ids = dict.fromkeys(ids)
        changed = [
            one for one in ids if reread_all or one not in known or known[one][0] != fingerprint_of(one, known[one][1])
        ]
        self._write_batches([*changed, *(known.keys() - ids.keys())], fingerprint_of, read)
        if reread_all:
            self._execute(_rebuild_counts, write=True)
        self._is_new = False

    def refresh(self, ids: list[str], fingerprint_of: FingerprintLookup, read: EntryReader) -> None:
        """Read these entries again, and no others. Raises Lost."""
        self._write_batches(ids, fingerprint_of, read)

    def _write_batches(self, ids: list[str], fingerprint_of: FingerprintLookup, read: EntryReader) -> None:
        for start in range(0, len(ids), FOLDERS_PER_TRANSACTION):
            portion = ids[start : start + FOLDERS_PER_TRANSACTION]
            self._execute(
                lambda connection, portion=portion: _write_rows(connection, portion, fingerprint_of, read), write=True
            )

    def save_sync_state(self, state: str) -> None:
        """Keep what the rows stand for. Raises Lost."""
        self._execute(lambda connection: _set_state(connection, "state", state), write=True)

    # Reading

    def load_sync_state(self) -> str:
        """What was noted last; empty for a catalog that is new. Raises Lost."""
        asked = sql.select(STATE.c.value).where(STATE.c.name == "state")
        return self._execute(lambda connection: connection.execute(asked).scalar()) or ""

    def page(self, query: Query) -> Page:
        """Raises Lost; InputError for an order or a page that is none."""
        queries.validate_query(query)
        return self._execute(lambda connection: queries.query_page(connection, query, self._has_full_text))

    def find(self, search: str = "", demos: Iterable[str] = (), formats: Iterable[str] = ()) -> list[Entry]:
        """All entries that fit, newest first. Raises Lost."""
        return self.page(Query(search, tuple(demos), tuple(formats), size=None)).entries

    def count_tags(self, viewer_id: str | None = None) -> dict[str, int]:
        """Every tag and how many have it, of what that person sees. Raises Lost."""
        return self._execute(lambda connection: queries.count_tags(connection, viewer_id))

    def count_values(self, column: str, viewer_id: str | None = None) -> dict[Any, int]:
        """Every value of demo, format, rank, trust, pinned, aliased or run, and how many have it. Raises Lost."""
        if column == "run":
            return self._execute(lambda connection: queries.count_runs(connection, viewer_id))
        return self._execute(lambda connection: queries.count_column_values(connection, column, viewer_id))

    def ids_where(self, column: str, values: Iterable[str], viewer_id: str | None = None) -> list[str]:
        """The ids of entries by `run` or by `made_from`. Raises Lost."""
        wanted = list(values)
        return self._execute(lambda connection: queries.ids_where(connection, column, wanted, viewer_id))


STAMPS_BY_ID = sql.select(ENTRIES.c.id, ENTRIES.c.stamp, ENTRIES.c.run)


def _write_rows(
    connection: sql.Connection, ids: list[str], fingerprint_of: FingerprintLookup, read: EntryReader
) -> None:
    # The first statement writes, so that writers take turns, and what is read now is what a later one finds.
    _set_state(connection, "writer", "")
    counts = _delete_rows(connection, ids)
    found = [source for id_ in ids if (source := read(id_))]
    rows = [
        _entry_row(
            source, fingerprint_of(source.entry.id, source.entry.run or "") if source.is_final else PROVISIONAL_STAMP
        )
        for source in found
    ]
    if rows:
        connection.execute(ENTRIES.insert(), rows)
        _insert_tags_and_hashes(connection, found)
    for row in rows:
        counts[_group_key(row)] += 1
        counts[_group_key(row), "bytes"] += row["bytes"]
    _update_counts(connection, counts)


def _delete_rows(connection: sql.Connection, ids: list[str]) -> Counter:
    """Delete rows, and give by how much the counts change."""
    counts: Counter = Counter()
    for batch in _batches(ids):
        asked = sql.select(ENTRIES.c.key, ENTRIES.c.bytes, *(ENTRIES.c[name] for name in GROUP_COLUMNS))
        old = connection.execute(asked.where(ENTRIES.c.id.in_(batch))).mappings().all()
        keys = [row["key"] for row in old]
        for table in (TAGS, HASHES, ENTRIES) if keys else ():
            connection.execute(table.delete().where(table.c.key.in_(keys)))
        for row in old:
            counts[_group_key(row)] -= 1
            counts[_group_key(row), "bytes"] -= row["bytes"]
    return counts


def _insert_tags_and_hashes(connection: sql.Connection, indexed_entries: list[IndexedEntry]) -> None:
    """The tags and hashes of rows that were just inserted."""
    keys: dict[str, int] = {}
    for batch in _batches([source.entry.id for source in indexed_entries]):
        asked = sql.select(ENTRIES.c.id, ENTRIES.c.key).where(ENTRIES.c.id.in_(batch))
        keys |= dict(connection.execute(asked).tuples().all())
    tags = [{"tag": tag, "key": keys[one.entry.id]} for one in indexed_entries for tag in one.entry.tags]
    hashes = [
        {"sha256": hash_, "key": keys[one.entry.id]} for one in indexed_entries for hash_ in sorted(set(one.hashes))
    ]
    for table, rows in ((TAGS, tags), (HASHES, hashes)):
        if rows:
            connection.execute(table.insert(), rows)


INCREMENT_COUNTS = (
    COUNTS.update()
    .where(COUNTS.c.kind == sql.bindparam("of"))
    .values(
        {"count": COUNTS.c["count"] + sql.bindparam("more"), "bytes": COUNTS.c["bytes"] + sql.bindparam("more_bytes")}
    )
)


def _update_counts(connection: sql.Connection, counts: Counter) -> None:
    """Change the counts by so many; of all kinds at once, of which there are a thousand in a thousand entries."""
    kinds = [one for one in counts if isinstance(one, str)]
    known: set[str] = set()
    for batch in _batches(kinds):
        known |= set(connection.execute(sql.select(COUNTS.c.kind).where(COUNTS.c.kind.in_(batch))).scalars())
    more = [{"of": one, "more": counts[one], "more_bytes": counts[one, "bytes"]} for one in kinds if one in known]
    for statement, rows in (
        (INCREMENT_COUNTS, more),
        (COUNTS.insert(), [_count_row(one, counts) for one in kinds if one not in known]),
    ):
        if rows:
            connection.execute(statement, rows)
    connection.execute(COUNTS.delete().where(COUNTS.c["count"] == 0))


def _count_row(kind: str, counts: Counter) -> dict[str, Any]:
    values = dict(zip(GROUP_COLUMNS, json.loads(kind), strict=True))
    return {"kind": kind, **values, "count": counts[kind], "bytes": counts[kind, "bytes"]}


def _group_key(row: Any) -> str:
    return json.dumps([row[name] for name in GROUP_COLUMNS])


def _rebuild_counts(connection: sql.Connection) -> None:
    """The counts again, from the rows."""
    columns = [ENTRIES.c[name] for name in GROUP_COLUMNS]
    asked = sql.select(*columns, sql.func.count().label("count"), sql.func.sum(ENTRIES.c.bytes).label("bytes"))
    rows = connection.execute(asked.group_by(*columns)).mappings().all()
    connection.execute(COUNTS.delete())
    if rows:
        connection.execute(COUNTS.insert(), [{"kind": _group_key(row), **row} for row in rows])


def _set_state(connection: sql.Connection, name: str, value: str) -> None:
    if not connection.execute(STATE.update().where(STATE.c.name == name).values(value=value)).rowcount:
        connection.execute(STATE.insert(), {"name": name, "value": value})


def _entry_row(indexed: IndexedEntry, stamp: int) -> dict[str, Any]:
    entry = indexed.entry
    return {
        "id": entry.id,
        "stamp": stamp,
        "created": entry.created or "",
        "bytes": entry.bytes or 0,
        "name": entry.run_name or "",
        "demo": entry.demo or "",
        "format": entry.format or "",
        "rank": Verdict(entry.verdict).rank if entry.verdict else len(Verdict),
        "trust": entry.trust or "",
        "pinned": entry.pinned,
        "aliased": bool(entry.aliases),
        "owner": entry.owner or "",
        "only": indexed.sole_viewer,
        "run": entry.run or "",
        "made_from": entry.made_from or "",
        "entry": json.dumps(entry._asdict()),
        "tags": "".join(f"\n{tag}\n" for tag in entry.tags),
        "text": "\n".join(_searchable_texts(indexed)).lower().replace("\0", ""),
    }


def _searchable_texts(indexed: IndexedEntry) -> Iterator[str]:
    """All that is searched of an entry; a word is never found across two of these."""
    entry = indexed.entry
    yield from (entry.id, entry.run or "", entry.run_name or "", entry.demo or "", entry.format or "")
    yield from (*entry.tags, *entry.aliases, indexed.note)


def _batches(ids: list[Any]) -> Iterable[list[Any]]:
    return (ids[start : start + IDS_PER_STATEMENT] for start in range(0, len(ids), IDS_PER_STATEMENT))
