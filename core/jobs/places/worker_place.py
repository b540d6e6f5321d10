"""A worker of the team as a place: it predicts in an environment on its own machine, and its answers come back."""

import contextlib
import hashlib
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.arrays import Arrays
from core.context import AppContext
from core.environments.base import Environment
from core.environments.machines import get_machine, split_key
from core.jobs.places.answers import ANSWERS, ROWS, AnswersRequest, read_chunks, write_chunk
from core.jobs.places.place import EnvironmentNames, PlacedLoad, PlaceFacts, require_placeable
from core.settings import Settings
from core.worker.child_handle import CancelCheck


@dataclass(frozen=True)
class WorkerPlace(EnvironmentNames):
    """See `core.jobs.places.place.Place`. The environment is one on a worker (see `core.environments.machines`)."""

    @property
    def environments(self) -> tuple[str, ...]:
        """None where the comparison is done: the worker has it, or builds it."""
        return ()

    def identify(self, context: AppContext) -> str:
        """Another one once the worker has other packages, or is another machine. Raises as `require_worker`."""
        from core.jobs.places.worker_jobs import require_worker  # which an installation on one machine need not import

        facts = require_worker(context, self.environment)
        identity = facts.model_dump_json(include={"version", "python", "system", "processor", "packages", "limits"})
        own = f"{self.environment.folder_name} {facts.name} {hashlib.sha256(identity.encode()).hexdigest()[:12]}"
        return f"{own} {','.join(facts.instruction_sets)}"

    def takes(self, format_key: str) -> bool:
        return format_key in self.environment.takes

    def size_to_build(self, config: Settings) -> int:
        return 0

    @contextlib.contextmanager
    def open(
        self, context: AppContext, artifact_id: str, report: Callable[[float, str], None], is_cancelled: CancelCheck
    ) -> Iterator["WorkerCopy"]:
        """Raises InputError for a model of which other places do not know how its rows are asked."""
        require_placeable(context.library.run(context.library.artifact(artifact_id).run))
        report(0.0, f"{self.label}: asked")
        yield WorkerCopy(context, self.environment, artifact_id)


def find_worker(context: AppContext, environment: Environment) -> str:
    """Return what identifies the worker on which an environment is asked; empty for this machine.

    Raises InputError where it is not there.
    """
    is_here = not get_machine(split_key(environment.key)[1]).worker
    return "" if is_here else WorkerPlace(environment).identify(context)


class WorkerCopy:
    """A copy on a worker. See `core.jobs.places.place.PlacedCopy`."""

    def __init__(self, context: AppContext, environment: Environment, artifact_id: str):
        self._context, self._environment, self._artifact_id = context, environment, artifact_id
        self.load = PlacedLoad(PlaceFacts(key=environment.key, label=environment.label))

    def predict_chunks(self, inputs: Iterable[Arrays], batch: int, is_cancelled: CancelCheck) -> Generator[Arrays]:
        """See `PlacedCopy`. Raises as `done_on_worker`."""
        from core.jobs.places.worker_jobs import Errand, done_on_worker

        key, machine = split_key(self._environment.key)
        worker = get_machine(machine).worker
        request: AnswersRequest = {
            "artifact": self._artifact_id,
            "environment": key,
            "batch": batch,
            "worker": worker,
        }
        with tempfile.TemporaryDirectory() as folder:
            rows = Path(folder) / ROWS
            for at, chunk in enumerate(inputs):
                write_chunk(rows, at, chunk)
            errand = Errand(worker, ANSWERS, f"Answers of {self._artifact_id}", dict(request), {ROWS: rows})
            with done_on_worker(self._context, errand, is_cancelled) as job:
                self._note(job.result, worker)
                yield from read_chunks(self._context.job_store.folder(job.id) / ROWS)

    def _note(self, result: dict[str, object], worker: str) -> None:
        place = PlaceFacts.model_validate(result["place"])
        machine = place.machine.model_copy(update={"worker": worker}) if place.machine else None
        names = {"key": self._environment.key, "label": self._environment.label, "machine": machine}
        self.load.place = place.model_copy(update=names)
        seconds = result["load_seconds"]
        self.load.load_seconds = float(seconds) if isinstance(seconds, int | float) else None
        self.load.loaded_warm = bool(result["loaded_warm"])
