"""`EntryIndex`: what lies in an object store, in PostgreSQL: shared by all machines, derived, rebuilt from the store.

Whoever is about to change an entry announces it, and withdraws that when the index says what the store says. What was
announced by a process that is gone is read from the store by whoever comes next.
"""

import contextlib
import json
import secrets
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql

from core.library.catalog.catalog import Catalog
from core.library.catalog.schema import ADVISORY_LOCK, STATE, idle_limit, in_batches, insert_rows
from core.library.local_entries import LOCK_TIMEOUT, lock_timeout_error
from core.library.trash_folder import REMOVAL_FILE
from core.object_store.documents import Version
from core.record import INVALID_JSON_ERRORS

METADATA = sql.MetaData()
ENTRIES = sql.Table(
    "store_entries_1",
    METADATA,
    sql.Column("id", sql.String(16), primary_key=True),
    sql.Column("kind", sql.String(1), nullable=False),
    sql.Column("removed_at", sql.String(40), nullable=False),  # empty where it is not in the trash
    sql.Index("ix_store_entries_1_kind", "kind", "removed_at"),
)
DOCUMENTS = sql.Table(
    "store_documents_1",
    METADATA,
    sql.Column("id", sql.String(16), primary_key=True),
    sql.Column("name", sql.String(64), primary_key=True),
    sql.Column("number", sql.Integer, nullable=False),
    sql.Column("text", sql.Text),  # none where that version removed it
)
ALIASES = sql.Table(
    "store_aliases_1",
    METADATA,
    sql.Column("alias", sql.String(64), primary_key=True),
    sql.Column("number", sql.Integer, primary_key=True),
    sql.Column("text", sql.Text),
)
ANNOUNCED = sql.Table(
    "store_announced_1",
    METADATA,
    sql.Column("token", sql.String(32), primary_key=True),
    sql.Column("key", sql.String(80), primary_key=True),
    sql.Column("since", sql.DateTime(timezone=True), nullable=False, server_default=sql.func.now()),
)
CHANGES = "store changes"  # in the catalog's table of states: how many there were
WRITE_LOCK = ADVISORY_LOCK + 1
LOCK_SECONDS = (
    300  # between two changes, after which a database gives up the lock of a writer that does nothing with it
)
MAX_ANNOUNCED = timedelta(minutes=10)  # after these a writer is gone, or writes its rows itself when it comes back
LONG_AGO = "0001-01-01T00:00:00+00:00"  # when something was removed whose record cannot be read
Numbers = dict[str, int]  # of the newest version by the name of a document


class StoredEntry(NamedTuple):
    """An entry of a store with the texts of its documents; one in the trash has `removed_at`."""

    id: str
    removed_at: str
    documents: dict[str, str]


class Announcement(NamedTuple):
    """An entry that is about to change, by the token of who changes it; `is_old` where that process is gone."""

    token: str
    key: str
    is_old: bool


class IndexState(NamedTuple):
    """How many changes there were, and whether any are announced now."""

    changes: int
    has_announced: bool


