"""The catalog: what the folders hold, in a database that can be deleted and rebuilt at any time."""

import contextlib
import hashlib
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, SQLAlchemyError

from core.error_translation import translate_database_error
from core.errors import RoundtripError
from core.library.catalog import counts, queries
from core.library.catalog.counts import rebuild_counts
from core.library.catalog.row_writes import (
    EntryReader,
    FingerprintLookup,
    read_stamps,
    read_state,
    set_state,
    write_rows,
)
from core.library.catalog.schema import IN_MEMORY_URL, analyze, create_tables, in_batches, is_server, open_engine
from core.library.records import Page, Query

ANALYZED_ROWS = 1000  # changed rows after which a server is told to look how they are spread
FOLDERS_PER_TRANSACTION = 2000  # that are read under one lock
ResultT = TypeVar("ResultT")


class CatalogLost(Exception):
    """The rows were lost, and have to be read from the folders again."""


class Catalog:
    """Rows of artifacts, kept in step with the folders by their fingerprints.

    `url` is any SQLAlchemy URL. A SQLite file that is broken or cannot be written is replaced by a database in memory;
    one that `is_owned` is deleted and made anew before: nothing is lost, because nothing is stored only here. Every
    method that reads or writes raises CatalogLost then. A server is never replaced: others write to it as well, so
    what it refuses is StorageFailed.
    """

    def __init__(self, url: str, is_owned: bool = False):
        self._url = url
        self._is_owned = is_owned
        self._is_new = False  # made since the rows were last whole
        self._lock = threading.RLock()
        self._engine = self._open(url, url, IN_MEMORY_URL)
        self._reads = self._engine.execution_options(isolation_level="AUTOCOMMIT")  # of a server
        if is_server(url):  # which counts connections; a file's are closed with it
            weakref.finalize(self, self._engine.dispose)

    def _open(self, *urls: str) -> sql.Engine:
        for url in urls:
            engine = open_engine(url)
            try:
                self._full_text = create_tables(engine)
                return engine
            except DatabaseError as error:
                engine.dispose()
                if is_server(url):
                    raise self._translate(error) from error
                self._delete_file(url)
        raise AssertionError("SQLite in memory cannot fail to open")

    def _translate(self, error: SQLAlchemyError) -> RoundtripError:
        """What a server refused, without the statement and its values, which may be another person's."""
        return translate_database_error(str(getattr(error, "orig", None) or error), mask_database_url(self._url))

    def claim(self, owner: str) -> bool:
        """Whether this is the catalog of that folder or store; it becomes that where it was of none."""
        digest = hashlib.sha256(owner.encode()).hexdigest()
        claimed = self._execute(read_state, "home")
        if claimed is None:
            self._execute(set_state, "home", digest, write=True)
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
        if is_server(self._url):
            return self._execute_on_server(operation, *arguments, write=write)
        engine = self._engine
        # A catalog in memory is one connection, which threads take in turn.
        with self._lock if str(engine.url) == IN_MEMORY_URL else contextlib.nullcontext():
            try:
                with engine.begin() if write else engine.connect() as connection:
                    return operation(connection, *arguments)
            except SQLAlchemyError as error:
                self._replace(engine)
                raise CatalogLost from error

    def _execute_on_server(self, operation: Callable[..., ResultT], *arguments: Any, write: bool) -> ResultT:
        """The same: a connection that was cut since is made anew, once. Reads take no transaction, which costs time."""
        for is_last in (False, True):
            try:
                with self._engine.begin() if write else self._reads.connect() as connection:
                    return operation(connection, *arguments)
            except SQLAlchemyError as error:
                if is_last or not getattr(error, "connection_invalidated", False):
                    raise self._translate(error) from error
        raise AssertionError("The second attempt returns or raises.")

    def execute(self, operation: Callable[..., ResultT], *arguments: Any, write: bool = False) -> ResultT:
        """Run an operation of another's tables in the same database; its first argument is a connection."""
        return self._execute(operation, *arguments, write=write)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sql.Connection]:
        """A transaction on a server, which lasts as long as the block. Raises StorageFailed."""
        with self.translated(), self._connect_alive() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Raise what a server refuses in the block as StorageFailed."""
        try:
            yield
        except SQLAlchemyError as error:
            raise self._translate(error) from error

    def _connect_alive(self) -> sql.Connection:
        """A connection that was not cut since it was last used."""
        for is_last in (False, True):
            connection = self._engine.connect()
            try:
                with connection.begin():
                    connection.exec_driver_sql("SELECT 1")
                return connection
            except SQLAlchemyError as error:
                connection.close()
                if is_last or not getattr(error, "connection_invalidated", False):
                    raise
        raise AssertionError("The second attempt returns or raises.")

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
        known = {id_: (stamp, run) for id_, stamp, run in self._execute(read_stamps)}
        ids = dict.fromkeys(ids)
        changed = [
            id_ for id_ in ids if reread_all or id_ not in known or known[id_][0] != fingerprint_of(id_, known[id_][1])
        ]
        self.refresh([*changed, *(known.keys() - ids.keys())], fingerprint_of, read)
        if reread_all:
            self._execute(rebuild_counts, write=True)
        if len(changed) > ANALYZED_ROWS:
            self._execute(analyze, write=True)
        self._is_new = False

    def refresh(self, ids: list[str], fingerprint_of: FingerprintLookup, read: EntryReader) -> None:
        """Read these entries again, and no others."""
        for batch in in_batches(ids, FOLDERS_PER_TRANSACTION):
            self._execute(write_rows, batch, fingerprint_of, read, self._full_text == "sqlite", write=True)

    def save_sync_state(self, state: str) -> None:
        """Store what the rows stand for."""
        self._execute(set_state, "state", state, write=True)

    def rebuild_counts(self) -> None:
        """Count the rows of every group again."""
        self._execute(rebuild_counts, write=True)

    # Reading

    def listed_ids(self) -> set[str]:
        """The ids of all rows."""
        return {id_ for id_, _, _ in self._execute(read_stamps)}

    def load_sync_state(self) -> str:
        """The state that was saved last; empty for a new catalog."""
        return self._execute(read_state, "state") or ""

    def page(self, query: Query) -> Page:
        """One page of the entries that fit. Raises InputError for a query that is none."""
        queries.validate_query(query)
        return self._execute(queries.query_page, query, self._full_text)

    def count_tags(self, viewer_id: str | None = None) -> dict[str, int]:
        """Every tag, and how many of the entries that the viewer sees have it."""
        return self._execute(counts.count_tags, viewer_id)

    def count_values(self, column: str, viewer_id: str | None = None) -> dict[Any, int]:
        """Every value of demo, format, rank, trust, pinned, aliased or run, and how many entries have it."""
        return self._execute(counts.count_values, column, viewer_id)

    def ids_where(self, column: str, values: Iterable[str], viewer_id: str | None = None) -> list[str]:
        """The ids of entries by `run` or by `made_from`."""
        return self._execute(queries.ids_where, column, values, viewer_id)


def mask_database_url(url: str) -> str:
    """Return a database URL without its password and its options, which may hold another."""
    if not url:
        return ""
    try:
        return make_url(url).set(query={}).render_as_string(hide_password=True)
    except ArgumentError:
        return "not a database URL"
