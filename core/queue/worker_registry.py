"""`WorkerRegistry`: which workers there are, what each can do and does, and what it was asked to."""

import logging
from datetime import datetime
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ValidationError
from sqlalchemy import ColumnElement, Update, case, delete, func, insert, select, text, update
from sqlalchemy.engine import Connection, Row

from core.errors import InputError
from core.queue.database import QueueDatabase
from core.queue.requirements import Announcement
from core.queue.schema import WORKERS

Request = Literal["", "drain", "stop"]
log = logging.getLogger("roundtrip")
FORGOTTEN_SECONDS = 86_400  # after its last heartbeat
IS_LIVE = WORKERS.c.heartbeat > func.now() - func.make_interval(0, 0, 0, 0, 0, 0, WORKERS.c.lost_seconds)


class Report(BaseModel):
    """What a worker does now; `load` is that of its machine in processors, `memory_used` a share of all."""

    jobs: tuple[str, ...] = ()  # ids
    load: float = 0.0
    memory_used: float = 0.0


class WorkerState(NamedTuple):
    """A worker as the others see it."""

    id: str
    announcement: Announcement
    report: Report
    started: datetime
    heartbeat: datetime
    is_live: bool
    asked: Request


class WorkerRegistry:
    """The workers over one database. Each method raises StorageFailed."""

    def __init__(self, database: QueueDatabase):
        self._database = database

    def announce(self, id_: str, announcement: Announcement, lost_seconds: int) -> None:
        """Enter a worker, which counts as gone after so many seconds without a heartbeat."""
        values = {
            "id": id_,
            "name": announcement.name,
            "lost_seconds": lost_seconds,
            "announcement": announcement.model_dump_json(),
            "report": Report().model_dump_json(),
        }
        self._database.run(_announce, values)

    def beat(self, id_: str, report: Report, task_worker: int | None) -> Request | None:
        """Note that a worker lives; returns what it was asked, None where it was removed meanwhile."""
        return self._database.run(_beat, id_, report.model_dump_json(), task_worker)

    def update(self, id_: str, announcement: Announcement) -> None:
        """Replace what a worker announced."""
        values = {"announcement": announcement.model_dump_json()}
        self._database.run(lambda connection: connection.execute(_of_worker(id_).values(**values)))

    def list_workers(self) -> list[WorkerState]:
        """Return all workers of the last day, those that live first, by name."""
        return self._database.run(_list_workers)

    def list_earlier_workers(self) -> list[str]:
        """Return those of the last day of which it is not known that they know of collections, by name, or by id where
        their version says nothing that is read here; also those that are silent, for they may only be slow."""
        return self._database.run(_list_earlier_workers)

    def announcements(self) -> list[Announcement]:
        """Return those of workers that live and take jobs."""
        return [worker.announcement for worker in self.list_workers() if worker.is_live and not worker.asked]

    def ask(self, id_: str, request: Request) -> None:
        """Ask a worker to take no more jobs and to end after those that it does ("drain"), or to end now ("stop")."""
        if not self._database.run(_ask, id_, request):
            raise InputError(
                "There is no such worker any more.", received=id_, cure="Look at the list again: roundtrip workers."
            )

    def remove(self, id_: str) -> None:
        """Strike a worker that has ended off the list."""
        self._database.run(lambda connection: connection.execute(delete(WORKERS).where(WORKERS.c.id == id_)))


def _announce(connection: Connection, values: dict[str, Any]) -> None:
    connection.execute(delete(WORKERS).where(_is_forgotten()))
    connection.execute(insert(WORKERS).values(**values))


def _is_forgotten() -> ColumnElement[bool]:
    return WORKERS.c.heartbeat < func.now() - text(f"interval '{FORGOTTEN_SECONDS} seconds'")


def _of_worker(id_: str) -> Update:
    return update(WORKERS).where(WORKERS.c.id == id_)


def _beat(connection: Connection, id_: str, report: str, task_worker: int | None) -> Request | None:
    values = {"heartbeat": func.now(), "report": report, "task_worker": task_worker}
    statement = _of_worker(id_).values(**values).returning(WORKERS.c.asked)
    asked: Request | None = connection.execute(statement).scalar_one_or_none()
    return asked


def _ask(connection: Connection, id_: str, request: Request) -> bool:
    # Who was asked to stop is not asked to drain any more.
    value = case((WORKERS.c.asked == "stop", "stop"), else_=request)
    return connection.execute(_of_worker(id_).values(asked=value)).rowcount > 0


def _list_workers(connection: Connection) -> list[WorkerState]:
    statement = select(WORKERS, IS_LIVE.label("is_live")).order_by(IS_LIVE.desc(), WORKERS.c.name, WORKERS.c.started)
    return [worker for row in connection.execute(statement) if (worker := _parse_worker(row))]


def _list_earlier_workers(connection: Connection) -> list[str]:
    rows = connection.execute(select(WORKERS.c.id, WORKERS.c.announcement).where(~_is_forgotten()))
    found = []
    for row in rows:
        try:
            announcement = Announcement.model_validate_json(row.announcement)
        except ValidationError:
            found.append(row.id)
        else:
            found += [] if announcement.knows_collections else [announcement.name]
    return sorted({*found})


def _parse_worker(row: Row[Any]) -> WorkerState | None:
    """A row's worker; None where it is of another version, whose words are unknown here."""
    try:
        announcement = Announcement.model_validate_json(row.announcement)
        report = Report.model_validate_json(row.report)
    except ValidationError:
        log.warning("The worker %s is of another version, and is not listed", row.id)
        return None
    return WorkerState(row.id, announcement, report, row.started, row.heartbeat, row.is_live, row.asked)