class EntryIndex:
    """The index of one store, in the database of its catalog. Each method raises StorageFailed."""

    def __init__(self, catalog: Catalog):
        self._catalog = catalog
        self._lock = threading.local()  # `connection`, in whose transaction this thread has the lock of writers
        catalog.execute(_create_tables, write=True)

    # Announcing

    def announce(self, keys: Collection[str]) -> str:
        """Note that these entries are about to change; returns what to withdraw it by."""
        token = secrets.token_hex(16)
        rows = [{"token": token, "key": key} for key in keys]
        self._catalog.execute(lambda connection: insert_rows(connection, ANNOUNCED, rows), write=True)
        return token

    def withdraw(self, token: str) -> None:
        """The index says now what the store says."""
        withdrawn = ANNOUNCED.delete().where(ANNOUNCED.c.token == token)
        self._catalog.execute(lambda connection: connection.execute(withdrawn), write=True)

    def count_change(self) -> None:
        """Others see by the number of changes that something is new."""
        number = sql.cast(sql.cast(STATE.c.value, sql.BigInteger) + 1, sql.Text)
        counted = STATE.update().where(STATE.c.name == CHANGES).values(value=number)
        self._catalog.execute(lambda connection: connection.execute(counted), write=True)

    def announced(self) -> list[Announcement]:
        """Return every change that is announced."""
        age = sql.func.now() - ANNOUNCED.c.since
        query = sql.select(ANNOUNCED.c.token, ANNOUNCED.c.key, age > MAX_ANNOUNCED)
        return [Announcement(*row) for row in self._catalog.execute(lambda connection: connection.execute(query).all())]

    def state(self) -> IndexState:
        changes = sql.select(STATE.c.value).where(STATE.c.name == CHANGES).scalar_subquery()
        query = sql.select(changes, sql.exists(sql.select(ANNOUNCED.c.token)))
        number, has_announced = self._catalog.execute(lambda connection: connection.execute(query).one())
        return IndexState(int(number or 0), has_announced)

    def take_turn(self, what: str, seconds: float) -> bool:
        """Whether nobody has taken a turn at something for so long, by the database's clock: it is the caller's now."""
        return self._catalog.execute(_take_turn, what, seconds, write=True)

    def give_turn_back(self, what: str) -> None:
        """Whoever asks next takes the turn: what it was taken for has failed."""
        given_back = STATE.delete().where(STATE.c.name == what)
        self._catalog.execute(lambda connection: connection.execute(given_back), write=True)

    @contextlib.contextmanager
    def lock_writers(self) -> Iterator[None]:
        """While this lasts, there is no other writer on any machine, if `keep_lock` is called now and then. Raises
        StorageFailed after LOCK_TIMEOUT."""
        with self._catalog.transaction() as connection:
            try:
                connection.exec_driver_sql(idle_limit(LOCK_SECONDS))
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}s'")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")
            except sql.exc.OperationalError as error:
                if "lock timeout" not in str(error.orig):
                    raise
                raise lock_timeout_error() from error
            self._lock.connection = connection
            try:
                yield
            finally:
                self._lock.connection = None

    def keep_lock(self) -> None:
        """Show the database that this thread still works, where it has the lock of writers. Raises StorageFailed where
        the lock was lost."""
        if connection := getattr(self._lock, "connection", None):
            with self._catalog.translated():
                connection.exec_driver_sql("SELECT 1")

    # Writing

    def write(self, id_: str, versions: Mapping[str, Version], is_forced: bool = False) -> bool:
        """Write an entry with those of its documents that are newer than the index has them, or with all of them;
        returns whether the index did not have it."""
        return self._catalog.execute(_write_entry, id_, versions, is_forced, write=True)

    def drop(self, id_: str) -> bool:
        """Forget an entry that is not in the store; returns whether the index had it."""
        return self._catalog.execute(_drop_entry, id_, write=True)

    def write_alias(self, alias: str, versions: Iterable[Version], is_forced: bool = False) -> None:
        """Write what became of an alias and the index does not have yet, or all of it in place of what it has."""
        rows = [{"alias": alias, "number": version.number, "text": _storable(version.text)} for version in versions]
        self._catalog.execute(_write_alias, alias, rows, is_forced, write=True)

    # Reading

    def read(self, ids: Collection[str]) -> dict[str, StoredEntry]:
        """Return the entries that there are of these."""
        return self._catalog.execute(_read_entries, list(ids))

    def ids(self, kinds: str, is_removed: bool) -> list[str]:
        """Return the ids of these kinds in their places, or in the trash, what was removed last first."""
        where = ENTRIES.c.kind.in_(list(kinds)), (ENTRIES.c.removed_at != "") == sql.literal(is_removed)
        query = sql.select(ENTRIES.c.id).where(*where).order_by(ENTRIES.c.removed_at.desc(), ENTRIES.c.id)
        return list(self._catalog.execute(lambda connection: connection.execute(query).scalars().all()))

    def numbers(self) -> dict[str, Numbers]:
        """Return the numbers of the documents of every entry, also of those that have none."""
        return self._catalog.execute(_read_numbers)

    def aliases(self) -> dict[str, list[Version]]:
        """Return what became of each alias, the oldest first."""
        return self._catalog.execute(_read_aliases)


