"""Jobs over environments: build them, and ask copies of a run in them."""

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, NotRequired, TypedDict, cast

from core.arrays import Arrays
from core.context import AppContext
from core.environments import ENVIRONMENTS, get_environment
from core.environments.base import Environment
from core.environments.build import BuiltEnvironment, find_built, remove_environment
from core.environments.judge import ElsewhereOutcome, ask_and_judge
from core.environments.kits import Kit
from core.environments.machines import (
    build_asked,
    get_asked_environment,
    get_environment_or_own,
    get_machine,
    split_key,
)
from core.environments.own import HERE
from core.environments.pool import WarmProcesses
from core.errors import InputError, RoundtripError, StorageFailed
from core.exports.proof_kit import unpacked_kit
from core.formats import all_formats, get_format
from core.jobs.execution.driver import JobKind, Requirements
from core.jobs.execution.job_handle import JobHandle, attempt
from core.jobs.participants import require_has_been_run
from core.jobs.places.place import at_place
from core.jobs.places.worker_place import Errand, done_on_worker, require_worker
from core.library import Artifact, Library
from core.settings import Settings
from core.upgrade.causes import name_cause
from core.upgrade.model_files import read_config

MAX_KEPT_BYTES = 64 * 2**20  # of predictions, by one job


class BuildRequest(TypedDict):
    environments: list[str]


class BuildRow(TypedDict, total=False):
    """What became of one environment: built in so many seconds to so many bytes, or why not."""

    seconds: float
    bytes: int
    error: dict[str, str]


class BuildResult(TypedDict):
    environments: dict[str, BuildRow]


class ElsewhereRequest(BuildRequest):
    """`worker` is the only one that may do it, on its own machine, for a job that waits for what it answers."""

    run: str
    artifacts: list[str]
    worker: NotRequired[str]


class ElsewhereRow(TypedDict):
    """One copy: its verdict here, and by environment what is said of it there (see `ElsewhereOutcome`).

    An environment that does not take its format has no cell; `error` says why there is no kit to ask with.
    """

    format: str
    here: str
    cells: dict[str, dict[str, Any]]
    error: dict[str, str] | None


class ElsewhereResult(BuildResult):
    rows: dict[str, ElsewhereRow]  # by artifact


def build_build_request(environments: Iterable[str]) -> BuildRequest:
    """Raises InputError, UnknownName."""
    keys = [get_asked_environment(key).key for key in dict.fromkeys(environments)]
    if not keys:
        raise InputError("No environment was chosen.", cure="Choose at least one.")
    return {"environments": keys}


def require_may_change_environments(library: Library, environments: Iterable[str]) -> None:
    """Raise InputError where a person who signed in would build or remove environments, which everybody shares."""
    keys = list(environments)
    if keys and library.access.viewer_id is not None:
        raise InputError(
            "Environments take much of the server's disk, so a person who signed in neither builds nor removes them.",
            received=", ".join(get_asked_environment(key).label for key in keys),
            cure="Ask in those that are built. Whoever runs the server builds others: roundtrip environments build.",
        )


def require_workers(context: AppContext, environments: Iterable[str]) -> None:
    """Raise InputError where one of them is on a worker that is not there, or may not be built on it."""
    for key in environments:
        if get_machine(split_key(key)[1]).worker:
            require_worker(context, get_asked_environment(key))


def build_elsewhere_request(
    library: Library, run_id: str, artifacts: Iterable[str] | None, environments: Iterable[str]
) -> ElsewhereRequest:
    """Validate what `Jobs.ask_elsewhere` is given; all copies of the run where none are named.

    Raises InputError for a copy of another run and where no environment takes any of them, UnknownName.
    """
    require_has_been_run(library, [run_id])
    named = None if artifacts is None else [library.artifact(id_) for id_ in dict.fromkeys(artifacts)]
    copies = list_readable_copies(library, run_id) if named is None else named
    if others := [artifact.id for artifact in copies if artifact.run != run_id]:
        cure = "Choose copies of this run, or ask the others with their own run."
        raise InputError("This is a copy of another run.", received=", ".join(others[:5]), cure=cure)
    request = build_build_request(environments)
    taken = frozenset().union(*(get_asked_environment(key).takes for key in request["environments"]))
    asked = [artifact.id for artifact in copies if artifact.format in taken]
    if not asked:
        raise InputError(
            "None of these environments takes a format in which this run is saved.",
            received=name_formats(artifact.format for artifact in copies) or "no copy",
            cure=f"Save the run in one of these first: {name_formats(taken)}.",
        )
    return {"environments": request["environments"], "run": run_id, "artifacts": asked}


