"""`AttemptHold`: the lock of a job's row, while one attempt commits, and what becomes of what was put without it."""

import contextlib
from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from core.errors import RoundtripError
from core.library.catalog.schema import idle_limit
from core.library.job_store import ACTIVE_STATES, Job
from core.library.shared_entries import Hold
from core.queue import job_rows
from core.queue.database import QueueDatabase

FENCE_SECONDS = 60  # after which a database gives up the lock of a worker that does nothing with it


class AttemptHold(Hold):
    """See `Hold`. It is lost where the database gave the lock of this process up, which stood still.

    Args:
        connection: in whose transaction the row of the job is locked.
    """

    def __init__(self, database: QueueDatabase, connection: Connection, job: Job):
        self._database, self._connection, self._job = database, connection, job
        self._put: dict[str, Callable[[], object]] = {}

    def require(self) -> None:
        """Raises StorageFailed."""
        try:
            self._connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            raise self._database.translate(error) from error

    def add(self, id_: str, withdraw: Callable[[], object]) -> None:
        self._put[id_] = withdraw

    def end(self) -> None:
        """Give the lock back. Raises StorageFailed where it was lost."""
        try:
            self._connection.commit()
        except SQLAlchemyError as error:
            raise self._database.translate(error) from error

    def withdraw_unneeded(self) -> None:
        """Withdraw what was put for a job that has ended without it; as far as database, store and disk allow.

        A job that is still done may count on it: who does it finds it there.
        """
        if self._put:
            with contextlib.suppress(RoundtripError, OSError):
                self._database.run(self._withdraw)

    def _withdraw(self, connection: Connection) -> None:
        """A job that was cancelled, or failed, has no result, and lists what was done until then in its record."""
        connection.exec_driver_sql(idle_limit(FENCE_SECONDS))
        row = job_rows.lock_job(connection, self._job)
        if row is None or row.state not in ACTIVE_STATES:
            listed = "" if row is None else row.record + (row.result or "")
            for id_, withdraw in self._put.items():
                if id_ not in listed:
                    connection.execute(text("SELECT 1"))  # this process works, and still has the lock
                    withdraw()
