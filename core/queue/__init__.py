"""What the machines of a team share beside their store: the records of jobs, the queue and the workers, in PostgreSQL.

Procrastinate is the queue. A job is delivered to a worker at least once, and takes effect once: each delivery takes the
next attempt of the job's row (`Attempt`), and nothing counts that an attempt writes once the job has another. What a
job stores has ids that follow from the job (`RepeatableIds`): of two attempts that store it, the first one does. What
lies here can be lost: entries are in the object store.
"""

from core.queue.attempt import Attempt, take_attempt, taken_over_error
from core.queue.database import QueueDatabase, read_cookie_secret
from core.queue.database_job_store import DatabaseJobStore, open_database_job_store
from core.queue.job_files import GivenFile, GivenRecord, JobFiles
from core.queue.notifications import JobNotifications
from core.queue.recovery import recover_abandoned
from core.queue.requirements import (
    Announcement,
    Queues,
    WorkerRequirements,
    add_wishes,
    find_shortest_lack,
    round_memory,
)
from core.queue.tasks import QueueManager, defer, make_app
from core.queue.worker_registry import Report, WorkerRegistry, WorkerState

__all__ = [
    "Announcement",
    "Attempt",
    "DatabaseJobStore",
    "GivenFile",
    "GivenRecord",
    "JobFiles",
    "JobNotifications",
    "QueueDatabase",
    "QueueManager",
    "Queues",
    "Report",
    "WorkerRegistry",
    "WorkerRequirements",
    "WorkerState",
    "add_wishes",
    "defer",
    "find_shortest_lack",
    "make_app",
    "open_database_job_store",
    "read_cookie_secret",
    "recover_abandoned",
    "round_memory",
    "take_attempt",
    "taken_over_error",
]
