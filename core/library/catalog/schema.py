"""The tables of the catalog, and the engine that they live in.

Their names have a number: a database that a person named may hold those of another version, which are left alone.
"""

from typing import Any

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler

IN_MEMORY = "sqlite://"
WAIT = 5  # seconds to wait for another writer; ours write for parts of a second, and after these the page answers
CACHE = 64_000  # KiB of the database that a connection keeps in memory

TABLES = sql.MetaData()
# Text that is not there is empty and never NULL, which databases sort in different places.
ENTRIES = sql.Table(
    "entries_3",
    TABLES,
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
    TABLES,
    sql.Column("tag", sql.String(64), primary_key=True),
    sql.Column("key", sql.Integer, primary_key=True, index=True),
)
HASHES = sql.Table(
    "hashes_3",
    TABLES,
    sql.Column("sha256", sql.String(64), primary_key=True),
    sql.Column("key", sql.Integer, primary_key=True, index=True),
)
# How many entries there are of each kind, and their bytes: what a page says of all pages without a look at them.
KIND = ("demo", "format", "rank", "trust", "pinned", "aliased", "owner", "only")
COUNTS = sql.Table(
    "counts_3",
    TABLES,
    sql.Column("kind", sql.String(255), primary_key=True),
    *(sql.Column(name, ENTRIES.c[name].type, nullable=False) for name in KIND),
    sql.Column("count", sql.BigInteger, nullable=False),
    sql.Column("bytes", sql.BigInteger, nullable=False),
)
STATE = sql.Table(
    "state_3",
    TABLES,
    sql.Column("name", sql.String(32), primary_key=True),
    sql.Column("value", sql.Text, nullable=False),
)
# What each order sorts by, all in one direction, so that an index can be walked either way.
ORDERS = {
    "created": ("created", "id"),
    "bytes": ("bytes", "id"),
    "name": ("name", "created", "id"),
    "format": ("format", "created", "id"),
    "demo": ("demo", "created", "id"),
    "verdict": ("rank", "created", "id"),
}
# Each index holds what the filters ask for, too: a page is found without a look at the rows that it does not show.
LEADS = (*ORDERS.values(), *((lead, "bytes", "id") for lead in ("format", "demo")))
KINDS_INDEX = "ix_entries_3_kinds"


def index_name(first: str, second: str) -> str:
    """Of the index that begins with these two columns."""
    return f"ix_entries_3_{first}_{second}"


for lead in LEADS:
    columns = dict.fromkeys((*lead, *KIND))
    sql.Index(index_name(*lead[:2]), *(ENTRIES.c[name] for name in columns))
sql.Index(KINDS_INDEX, *(ENTRIES.c[name] for name in ("format", "demo", "rank")))
for kind in (("format",), ("demo", "format")):
    sql.Index(f"ix_counts_2_{'_'.join(kind)}", *(COUNTS.c[name] for name in kind))
for marked in ("pinned", "aliased"):
    sql.Index(f"ix_entries_3_{marked}", ENTRIES.c[marked])

# An index of every three letters, for words anywhere in a text. Triggers keep it in step.
WORDS = "words_3"
_TRIGGER = "CREATE TRIGGER IF NOT EXISTS {words}_{when} AFTER {event} ON entries_3 BEGIN {insert} END"
_ADD = f"INSERT INTO {WORDS}(rowid, text) VALUES (new.key, new.text);"
_DROP = f"INSERT INTO {WORDS}({WORDS}, rowid, text) VALUES ('delete', old.key, old.text);"
FULL_TEXT = (
    f"CREATE VIRTUAL TABLE IF NOT EXISTS {WORDS} "
    "USING fts5(text, content='entries_3', content_rowid='key', tokenize='trigram')",
    _TRIGGER.format(words=WORDS, when="add", event="INSERT", insert=_ADD),
    _TRIGGER.format(words=WORDS, when="drop", event="DELETE", insert=_DROP),
)


class _WithHints(SQLiteCompiler):
    """SQLite takes hints after the name of a table, and SQLAlchemy does not know."""

    def get_from_hint_text(self, table: Any, text: str) -> str:
        return text


def open_engine(url: str) -> sql.Engine:
    """An engine; a SQLite file is written ahead, so that nobody who reads waits for who writes."""
    if not url.startswith("sqlite"):
        return sql.create_engine(url, pool_pre_ping=True)
    in_memory = {"poolclass": sql.pool.StaticPool, "connect_args": {"check_same_thread": False}}
    engine = sql.create_engine(url, **(in_memory if url == IN_MEMORY else {"connect_args": {"timeout": WAIT}}))
    engine.dialect.statement_compiler = _WithHints
    if url == IN_MEMORY:
        return engine

    @sql.event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA cache_size=-{CACHE}")

    return engine


def make_tables(engine: sql.Engine) -> bool:
    """Make the tables where they are not there. Gives whether words can be looked up; raises SQLAlchemyError."""
    TABLES.create_all(engine)
    if engine.dialect.name != "sqlite":
        return False
    try:
        with engine.begin() as connection:
            for statement in FULL_TEXT:
                connection.exec_driver_sql(statement)
    except sql.exc.OperationalError as error:
        if "no such module" not in str(error) and "no such tokenizer" not in str(error):
            raise
        return False  # a SQLite that was built without: every text is looked through
    return True
