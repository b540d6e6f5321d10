"""What a job needs of a worker, what a worker has, and which queue the job waits in by that."""

import hashlib
from collections.abc import Callable, Iterable

from pydantic import BaseModel, ConfigDict

NAME_LENGTH = 40
ANYWHERE = "anywhere"  # the queue of what every worker can do


class WorkerRequirements(BaseModel):
    """What a worker must have for a job; jobs that need the same wait in the same queue.

    `environments` must be built there, or be such that it can build them; `packages` are those of formats, as pip calls
    them; `is_exclusive` says that the worker does nothing else meanwhile; `worker` is the name of the only one that may
    do it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")  # who does not know a need does not have it

    environments: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    is_exclusive: bool = False
    worker: str = ""

    @property
    def queue(self) -> str:
        """The name of the queue, of at most 40 characters: Procrastinate makes of it a channel of PostgreSQL, which
        takes no more. What it stands for lies in a table."""
        parts = [f"worker.{self.worker}"] if self.worker else []
        parts += [f"environment.{name}" for name in self.environments] + [f"package.{name}" for name in self.packages]
        name = "+".join(parts + (["alone"] if self.is_exclusive else [])) or ANYWHERE
        if len(name) <= NAME_LENGTH:
            return name
        return f"{name[: NAME_LENGTH - 13]}-{hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]}"


class Announcement(BaseModel):
    """What a worker says of itself when it starts; `memory` in bytes."""

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

    def list_missing(self, requirements: WorkerRequirements) -> list[str]:
        """Return what a worker of these facts lacks for a job, in words; empty where it can do it."""
        can_run = {*self.environments, *self.buildable_environments}
        missing = [f"the worker {requirements.worker}"] if requirements.worker not in ("", self.name) else []
        missing += [f"the environment {key}" for key in requirements.environments if key not in can_run]
        return missing + [f"the package {name}" for name in requirements.packages if name in self.missing_packages]


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