def list_readable_copies(library: Library, run_id: str) -> list[Artifact]:
    """Return the records of a run's copies; one that cannot be read hides no other. Raises UnknownName."""
    copies = []
    for id_ in library.artifacts_of(run_id):
        with contextlib.suppress(RoundtripError):
            library.evidence(id_)  # without which there is no verdict to stand beside others
            copies.append(library.artifact(id_))
    return copies


def name_formats(keys: Iterable[str]) -> str:
    """Return the labels of formats, which have commas, in their usual order."""
    wanted = set(keys)
    return "; ".join(format_.label for format_ in all_formats() if format_.key in wanted)


def run_build(handle: JobHandle) -> BuildResult:
    """Build environments, one after another; one that fails does not stop the others."""
    keys = cast(BuildRequest, handle.request)["environments"]
    return {"environments": {key: _describe(_build(handle, key, at, len(keys))) for at, key in enumerate(keys)}}


def _build(handle: JobHandle, key: str, at: int, count: int) -> BuiltEnvironment | RoundtripError:
    def report(share: float, note: str) -> None:
        handle.report_progress((at + share) / count, note, write_now=True)

    environment = get_environment_or_own(key)
    return attempt(lambda: build_asked(handle.config, environment, report, handle.is_cancelled))


def _describe(built: BuiltEnvironment | RoundtripError) -> BuildRow:
    if isinstance(built, RoundtripError):
        return {"error": built.to_json()}
    return {"seconds": built.seconds, "bytes": built.bytes}


def run_elsewhere(handle: JobHandle) -> ElsewhereResult:
    """Build what is not built, and ask every copy in every environment that takes it."""
    job = _ElsewhereJob(handle)
    with contextlib.ExitStack() as stack:
        job.unpack_kits(stack)
        for key in job.environments:
            environment = get_environment_or_own(key)
            if worker := get_machine(split_key(key)[1]).worker:
                job.ask_worker(environment, worker)
            else:
                job.ask_all(environment)
    job.save_predictions()
    return {"environments": job.environments, "rows": job.rows}


class _ElsewhereJob:
    def __init__(self, handle: JobHandle):
        self.handle, self.library, self.processes = handle, handle.library, handle.context.environment_processes
        request = cast(ElsewhereRequest, handle.request)
        self._run = request["run"]
        self.environments: dict[str, BuildRow] = {key: {} for key in request["environments"]}
        self.rows: dict[str, ElsewhereRow] = {id_: self._empty_row(id_) for id_ in request["artifacts"]}
        self._kits: dict[str, Kit] = {}
        self._done = 0
        self._kept: Arrays = {}
        self._kept_bytes = 0

    def _empty_row(self, id_: str) -> ElsewhereRow:
        artifact, best = self.library.artifact(id_), self.library.evidence(id_).best
        return {"format": artifact.format, "here": best.verdict.value, "cells": {}, "error": None}

    def unpack_kits(self, stack: contextlib.ExitStack) -> None:
        for id_, row in self.rows.items():
            kit = attempt(lambda id_=id_: stack.enter_context(unpacked_kit(self.library, id_)))  # type: ignore[misc]
            if isinstance(kit, RoundtripError):
                row["error"] = kit.to_json()
            else:
                self._kits[id_] = kit

    def ask_all(self, environment: Environment) -> None:
        """Ask every kit that an environment takes, in one process after it was built; where none is, it is not."""
        if taken := {id_: kit for id_, kit in self._kits.items() if kit.format in environment.takes}:
            built = _build(self.handle, environment.key, self._done, len(self.environments))
            self.environments[environment.key] = _describe(built)
            if isinstance(built, BuiltEnvironment):
                self._ask_kits(environment, built, taken)
        self._done += 1
        self._report(f"{environment.label}: done")

    def ask_worker(self, environment: Environment, worker: str) -> None:
        """Have a worker ask every copy that an environment takes there; where it cannot, the other places go on."""
        if taken := [id_ for id_, kit in self._kits.items() if kit.format in environment.takes]:
            self._report(f"{environment.label}: asked")
            asked = attempt(lambda: self._ask_there(environment, worker, taken))
            if isinstance(asked, RoundtripError):
                self.environments[environment.key] = {"error": asked.to_json()}
        self._done += 1
        self._report(f"{environment.label}: done")

    def _ask_there(self, environment: Environment, worker: str, artifacts: list[str]) -> None:
        """Take over what a worker found out, under the key of the environment on its machine."""
        key, _ = split_key(environment.key)
        request: ElsewhereRequest = {"environments": [key], "run": self._run, "artifacts": artifacts, "worker": worker}
        errand = Errand(worker, ON_WORKER, self.handle.job.title, dict(request), {})
        with done_on_worker(self.handle.context, errand, self.handle.is_cancelled) as job:
            self.environments[environment.key] = job.result["environments"][key]
            for id_, row in job.result["rows"].items():
                if cell := row["cells"].get(key):
                    self.rows[id_]["cells"][environment.key] = _rename_cell(cell, environment.key, worker)

    def _ask_kits(self, environment: Environment, built: BuiltEnvironment, taken: dict[str, Kit]) -> None:
        for at, (id_, kit) in enumerate(taken.items()):
            self._report(f"{environment.label}: {get_format(kit.format).label}", at / len(taken))
            answer = ask_and_judge(self.processes, environment, built, kit, self.handle.is_cancelled)
            is_kept = self._keep(at_place(id_, environment.key), answer.predictions)
            outcome = self._name_cause(environment, id_, answer.outcome)
            outcome = outcome.model_copy(update={"is_kept": is_kept})
            self.rows[id_]["cells"][environment.key] = outcome.model_dump(mode="json")

    def _name_cause(self, environment: Environment, id_: str, outcome: ElsewhereOutcome) -> ElsewhereOutcome:
        """Say which layer, argument and release a copy did not load for, where its config can be read."""
        if not outcome.error:
            return outcome
        config = attempt(lambda: read_config(self.rows[id_]["format"], self.library.verified_folder(id_)))
        return outcome if isinstance(config, RoundtripError) else name_cause(environment, outcome, config)

    def _keep(self, participant: str, predictions: Arrays) -> bool:
        """Keep what a copy predicted for the kits that will carry it, as long as that is not much; returns whether."""
        size = sum(array.nbytes for array in predictions.values())
        if not predictions or self._kept_bytes + size > MAX_KEPT_BYTES:
            return False
        self._kept_bytes += size
        self._kept |= {join_key(participant, name): array for name, array in predictions.items()}
        return True

    def save_predictions(self) -> None:
        """Store what was kept beside the job; where the disk does not take it, the verdicts stand all the same."""
        if not self._kept:
            return
        try:
            self.handle.context.job_store.save_arrays(self.handle.job.id, self._kept)
        except (OSError, StorageFailed):
            for row in self.rows.values():
                for cell in row["cells"].values():
                    cell["is_kept"] = False

    def _report(self, note: str, share: float = 0.0) -> None:
        progress = (self._done + share) / len(self.environments)
        detail = {"environments": self.environments, "cells": self.rows}
        self.handle.report_progress(progress, note, write_now=True, **detail)


