"""`QueueDatabase`: transactions in the PostgreSQL of a team, and the secret that its web servers share there."""

import secrets
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from core.error_translation import translate_database_error
from core.errors import InputError, StorageFailed
from core.library.catalog.catalog import mask_database_url
from core.library.catalog.schema import open_engine
from core.queue.schema import STATE, create_queue_tables

ResultT = TypeVar("ResultT")
COOKIE_SECRET = "cookie secret"  # the name of the row


class QueueDatabase:
    """The database at a SQLAlchemy URL. Threads may share it; opening it makes the tables.

    Each method raises StorageFailed where the server does not answer or refuses, with what to do next.
    """

    def __init__(self, url: str):
        if not url.startswith("postgresql"):
            raise InputError(
                "The queue needs a PostgreSQL database.",
                received=mask_database_url(url),
                cure="Set ROUNDTRIP_DATABASE_URL to one: postgresql://USER@HOST/DATABASE.",
            )
        self.url = url
        self._engine = open_engine(url)
        weakref.finalize(self, self._engine.dispose)  # a server counts connections
        self.run(create_queue_tables)

    @property
    def connection_string(self) -> str:
        """What psycopg takes, with the password."""
        return self._engine.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def run(self, operation: Callable[..., ResultT], *arguments: Any) -> ResultT:
        """Run an operation, whose first argument is a connection, in a transaction of its own.

        A connection that was cut since it was last used is made anew, once: what is run may be begun twice and ends
        once.
        """
        for is_last in (False, True):
            try:
                with self._engine.begin() as connection:
                    return operation(connection, *arguments)
            except SQLAlchemyError as error:
                if is_last or not getattr(error, "connection_invalidated", False):
                    raise self.translate(error) from error
        raise AssertionError("The second attempt returns or raises.")

    def connect(self) -> Connection:
        """Return a connection for a transaction of the caller, who closes it."""
        try:
            return self._engine.connect()
        except SQLAlchemyError as error:
            raise self.translate(error) from error

    def translate(self, error: SQLAlchemyError) -> StorageFailed:
        """Return what a server refused, without the statement and its values, which may be a person's."""
        return translate_database_error(str(getattr(error, "orig", None) or error), mask_database_url(self.url))


def read_cookie_secret(database: QueueDatabase) -> str:
    """Return the secret of the team, which is made where there is none; of several servers one does it.

    Raises StorageFailed.
    """
    return database.run(_read_or_make)


def _read_or_make(connection: Connection) -> str:
    new = insert(STATE).values(name=COOKIE_SECRET, value=secrets.token_hex(32))
    connection.execute(new.on_conflict_do_nothing())
    value = connection.execute(select(STATE.c.value).where(STATE.c.name == COOKIE_SECRET)).scalar_one()
    return str(value)
