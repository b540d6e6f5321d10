"""What a job needs of a worker, what a worker has, and which queue the job waits in by that."""

import hashlib
import math
from collections.abc import Callable, Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from core.settings import GB

NAME_LENGTH = 40
Queues = Literal["all", "click", "bulk"]
NEEDED_QUEUES = {False: "a worker that takes what is clicked", True: "a worker that takes what is done in bulk"}
ANYWHERE = "anywhere"  # the queue of what every worker can do


class WorkerRequirements(BaseModel):
    """What a worker must have for a job; jobs that need the same wait in the same queue.

    `environments` must be built there, or be such that it can build them; `packages` are those of formats, as pip calls
    them; `memory_gb` is what one model must be allowed there, in GB, at least; `is_bulk` tells what is done in bulk
    from what a person waits for; `is_exclusive` says that the worker does nothing else meanwhile; `worker` is the name
    of the only one that may do it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")  # who does not know a need does not have it

    environments: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    memory_gb: int = 0
    is_bulk: bool = False
    is_exclusive: bool = False
    worker: str = ""

    def to_json(self) -> str:
        """As JSON: what is not needed is left out where workers of earlier versions know nothing of it."""
        later = {name for name in ("memory_gb", "is_bulk") if not getattr(self, name)}
        return self.model_dump_json(exclude=later)

    @property
    def queue(self) -> str:
        """The name of the queue, of at most 40 characters: Procrastinate makes of it a channel of PostgreSQL, which
        takes no more. What it stands for lies in a table."""
        parts = [f"worker.{self.worker}"] if self.worker else []
        parts += [f"environment.{name}" for name in self.environments] + [f"package.{name}" for name in self.packages]
        parts += [f"memory.{self.memory_gb}"] if self.memory_gb else []
        parts += (["bulk"] if self.is_bulk else []) + (["alone"] if self.is_exclusive else [])
        name = "+".join(parts) or ANYWHERE
        if len(name) <= NAME_LENGTH:
            return name
        return f"{name[: NAME_LENGTH - 13]}-{hashlib.sha256(self.to_json().encode()).hexdigest()[:12]}"


def round_memory(size: float) -> int:
    """The GB of `WorkerRequirements.memory_gb` for so many bytes, which are at most that much: a power of two, so that
    there are few queues, and 0 below 2 GB, which every worker has."""
    return 2 ** int(math.log2(size / GB)) if size >= 2 * GB else 0


class Announcement(BaseModel):
    """What a worker says of itself when it starts.

    `memory` is that of its machine in bytes, `child_memory` what one model may take of it (0 where an earlier version
    did not say); `queues` is which jobs it takes; `knows_collections` is whether it relies on no contents of the store
    that are noted as unused, of which an earlier version does not know.
    """

    name: str
    version: str  # of Roundtrip
    python: str
    system: str
    processor: str
    processors: int
    memory: int
    accelerators: tuple[str, ...] = ()
    packages: dict[str, str] = {}
    missing_packages: tuple[str, ...] = ()  # of formats
    instruction_sets: tuple[str, ...] = ()
    limits: dict[str, str] = {}  # variables that forbid its engines some of those
    environments: dict[str, int] = {}  # that are built, with their bytes
    buildable_environments: tuple[str, ...] = ()
    concurrency: int = 1
    child_memory: int = 0
    queues: Queues = "all"
    knows_collections: bool = False

    def list_missing(self, requirements: WorkerRequirements) -> list[str]:
        """Return what a worker of these facts lacks for a job, in words; empty where it can do it."""
        can_run = {*self.environments, *self.buildable_environments}
        missing = [f"the worker {requirements.worker}"] if requirements.worker not in ("", self.name) else []
        missing += [f"the environment {key}" for key in requirements.environments if key not in can_run]
        missing += [f"the package {name}" for name in requirements.packages if name in self.missing_packages]
        if (self.child_memory or self.memory) < requirements.memory_gb * GB:
            missing.append(f"{requirements.memory_gb} GB of memory for one model")
        return missing + ([] if self._takes(requirements) else [NEEDED_QUEUES[requirements.is_bulk]])

    def _takes(self, requirements: WorkerRequirements) -> bool:
        """What this worker alone may do is always taken: another one waits for it in a slot."""
        refused = "click" if requirements.is_bulk else "bulk"
        return bool(requirements.worker) or self.queues != refused


def find_shortest_lack(announcements: Iterable[Announcement], requirements: WorkerRequirements) -> list[str] | None:
    """Return what the worker that comes nearest lacks: empty where one can do it, None where there is no worker."""
    lacks = [announcement.list_missing(requirements) for announcement in announcements]
    return min(lacks, key=len) if lacks else None


def add_wishes(
    announcements: Iterable[Announcement], required: WorkerRequirements, wished: WorkerRequirements
) -> WorkerRequirements:
    """Return what is required, and of what is wished for what the best of the workers has that can do it; all of it
    where none can."""

    def add(has: Callable[[WorkerRequirements], bool]) -> WorkerRequirements:
        environments = [key for key in wished.environments if has(WorkerRequirements(environments=(key,)))]
        packages = [name for name in wished.packages if has(WorkerRequirements(packages=(name,)))]
        both = {
            "environments": tuple(sorted({*required.environments, *environments})),
            "packages": tuple(sorted({*required.packages, *packages})),
        }
        return required.model_copy(update=both)

    able = [each for each in announcements if not each.list_missing(required)]
    if not able:
        return add(lambda _: True)
    best = min(able, key=lambda each: len(each.list_missing(wished)))
    return add(lambda need: not best.list_missing(need))