def _rename_cell(cell: dict[str, Any], key: str, worker: str) -> dict[str, Any]:
    """Return what was found out on a worker as it stands among what was found out on others."""
    outcome = read_outcome(cell)
    machine = outcome.machine.model_copy(update={"worker": worker}) if outcome.machine else None
    return outcome.model_copy(update={"environment": key, "machine": machine}).model_dump(mode="json")


def _require_worker(request: Mapping[str, Any]) -> Requirements:
    environments = tuple(key for key in request["environments"] if key != HERE)
    return Requirements(environments=environments, worker=request["worker"])


ON_WORKER = JobKind("elsewhere", run_elsewhere, requirements=_require_worker)


class EnvironmentState(TypedDict):
    """One environment as it is on this machine; `bytes` 0 where it is not built."""

    environment: str
    label: str
    takes: list[str]
    megabytes: int
    bytes: int


def list_environments(config: Settings) -> list[EnvironmentState]:
    """Every environment, and whether it is built."""
    return [_environment_state(config, environment) for environment in ENVIRONMENTS]


def _environment_state(config: Settings, environment: Environment) -> EnvironmentState:
    built = find_built(config, environment)
    return {
        "environment": environment.key,
        "label": environment.label,
        "takes": sorted(environment.takes),
        "megabytes": environment.megabytes,
        "bytes": built.bytes if built else 0,
    }


def remove_environments(config: Settings, processes: WarmProcesses, keys: Iterable[str]) -> dict[str, int]:
    """Delete environments and end their processes; returns by key the bytes that were freed.

    Raises UnknownName, InputError while copies are asked in one, StorageFailed.
    """
    freed = {}
    for environment in [get_environment(key) for key in dict.fromkeys(keys)]:
        processes.close_environment(environment)
        freed[environment.key] = remove_environment(config, environment)
    return freed


def join_key(participant: str, output: str) -> str:
    """Return the name under which a job keeps an output of a copy in an environment."""
    return f"{participant}/{output}"


def read_outcome(cell: dict[str, Any]) -> ElsewhereOutcome:
    """A cell of a row, as it was recorded."""
    return ElsewhereOutcome.model_validate(cell)
