"""Machines on which a copy is asked: this one as it is, or with fewer instruction sets, or a worker of the team.

A limit is an environment variable that an engine reads before it chooses its kernels. Listed are those that were seen
to change bits of a prediction, each with the packages for which it does: see `docs/sweep.md`. Results record the
machine that computed them.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import psutil
from pydantic import BaseModel, Field

from core.environments import ENVIRONMENTS, get_environment
from core.environments.base import ONNX_FORMATS, Environment
from core.environments.build import BuiltEnvironment, build_environment, find_built
from core.environments.own import HERE, find_own, own_environment
from core.errors import InputError, UnknownName
from core.registry import find_by_key
from core.settings import Settings
from core.system import INSTRUCTION_LIMITS, describe_machine, list_instruction_sets
from core.text.labels import pluralize

THIS_MACHINE = "here"
WORKER = "worker:"  # before the name of a worker, in the key of a machine
WORKER_NAME = re.compile(r"[\w.\- ]{1,60}")
SEPARATOR = "@"  # between the keys of an environment and of a machine
TENSORFLOW = frozenset({"tensorflow", "tensorflow-cpu"})
OPENVINO = frozenset({"openvino"})


@dataclass(frozen=True)
class Machine:
    """One kind of processor, or a worker of the team.

    Attributes:
        packages: Those whose kernels it limits; empty for this machine, which limits none, and for workers.
        variables: What is put into the environment of the process that is asked.
    """

    key: str
    label: str
    packages: frozenset[str] = frozenset()
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def worker(self) -> str:
        """The name of the worker that it is; empty for this machine."""
        return self.key.removeprefix(WORKER) if self.key.startswith(WORKER) else ""

    def limits(self, environment: Environment, format_key: str) -> bool:
        """Whether it can change what a copy of this format answers in an environment."""
        if self.worker:
            return True
        if environment.script == "own_files" and format_key in ONNX_FORMATS:
            return False  # of the packages of this installation, ONNX Runtime answers these
        return bool(self.packages & environment.pins.keys())


MACHINES = (
    Machine(THIS_MACHINE, "This machine"),
    Machine("avx2", "This machine up to AVX2", TENSORFLOW | OPENVINO, {"ONEDNN_MAX_CPU_ISA": "AVX2"}),
    Machine("sse41", "This machine up to SSE4.1", TENSORFLOW | OPENVINO, {"ONEDNN_MAX_CPU_ISA": "SSE41"}),
    Machine("no-onednn", "This machine without oneDNN", TENSORFLOW, {"TF_ENABLE_ONEDNN_OPTS": "0"}),
)


def get_machine(key: str) -> Machine:
    """Return the machine of that key; whether there is such a worker is not known here.

    Raises UnknownName with the keys that exist, InputError for what cannot be a worker's name.
    """
    if key.startswith(WORKER):
        return _make_worker(key.removeprefix(WORKER))
    return find_by_key(MACHINES, key, "machine")


def _make_worker(name: str) -> Machine:
    if not WORKER_NAME.fullmatch(name):
        cure = "Name one as `roundtrip workers` lists it: worker:NAME."
        raise InputError("This cannot be the name of a worker.", received=name[:80], cure=cure)
    return Machine(WORKER + name, f"On {name}")


def list_limiting(environment: Environment, format_key: str) -> list[Machine]:
    """Return the kinds of machine that can change what a copy of a format answers in an environment."""
    return [machine for machine in MACHINES if machine.limits(environment, format_key)]


def join_keys(environment: str, machine: str) -> str:
    """Return the key of an environment on a machine."""
    return environment if machine == THIS_MACHINE else f"{environment}{SEPARATOR}{machine}"


def split_key(key: str) -> tuple[str, str]:
    """Return the keys of an environment and of the machine on which it is asked; a machine alone is one on which
    Roundtrip itself is asked."""
    if key.startswith(WORKER) or any(key == machine.key for machine in MACHINES):
        return HERE, key
    environment, _, machine = key.partition(SEPARATOR)
    return environment, machine or THIS_MACHINE


def limit_environment(environment: Environment, machine: Machine) -> Environment:
    """Return an environment as it is on a machine: the same packages, in a process that sees its variables."""
    return replace(
        environment,
        key=join_keys(environment.key, machine.key),
        label=f"{_name_there(environment, machine)}, {machine.label[:1].lower()}{machine.label[1:]}",
        lock=environment.lock or environment.key,
        variables={**environment.variables, **machine.variables},
    )


def _name_there(environment: Environment, machine: Machine) -> str:
    """Another machine may have other packages than those of which the label speaks."""
    return "Roundtrip" if machine.worker and environment.key == HERE else environment.label


def get_asked_environment(key: str) -> Environment:
    """Return the environment of a key, or of the keys of an environment and a machine ("openvino@sse41").

    What Roundtrip itself runs ("here") is one only on another machine: here it has answered before. Raises UnknownName.
    """
    name, machine = split_key(key)
    if machine == THIS_MACHINE:
        return get_environment(name)
    return limit_environment(own_environment() if name == HERE else get_environment(name), get_machine(machine))


def get_environment_or_own(key: str) -> Environment:
    """Return what `get_asked_environment` does, and for "here" what Roundtrip itself runs. Raises UnknownName."""
    return own_environment() if key == HERE else get_asked_environment(key)


def label_asked(key: str) -> str:
    """Name an environment on a machine; by its key one that a later version does not have any more."""
    try:
        return get_environment_or_own(key).label
    except (UnknownName, InputError):
        return key


def label_machine(key: str) -> str:
    """Name a machine; by its key one that a later version does not have any more."""
    try:
        return get_machine(key).label
    except (UnknownName, InputError):
        return key


def sort_asked(keys: Iterable[str]) -> list[str]:
    """Return the keys of those that there are, in the registry's order and that of their machines."""
    places = {each.key: at for at, each in enumerate([own_environment(), *ENVIRONMENTS])}
    kinds = {machine.key: at for at, machine in enumerate(MACHINES)}
    known = [key for key in keys if split_key(key)[0] in places and label_asked(key) != key]
    return sorted(known, key=lambda key: (places[split_key(key)[0]], kinds.get(split_key(key)[1], len(kinds)), key))


