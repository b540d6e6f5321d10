"""The catalog: what the folders hold, in a database that can be thrown away and made again at any time."""

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from core.library.entries import Entry

COLUMNS = sql.MetaData()
ENTRIES = sql.Table(
    "entries",
    COLUMNS,
    sql.Column("id", sql.String(32), primary_key=True),
    sql.Column("stamp", sql.BigInteger, nullable=False),
    sql.Column("run", sql.String(32), index=True),
    sql.Column("run_name", sql.Text),
    sql.Column("demo", sql.String(64), index=True),
    sql.Column("format", sql.String(64), index=True),
    sql.Column("created", sql.String(32), index=True),
    sql.Column("bytes", sql.BigInteger),
    sql.Column("verdict", sql.String(32)),
    sql.Column("needs_code", sql.Boolean),
    sql.Column("problem", sql.Text),
)
IN_MEMORY = "sqlite://"
WAIT = 60  # seconds to wait for another writer


class Catalog:
    """Rows of artifacts, kept in step with the folders by their time stamps.

    `url` is any SQLAlchemy URL. What is broken or cannot be written is replaced by a catalog in memory; a SQLite file
    that is `ours` alone is deleted and made anew before: nothing is lost, because nothing is kept only here.
    """

    def __init__(self, url: str, ours: bool = False):
        self._url = url
        self._ours = ours
        self._engine = self._open(url, url, IN_MEMORY)

    def _open(self, *urls: str) -> sql.Engine:
        for url in urls:
            engine = _engine(url)
            try:
                COLUMNS.create_all(engine)
                return engine
            except DatabaseError:
                engine.dispose()
                self._delete(url)
        raise AssertionError("SQLite in memory cannot fail to open")

    def kind(self) -> str:
        """What it is kept in: "sqlite", "postgresql" ...; "memory" where that could not be used."""
        return "memory" if str(self._engine.url) == IN_MEMORY else self._engine.dialect.name

    def sync(self, stamps: dict[str, int], read: Callable[[str], Entry]) -> None:
        """Bring the rows in step with the folders: `stamps` are their ids and times, `read` makes the row of one."""
        for instead in ((self._url, IN_MEMORY), (IN_MEMORY,)):
            try:
                return self._sync(stamps, read)
            except SQLAlchemyError:
                self._engine.dispose()
                self._delete(self._url)
                self._engine = self._open(*instead)
        return self._sync(stamps, read)

    def _delete(self, url: str) -> None:
        """Delete a broken SQLite file of our own; what a person named may be somebody else's."""
        if not self._ours or not url.startswith("sqlite:///"):
            return
        path = url.removeprefix("sqlite:///")
        for name in (path, f"{path}-wal", f"{path}-shm"):
            with contextlib.suppress(OSError):  # read-only: the catalog in memory takes over
                Path(name).unlink(missing_ok=True)

    def _sync(self, stamps: dict[str, int], read: Callable[[str], Entry]) -> None:
        with self._engine.connect() as connection:
            known = dict(connection.execute(sql.select(ENTRIES.c.id, ENTRIES.c.stamp)).tuples().all())
        gone = known.keys() - stamps.keys()
        changed = [id_ for id_, stamp in stamps.items() if known.get(id_) != stamp]
        if not gone and not changed:
            return
        rows = [_row(read(id_), stamps[id_]) for id_ in changed]
        with self._engine.begin() as connection:
            for batch in _batches([*gone, *changed]):
                connection.execute(ENTRIES.delete().where(ENTRIES.c.id.in_(batch)))
            if rows:
                connection.execute(ENTRIES.insert(), rows)

    def find(self, search: str = "", demos: Iterable[str] = (), formats: Iterable[str] = ()) -> list[Entry]:
        """Entries that fit, newest first. `search` is looked for in ids, run names, demos and formats."""
        query = sql.select(*(column for column in ENTRIES.c if column.name != "stamp"))
        if demos := list(demos):
            query = query.where(ENTRIES.c.demo.in_(demos))
        if formats := list(formats):
            query = query.where(ENTRIES.c.format.in_(formats))
        for word in search.split():
            columns = (ENTRIES.c.id, ENTRIES.c.run, ENTRIES.c.run_name, ENTRIES.c.demo, ENTRIES.c.format)
            query = query.where(sql.or_(*(column.icontains(word, autoescape=True) for column in columns)))
        with self._engine.connect() as connection:
            found = connection.execute(query.order_by(ENTRIES.c.created.desc(), ENTRIES.c.id)).mappings()
            return [Entry(**row) for row in found]

    def clear(self) -> None:
        """Forget every row; the next `sync` reads all folders again."""
        with self._engine.begin() as connection:
            connection.execute(ENTRIES.delete())


def _engine(url: str) -> sql.Engine:
    if not url.startswith("sqlite"):
        return sql.create_engine(url, pool_pre_ping=True)
    if url == IN_MEMORY:
        return sql.create_engine(url, poolclass=sql.pool.StaticPool, connect_args={"check_same_thread": False})
    engine = sql.create_engine(url, connect_args={"timeout": WAIT})

    @sql.event.listens_for(engine, "connect")
    def _use_wal(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine


def _row(entry: Entry, stamp: int) -> dict[str, Any]:
    return {**entry._asdict(), "stamp": stamp}


def _batches(ids: list[str], size: int = 500) -> Iterable[list[str]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
