"""The secret with which all web servers of a team sign cookies and addresses: made by the first of them."""

import secrets

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from core.queue.database import QueueDatabase
from core.queue.schema import STATE

NAME = "cookie secret"


def read_cookie_secret(database: QueueDatabase) -> str:
    """Return the secret of the team, which is made where there is none; of several servers one does it.

    Raises StorageFailed.
    """
    return database.run(_read_or_make)


def _read_or_make(connection: Connection) -> str:
    new = insert(STATE).values(name=NAME, value=secrets.token_hex(32))
    connection.execute(new.on_conflict_do_nothing())
    value = connection.execute(select(STATE.c.value).where(STATE.c.name == NAME)).scalar_one()
    return str(value)