def build_asked(
    config: Settings, environment: Environment, report: Callable[[float, str], None], is_cancelled: Callable[[], bool]
) -> BuiltEnvironment:
    """Build such an environment where it is not. Raises as `build_environment`."""
    return find_asked(config, environment) or build_environment(config, environment, report, is_cancelled)


def find_asked(config: Settings, environment: Environment) -> BuiltEnvironment | None:
    """Return such an environment as it lies on the disk; None where it is not built."""
    is_own = split_key(environment.key)[0] == HERE
    return find_own(config) if is_own else find_built(config, environment)


class AnsweringMachine(BaseModel):
    """One machine.

    `instruction_sets` are those of its processor that decide which kernels an engine takes, `limits` the variables that
    forbid some of them, `threads` how many could compute at a time, `worker` its name in a team.
    """

    system: str
    processor: str
    instruction_sets: list[str] = Field(default_factory=list)
    limits: dict[str, str] = Field(default_factory=dict)
    threads: int = 1
    worker: str = ""

    @property
    def words(self) -> str:
        """What it is, in a phrase."""
        limits = ", ".join(f"{name}={value}" for name, value in self.limits.items())
        parts = [self.processor, self.system, ", ".join(self.instruction_sets), pluralize(self.threads, "thread")]
        parts += [f"limited by {limits}"] if limits else []
        return "; ".join(part for part in parts if part)


def list_limits(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that limit engines here, or for a process that is given others."""
    named = {name: os.environ[name] for name in INSTRUCTION_LIMITS if name in os.environ}
    return named | {name: value for name, value in (variables or {}).items() if name in INSTRUCTION_LIMITS}


def describe_answering_machine(variables: Mapping[str, str], is_single_thread: bool = False) -> AnsweringMachine:
    """Return this machine, as a process computes on it that is given these variables."""
    facts = describe_machine()
    return AnsweringMachine(
        system=facts["system"],
        processor=facts["processor"],
        instruction_sets=list(list_instruction_sets()),
        limits=list_limits(variables),
        threads=1 if is_single_thread else _count_usable_processors(),
    )


def _count_usable_processors() -> int:
    process = psutil.Process()
    return len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else psutil.cpu_count() or 1
