"""`JobNotifications`: wakes whoever waits for a job as soon as the database says that it began or ended."""

import logging
import threading
import time
import weakref
from collections import Counter

import psycopg
from psycopg.conninfo import make_conninfo

from core.library.catalog.schema import SERVER_LIMITS
from core.queue.database import QueueDatabase
from core.queue.job_rows import CHANNEL

RETRY_SECONDS = 1.0  # between two attempts to listen
LISTEN_SECONDS = 1.0  # that a silent connection is listened to before it is looked whether anybody still waits
log = logging.getLogger("roundtrip")


class JobNotifications:
    """One connection listens for all threads of this process, from the first one that waits. Without it who waits
    looks all the same, a little later."""

    def __init__(self, database: QueueDatabase):
        self._conninfo = database.connection_string
        self._condition = threading.Condition()
        self._number = 0  # of notifications so far
        self._numbers: dict[str, int] = {}  # of the last one, by the id of a job that is waited for
        self._waiting: Counter[str] = Counter()  # threads, by the same
        self._thread: threading.Thread | None = None

    def wait(self, id_: str, seconds: float) -> None:
        """Return at the next notification of a job, or after so many seconds."""
        self._start()
        with self._condition:
            self._waiting[id_] += 1
            before = self._numbers.setdefault(id_, 0)
            try:
                self._condition.wait_for(lambda: self._numbers[id_] != before, seconds)
            finally:
                self._leave(id_)

    def _leave(self, id_: str) -> None:
        """Of jobs for which nobody waits nothing is kept."""
        self._waiting[id_] -= 1
        if not self._waiting[id_]:
            del self._waiting[id_], self._numbers[id_]

    def _start(self) -> None:
        with self._condition:
            if self._thread is None:
                self._thread = threading.Thread(target=_listen, args=(weakref.ref(self), self._conninfo), daemon=True)
                self._thread.start()

    def notice(self, id_: str) -> None:
        """Wake those that wait for a job."""
        with self._condition:
            if id_ in self._numbers:
                self._number += 1
                self._numbers[id_] = self._number
                self._condition.notify_all()


def _listen(reference: "weakref.ref[JobNotifications]", conninfo: str) -> None:
    """Listen until nobody has the object any more."""
    while reference() is not None:
        try:
            with psycopg.connect(make_conninfo(conninfo, **SERVER_LIMITS), autocommit=True) as connection:
                connection.execute(f"LISTEN {CHANNEL}")
                while reference() is not None:
                    for notification in connection.notifies(timeout=LISTEN_SECONDS, stop_after=1):
                        _notice(reference, notification.payload)
        except psycopg.Error as error:
            log.warning("The database does not tell when jobs end: %s", error)
            time.sleep(RETRY_SECONDS)


def _notice(reference: "weakref.ref[JobNotifications]", id_: str) -> None:
    if listener := reference():
        listener.notice(id_)
