"""The tables of the catalog, and the engine that they live in.

Their names have a number: a database that a person named may hold those of another version, which are left alone.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler

IN_MEMORY_URL = "sqlite://"
BUSY_TIMEOUT = 5  # seconds to wait for another writer; ours write for parts of a second, and then the page answers
ADVISORY_LOCK = 7_041_776  # a number of ours, in PostgreSQL
# How long a server has to take a connection, to say that it got what was sent, and to show that it lives: else a line
# that was cut holds a page for a quarter of an hour, and who only listens for two hours. Seconds, the user timeout
# milliseconds.
SERVER_LIMITS = {"connect_timeout": 10, "tcp_user_timeout": 20_000, "keepalives_idle": 20, "keepalives_interval": 5}
# How long a server leaves a transaction to a process that does nothing in it, as one that is frozen or cut off: else
# its locks hold up all others, recovery of its own jobs included. Said once on each new connection.
IDLE_SECONDS = 30
# A plan that is made once for every word takes the index for a word that all entries have: eight times as long.
CUSTOM_PLANS = "SET plan_cache_mode = 'force_custom_plan'"
CACHE_KIB = 64_000  # of the database that a connection caches

METADATA = sql.MetaData()
# Text that is not there is empty and never NULL, which databases sort in different places.
ENTRIES = sql.Table(
    "entries_4",
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
    sql.Column("run", sql.String(64), nullable=False),
    sql.Column("made_from", sql.String(64), nullable=False, index=True),
    sql.Column("entry", sql.Text, nullable=False),  # the whole `Entry` as JSON
    sql.Column("tags", sql.Text, nullable=False),  # each between line breaks
    sql.Column("text", sql.Text, nullable=False),  # what is searched, in small letters
)
TAGS = sql.Table(
    "tags_4",
    METADATA,
    sql.Column("tag", sql.String(64), primary_key=True),
    sql.Column("key", sql.Integer, primary_key=True, index=True),
)
HASHES = sql.Table(
    "hashes_4",
    METADATA,
    sql.Column("sha256", sql.String(64), primary_key=True),
    sql.Column("key", sql.Integer, primary_key=True, index=True),
)
# How many entries each group of equal columns has, and their bytes: the totals of a query without a look at its rows.
GROUP_COLUMNS = ("demo", "format", "rank", "trust", "pinned", "aliased", "owner", "only")
COUNTS = sql.Table(
    "counts_4",
    METADATA,
    sql.Column("kind", sql.String(255), primary_key=True),
    *(sql.Column(name, ENTRIES.c[name].type, nullable=False) for name in GROUP_COLUMNS),
    sql.Column("count", sql.BigInteger, nullable=False),
    sql.Column("bytes", sql.BigInteger, nullable=False),
)
STATE = sql.Table(
    "state_4",
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


def index_name(first: str, second: str) -> str:
    """The index that begins with these two columns."""
    return f"ix_entries_4_{first}_{second}"


# Each index holds what the filters ask for, too: a page is found without a look at the rows that it does not show.
for sorted_by in (*COLUMNS_BY_SORT.values(), *((lead, "bytes", "id") for lead in ("format", "demo"))):
    sql.Index(index_name(*sorted_by[:2]), *(ENTRIES.c[name] for name in dict.fromkeys((*sorted_by, *GROUP_COLUMNS))))
sql.Index("ix_entries_4_run", *(ENTRIES.c[name] for name in ("run", "rank", "only")))  # to count the copies of runs
sql.Index("ix_counts_4_format_demo", COUNTS.c.format, COUNTS.c.demo)
IDS_PER_STATEMENT = 500
ItemT = TypeVar("ItemT")
for flag in ("pinned", "aliased"):
    sql.Index(f"ix_entries_4_{flag}", ENTRIES.c[flag])

# An index of every three letters, for words anywhere in a text. PostgreSQL updates its own, and SQLite does not.
_WORDS = "words_4"  # SQLite's table, whose rows go by the keys of the entries; PostgreSQL's index
WORDS = sql.table(_WORDS, sql.column("rowid", sql.Integer), sql.column("text", sql.Text), sql.column(_WORDS))
FULL_TEXT_STATEMENTS = {
    "sqlite": (
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {_WORDS} "
        f"USING fts5(text, content='{ENTRIES.name}', content_rowid='key', tokenize='trigram')",
        f"INSERT INTO {_WORDS}({_WORDS}) VALUES ('rebuild')",  # the rows may be older than the index
    ),
    "postgresql": (
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        f"CREATE INDEX IF NOT EXISTS {_WORDS} ON {ENTRIES.name} USING gin (text gin_trgm_ops)",
    ),
}
NO_FULL_TEXT_ERRORS = ("no such module", "no such tokenizer")  # of a SQLite that was built without


class _HintCompiler(SQLiteCompiler):
    """SQLite takes hints after the name of a table, and SQLAlchemy does not know."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:
        return text