def _create_tables(connection: sql.Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
    METADATA.create_all(connection)
    insert = postgresql.insert(STATE).values(name=CHANGES, value="0")
    connection.execute(insert.on_conflict_do_nothing())


def _take_turn(connection: sql.Connection, what: str, seconds: float) -> bool:
    now = sql.cast(sql.func.now(), sql.Text)
    is_over = sql.cast(STATE.c.value, sql.DateTime(timezone=True)) <= sql.func.now() - timedelta(seconds=seconds)
    turn = postgresql.insert(STATE).values(name=what, value=now)
    taken = turn.on_conflict_do_update(index_elements=["name"], set_={"value": now}, where=is_over)
    return connection.execute(taken.returning(STATE.c.name)).one_or_none() is not None


def _storable(text: str | None) -> str | None:
    """PostgreSQL keeps no zero characters; a document that has one is none of ours."""
    return text and text.replace("\0", "")


def _write_entry(connection: sql.Connection, id_: str, versions: Mapping[str, Version], is_forced: bool) -> bool:
    entry = postgresql.insert(ENTRIES).values(id=id_, kind=id_[0], removed_at="")
    # Also where it is there already, its row is locked: of two writers the second sees what the first wrote.
    upsert = entry.on_conflict_do_update(index_elements=["id"], set_={"kind": id_[0]})
    is_new = bool(connection.execute(upsert.returning(sql.literal_column("xmax = 0"))).scalar())
    if is_forced:
        connection.execute(DOCUMENTS.delete().where(DOCUMENTS.c.id == id_))
    for name, version in versions.items():
        values = {"number": version.number, "text": _storable(version.text)}
        insert = postgresql.insert(DOCUMENTS).values(id=id_, name=name, **values)
        is_newer = DOCUMENTS.c.number < version.number
        connection.execute(insert.on_conflict_do_update(index_elements=["id", "name"], set_=values, where=is_newer))
    text = sql.select(DOCUMENTS.c.text).where(DOCUMENTS.c.id == id_, DOCUMENTS.c.name == REMOVAL_FILE)
    removed_at = _removal_time(connection.execute(text).scalar())
    connection.execute(ENTRIES.update().where(ENTRIES.c.id == id_).values(removed_at=removed_at))
    return is_new


def _removal_time(text: str | None) -> str:
    if text is None:
        return ""
    try:
        return str(json.loads(text)["created"])[:40]
    except INVALID_JSON_ERRORS:
        return LONG_AGO


def _drop_entry(connection: sql.Connection, id_: str) -> bool:
    connection.execute(DOCUMENTS.delete().where(DOCUMENTS.c.id == id_))
    return bool(connection.execute(ENTRIES.delete().where(ENTRIES.c.id == id_)).rowcount)


def _write_alias(connection: sql.Connection, alias: str, rows: list[dict[str, Any]], is_forced: bool) -> None:
    """Unless it is forced, rows are only added: a writer that read the store earlier takes nothing away."""
    if is_forced:
        connection.execute(ALIASES.delete().where(ALIASES.c.alias == alias))
    for row in rows:
        connection.execute(postgresql.insert(ALIASES).values(**row).on_conflict_do_nothing())


def _read_entries(connection: sql.Connection, ids: list[str]) -> dict[str, StoredEntry]:
    entries: dict[str, StoredEntry] = {}
    joined = ENTRIES.outerjoin(DOCUMENTS, sql.and_(DOCUMENTS.c.id == ENTRIES.c.id, DOCUMENTS.c.text.is_not(None)))
    query = sql.select(ENTRIES.c.id, ENTRIES.c.removed_at, DOCUMENTS.c.name, DOCUMENTS.c.text).select_from(joined)
    for batch in in_batches(ids):
        for id_, removed_at, name, text in connection.execute(query.where(ENTRIES.c.id.in_(batch))):
            documents = entries.setdefault(id_, StoredEntry(id_, removed_at, {})).documents
            documents |= {name: text} if name else {}
    return entries


def _read_numbers(connection: sql.Connection) -> dict[str, Numbers]:
    numbers: dict[str, Numbers] = {id_: {} for id_ in connection.execute(sql.select(ENTRIES.c.id)).scalars()}
    for id_, name, number in connection.execute(sql.select(DOCUMENTS.c.id, DOCUMENTS.c.name, DOCUMENTS.c.number)):
        numbers.setdefault(id_, {})[name] = number
    return numbers


def _read_aliases(connection: sql.Connection) -> dict[str, list[Version]]:
    aliases: dict[str, list[Version]] = {}
    for alias, number, text in connection.execute(ALIASES.select().order_by(ALIASES.c.alias, ALIASES.c.number)):
        aliases.setdefault(alias, []).append(Version(number, text))
    return aliases
