"""The tables of the queue, and Procrastinate's beside them; made once, whoever comes first.

Their names have a number: a database may hold those of another version, which are left alone.
"""

from procrastinate.schema import SchemaManager
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    func,
    select,
    text,
)
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateColumn

from core.errors import InputError

SCHEMA = 1
ADVISORY_LOCK = 7_041_777  # numbers of ours, in PostgreSQL: to make tables, and to take up what was left
RECOVERY_LOCK = 7_041_778
# What this version calls of Procrastinate's schema, which says of itself no version.
PROCRASTINATE_FUNCTIONS = (
    "procrastinate_defer_jobs_v1",
    "procrastinate_fetch_job_v2",
    "procrastinate_finish_job_v1",
    "procrastinate_cancel_job_v1",
)

METADATA = MetaData()
STATE = Table("queue_state_1", METADATA, Column("name", String(32), primary_key=True), Column("value", Text))
JOBS = Table(
    "jobs_1",
    METADATA,
    Column("id", String(16), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("created", String(40), nullable=False),
    Column("record", Text, nullable=False),  # the `Job` as JSON, without its result
    Column("result", Text),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("losses", Integer, nullable=False, server_default=text("0")),  # attempts whose worker was gone
    Column("worker", String(40)),  # that has the present attempt
    Column("claimed", DateTime(timezone=True)),
    Column("cancel_requested", Boolean, nullable=False, server_default=text("false")),
    Column("queue", String(40), nullable=False, server_default=""),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("task", BigInteger),  # its entry in Procrastinate's table
    Column("files", Text, nullable=False, server_default="{}"),  # given, as long as the job has not ended
    Column("entry", String(16)),  # in the object store, that holds what it made
    Column("queued", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
Index("ix_jobs_1_created", JOBS.c.created)
Index("ix_jobs_1_active", JOBS.c.state, JOBS.c.worker, postgresql_where=JOBS.c.state.in_(("queued", "running")))
UNLISTED_ENTRIES = Table(  # see `core.queue.unlisted_entries`
    "unlisted_entries_1",
    METADATA,
    Column("entry", String(16), primary_key=True),
    Column("is_withdrawn", Boolean, nullable=False, server_default=text("false")),
    Column("noted", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
QUEUES = Table(
    "queues_1",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column(
        "requirements", Text, nullable=False
    ),  # `WorkerRequirements` as JSON: what a worker must have to listen to it
)
WORKERS = Table(
    "workers_1",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("started", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("heartbeat", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("lost_seconds", Integer, nullable=False),  # without a heartbeat, after which it counts as gone
    Column("task_worker", BigInteger),  # its row in Procrastinate's table
    Column("announcement", Text, nullable=False),
    Column("report", Text, nullable=False),
    Column("asked", String(8), nullable=False, server_default=""),  # to drain or to stop
)


def create_queue_tables(connection: Connection) -> None:
    """Create the tables that are missing, in the transaction of the connection; of several processes one does it.

    Raises InputError where they are of a newer version of Roundtrip, or Procrastinate's of another than ours.
    """
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
    METADATA.create_all(connection)
    _require_schema(connection)
    _add_missing_columns(connection)
    if connection.execute(text("SELECT to_regclass('procrastinate_jobs')")).scalar() is None:
        connection.connection.cursor().execute(SchemaManager.get_schema())  # several statements, and no arguments
    _require_procrastinate(connection)


def _require_schema(connection: Connection) -> None:
    value = connection.execute(select(STATE.c.value).where(STATE.c.name == "schema")).scalar_one_or_none()
    if value is None:
        connection.execute(STATE.insert().values(name="schema", value=str(SCHEMA)))
        return
    if value != str(SCHEMA):
        raise InputError(
            f"The queue in this database has schema {value}, and this version of Roundtrip knows schema {SCHEMA}.",
            received=value,
            cure="Install the version of Roundtrip here that the other machines have.",
        )


def _add_missing_columns(connection: Connection) -> None:
    """Add the columns, and the indexes, that an earlier version of this schema did not have.

    Raises InputError for one whose value nobody can know in rows that are there.
    """
    query = text(
        "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = current_schema()"
    )
    there = set(connection.execute(query).scalars())
    missing = [each for table in METADATA.sorted_tables for each in table.columns if str(each) not in there]
    if unknown := [str(each) for each in missing if not each.nullable and each.server_default is None]:
        raise InputError(
            "The tables of the queue in this database lack columns that they have in every version of Roundtrip.",
            received=", ".join(unknown),
            cure="Restore the database from a backup, or give the team an empty one: runs, artifacts and aliases are "
            "read from the store again; the records of all jobs are lost by it.",
        )
    for column in missing:
        definition = str(CreateColumn(column).compile(dialect=connection.dialect))
        connection.exec_driver_sql(f"ALTER TABLE {column.table.name} ADD COLUMN {definition}")
    for index in (index for table in METADATA.sorted_tables for index in table.indexes):
        index.create(connection, checkfirst=True)


def _require_procrastinate(connection: Connection) -> None:
    known = text("SELECT proname FROM pg_proc WHERE proname LIKE 'procrastinate%'")
    missing = set(PROCRASTINATE_FUNCTIONS) - set(connection.execute(known).scalars())
    if missing:
        raise InputError(
            "This database holds the tables of another release of Procrastinate.",
            received=", ".join(sorted(missing)) + " missing",
            cure="Give Roundtrip a database of its own, or apply the migrations of that release's successors.",
        )
