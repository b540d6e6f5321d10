"""`AttemptHold`: the lock of a job's row, while one attempt commits, and what becomes of what was put without it."""

import contextlib
from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from core.errors import RoundtripError
from core.library.job_store import ACTIVE_STATES, Job
from core.library.shared_entries import Hold
from core.queue import job_rows
from core.queue.database import QueueDatabase


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
        """Delete what was put for a job that has ended without it; as far as database and store answer.

        A job that is still done may count on it: who does it finds it there.
        """
        if self._put:
            with contextlib.suppress(RoundtripError):
                self._database.run(self._withdraw)

    def _withdraw(self, connection: Connection) -> None:
        row = job_rows.lock_job(connection, self._job)
        if row is None or row.state not in ACTIVE_STATES:
            for id_, withdraw in self._put.items():
                if row is None or id_ not in (row.result or ""):
                    withdraw()