def open_engine(url: str) -> sql.Engine:
    """Open an engine; a SQLite file has a write-ahead log, so that no reader waits for a writer."""
    if is_server(url):
        is_postgresql = url.startswith("postgresql")
        options: dict[str, int] = SERVER_LIMITS if is_postgresql else {}
        engine = sql.create_engine(_with_driver(url), connect_args=options, hide_parameters=True)
        if is_postgresql:
            sql.event.listen(engine, "connect", _set_up_session)
        return engine
    if url == IN_MEMORY_URL:
        engine = sql.create_engine(url, poolclass=sql.pool.StaticPool, connect_args={"check_same_thread": False})
    else:
        engine = sql.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT})
        sql.event.listen(engine, "connect", _set_pragmas)
    engine.dialect.statement_compiler = _HintCompiler
    return engine


def is_server(url: str) -> bool:
    """Whether a database is a server's, which others write to as well, and no file or memory of SQLite."""
    return not url.startswith("sqlite")


def _with_driver(url: str) -> sql.URL:
    """A URL of PostgreSQL without a driver means that which is installed with Roundtrip."""
    made = sql.make_url(url)
    return made.set(drivername="postgresql+psycopg") if made.drivername == "postgresql" else made


def idle_limit(seconds: int = 0) -> str:
    """The statement that has PostgreSQL end a connection which leaves a transaction open and idle; with a number of
    seconds for the present transaction alone, as one whose lock covers work elsewhere."""
    return f"SET {'LOCAL ' if seconds else ''}idle_in_transaction_session_timeout = '{seconds or IDLE_SECONDS}s'"


def _set_up_session(connection: Any, _: Any) -> None:
    connection.execute(idle_limit())
    connection.execute(CUSTOM_PLANS)
    connection.commit()


def _set_pragmas(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")


def create_tables(engine: sql.Engine) -> str:
    """Create the tables that are missing.

    Returns the dialect whose index finds words: "sqlite" or "postgresql"; empty where every text is looked through,
    because the database was built without such an index or does not allow it. Raises SQLAlchemyError.
    """
    dialect = engine.dialect.name
    with engine.begin() as connection:
        if dialect == "postgresql":  # of several servers that start at once, one makes the tables
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        METADATA.create_all(connection)
    schema = sql.inspect(engine)
    if schema.has_table(_WORDS) if dialect == "sqlite" else schema.has_index(ENTRIES.name, _WORDS):
        return dialect
    try:
        with engine.begin() as connection:
            for statement in FULL_TEXT_STATEMENTS.get(dialect, ()):
                connection.exec_driver_sql(statement)
    except sql.exc.DatabaseError as error:
        if dialect == "sqlite" and not any(text in str(error) for text in NO_FULL_TEXT_ERRORS):
            raise
        return ""
    return dialect if dialect in FULL_TEXT_STATEMENTS else ""


def analyze(connection: sql.Connection) -> None:
    """Have PostgreSQL look how values are spread, by which it chooses indexes; else it does so a minute later."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ANALYZE {ENTRIES.name}, {COUNTS.name}, {HASHES.name}, {TAGS.name}")


def insert_words(keys: list[int]) -> sql.Insert:
    """The statement after these rows were inserted, for SQLite's index of words."""
    rows = sql.select(ENTRIES.c.key, ENTRIES.c.text).where(ENTRIES.c.key.in_(keys))
    return sql.insert(WORDS).from_select(["rowid", "text"], rows)


def delete_words(keys: list[int]) -> sql.Insert:
    """The statement before these rows are deleted, for SQLite's index of words."""
    rows = sql.select(sql.literal("delete"), ENTRIES.c.key, ENTRIES.c.text).where(ENTRIES.c.key.in_(keys))
    return sql.insert(WORDS).from_select([_WORDS, "rowid", "text"], rows)


def matches_word(word: str) -> sql.ColumnElement[bool]:
    """The condition of a row in SQLite's index of words."""
    return WORDS.c[_WORDS].bool_op("MATCH")('"' + word.replace('"', '""') + '"')


def insert_rows(connection: sql.Connection, table: sql.Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def in_batches(items: list[ItemT], size: int = IDS_PER_STATEMENT) -> Iterator[list[ItemT]]:
    return (items[start : start + size] for start in range(0, len(items), size))
