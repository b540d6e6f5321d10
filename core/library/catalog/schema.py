"""The tables of the catalog, and the engine that they live in.

Their names have a number: a database that a person named may hold those of another version, which are left alone.
"""

from typing import Any

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler

IN_MEMORY_URL = "sqlite://"
BUSY_TIMEOUT = (
    5  # seconds to wait for another writer; ours write for parts of a second, and after these the page answers
)
CACHE_KIB = 64_000  # KiB of the database that a connection keeps in memory

METADATA = sql.MetaData()
# Text that is not there is empty and never NULL, which databases sort in different places.
ENTRIES = sql.Table(
    "entries_3",
    METADATA,
    sql.Column("key", sql.Integer, primary_key=True),
    sql.Column("id", sql.String(64), nullable=False, unique=True),
    sql.Column("stamp", sql.BigInteger, nullable=False),
    sql.Column("created", sql.String(40), nullable=False),
    sql.Column("bytes", sql.BigInteger, nullable=False),
    sql.Column("name", sql.Text, nullable=False),
    sql.Column("demo", sql.String(64), nullable=False),
    sql.Column("format", sql.String(64), nullable=False),
    sql.Column("rank", sql.Integer, nullable=False),
    sql.Column("trust", sql.String(16), nullable=False),
    sql.Column("pinned", sql.Boolean, nullable=False),
    sql.Column("aliased", sql.Boolean, nullable=False),
    sql.Column("owner", sql.String(40), nullable=False),
    sql.Column("only", sql.String(40), nullable=False),  # who alone sees it
    sql.Column("run", sql.String(64), nullable=False, index=True),
    sql.Column("made_from", sql.String(64), nullable=False, index=True),
    sql.Column("entry", sql.Text, nullable=False),  # the whole line as JSON
    sql.Column("tags", sql.Text, nullable=False),  # each between line breaks
    sql.Column("text", sql.Text, nullable=False),  # what is searched, in small letters
)
TAGS = sql.Table(
    "tags_3",
    METADATA,
    sql.Column("tag", sql.String(64), primary_key=True),
    sql.Column("key", sql.Integer, primary_key=True, index=True),
)
HASHES = sql.Table(
    "hashes_3",
    METADATA,
    sql.Column("sha256", sql.String(64), primary_key=True),
    sql.Column("key", sql.Integer, primary_key=True, index=True),
)
# How many entries there are of each kind, and their bytes: what a page says of all pages without a look at them.
GROUP_COLUMNS = ("demo", "format", "rank", "trust", "pinned", "aliased", "owner", "only")
COUNTS = sql.Table(
    "counts_3",
    METADATA,
    sql.Column("kind", sql.String(255), primary_key=True),
    *(sql.Column(name, ENTRIES.c[name].type, nullable=False) for name in GROUP_COLUMNS),
    sql.Column("count", sql.BigInteger, nullable=False),
    sql.Column("bytes", sql.BigInteger, nullable=False),
)
STATE = sql.Table(
    "state_3",
    METADATA,
    sql.Column("name", sql.String(32), primary_key=True),
    sql.Column("value", sql.Text, nullable=False),
)
# What each order sorts by, all in one direction, so that an index can be walked either way.
COLUMNS_BY_SORT = {
    "created": ("created", "id"),
    "bytes": ("bytes", "id"),
    "name": ("name", "created", "id"),
    "format": ("format", "created", "id"),
    "demo": ("demo", "created", "id"),
    "verdict": ("rank", "created", "id"),
}
# Each index holds what the filters ask for, too: a page is found without a look at the rows that it does not show.
INDEX_PREFIXES = (*COLUMNS_BY_SORT.values(), *((lead, "bytes", "id") for lead in ("format", "demo")))
GROUP_INDEX = "ix_entries_3_kinds"


def index_name(first: str, second: str) -> str:
    """Of the index that begins with these two columns."""
    return f"ix_entries_3_{first}_{second}"


for lead in INDEX_PREFIXES:
    columns = dict.fromkeys((*lead, *GROUP_COLUMNS))
    sql.Index(index_name(*lead[:2]), *(ENTRIES.c[name] for name in columns))
sql.Index(GROUP_INDEX, *(ENTRIES.c[name] for name in ("format", "demo", "rank")))
for kind in (("format",), ("demo", "format")):
    sql.Index(f"ix_counts_2_{'_'.join(kind)}", *(COUNTS.c[name] for name in kind))
for marked in ("pinned", "aliased"):
    sql.Index(f"ix_entries_3_{marked}", ENTRIES.c[marked])

# An index of every three letters, for words anywhere in a text. Triggers keep it in step.
FULL_TEXT_TABLE = "words_3"
_CREATE_TRIGGER = "CREATE TRIGGER IF NOT EXISTS {words}_{when} AFTER {event} ON entries_3 BEGIN {insert} END"
_INSERT_TEXT = f"INSERT INTO {FULL_TEXT_TABLE}(rowid, text) VALUES (new.key, new.text);"
_DELETE_TEXT = f"INSERT INTO {FULL_TEXT_TABLE}({FULL_TEXT_TABLE}, rowid, text) VALUES ('delete', old.key, old.text);"
FULL_TEXT_STATEMENTS = (
    f"CREATE VIRTUAL TABLE IF NOT EXISTS {FULL_TEXT_TABLE} "
    "USING fts5(text, content='entries_3', content_rowid='key', tokenize='trigram')",
    _CREATE_TRIGGER.format(words=FULL_TEXT_TABLE, when="add", event="INSERT", insert=_INSERT_TEXT),
    _CREATE_TRIGGER.format(words=FULL_TEXT_TABLE, when="drop", event="DELETE", insert=_DELETE_TEXT),
)


class _HintCompiler(SQLiteCompiler):
    """SQLite takes hints after the name of a table, and SQLAlchemy does not know."""

    def get_from_hint_text(self, table: Any, text: str) -> str:
        return text


def open_engine(url: str) -> sql.Engine:
    """An engine; a SQLite file is written ahead, so that nobody who reads waits for who writes."""
    if not url.startswith("sqlite"):
        return sql.create_engine(url, pool_pre_ping=True)
    in_memory = {"poolclass": sql.pool.StaticPool, "connect_args": {"check_same_thread": False}}
    engine = sql.create_engine(
        url, **(in_memory if url == IN_MEMORY_URL else {"connect_args": {"timeout": BUSY_TIMEOUT}})
    )
    engine.dialect.statement_compiler = _HintCompiler
    if url == IN_MEMORY_URL:
        return engine

    @sql.event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")

    return engine


def create_tables(engine: sql.Engine) -> bool:
    """Make the tables where they are not there. Gives whether words can be looked up; raises SQLAlchemyError."""
    METADATA.create_all(engine)
    if engine.dialect.name != "sqlite":
        return False
    try:
        with engine.begin() as connection:
            for statement in FULL_TEXT_STATEMENTS:
                connection.exec_driver_sql(statement)
    except sql.exc.OperationalError as error:
        if "no such module" not in str(error) and "no such tokenizer" not in str(error):
            raise
        return False  # a SQLite that was built without: every text is looked through
    return True
