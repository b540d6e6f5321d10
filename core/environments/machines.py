"""Kinds of processor on which a copy is asked: this machine as it is, or with fewer instruction sets.

A limit is an environment variable that an engine reads before it chooses its kernels. Listed are those that were seen
to change bits of a prediction, each with the packages for which it does: see `docs/sweep.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from core.environments import get_environment
from core.environments.base import ONNX_FORMATS, Environment
from core.environments.build import BuiltEnvironment, find_built
from core.environments.own import HERE, find_own, own_environment
from core.registry import find_by_key
from core.settings import Settings

THIS_MACHINE = "here"
SEPARATOR = "@"  # between the keys of an environment and of a machine
TENSORFLOW = frozenset({"tensorflow", "tensorflow-cpu"})
OPENVINO = frozenset({"openvino"})


@dataclass(frozen=True)
class Machine:
    """One kind of processor.

    Attributes:
        packages: Those whose kernels it limits; empty for this machine, which limits none.
        variables: What is put into the environment of the process that is asked.
    """

    key: str
    label: str
    packages: frozenset[str] = frozenset()
    variables: Mapping[str, str] = field(default_factory=dict)

    def limits(self, environment: Environment, format_key: str) -> bool:
        """Whether it can change what a copy of this format answers in an environment."""
        if environment.script == "own_files" and format_key in ONNX_FORMATS:
            return False  # of the packages of this installation, ONNX Runtime answers these
        return bool(self.packages & environment.pins.keys())


MACHINES = (
    Machine(THIS_MACHINE, "This machine"),
    Machine("avx2", "This machine, up to AVX2", TENSORFLOW | OPENVINO, {"ONEDNN_MAX_CPU_ISA": "AVX2"}),
    Machine("sse41", "This machine, up to SSE4.1", TENSORFLOW | OPENVINO, {"ONEDNN_MAX_CPU_ISA": "SSE41"}),
    Machine("no-onednn", "This machine, without oneDNN", TENSORFLOW, {"TF_ENABLE_ONEDNN_OPTS": "0"}),
)


def get_machine(key: str) -> Machine:
    """Return the machine of that key. Raises UnknownName with the keys that exist."""
    return find_by_key(MACHINES, key, "machine")


def join_keys(environment: str, machine: str) -> str:
    """Return the key of an environment on a machine."""
    return environment if machine == THIS_MACHINE else f"{environment}{SEPARATOR}{machine}"


def split_key(key: str) -> tuple[str, str]:
    """Return the keys of an environment and of the machine on which it is asked."""
    environment, _, machine = key.partition(SEPARATOR)
    return environment, machine or THIS_MACHINE


def limit_environment(environment: Environment, machine: Machine) -> Environment:
    """Return an environment as it is on a machine: the same packages, in a process that sees its variables."""
    return replace(
        environment,
        key=join_keys(environment.key, machine.key),
        label=f"{environment.label}, {machine.label[:1].lower()}{machine.label[1:]}",
        lock=environment.lock or environment.key,
        variables={**environment.variables, **machine.variables},
    )


def get_asked_environment(key: str) -> Environment:
    """Return the environment of a key, or of the keys of an environment and a machine ("openvino@sse41").

    What Roundtrip itself runs ("here") is one only on another machine: here it has answered before. Raises UnknownName.
    """
    name, machine = split_key(key)
    if machine == THIS_MACHINE:
        return get_environment(name)
    return limit_environment(own_environment() if name == HERE else get_environment(name), get_machine(machine))


def find_asked(config: Settings, environment: Environment) -> BuiltEnvironment | None:
    """Return such an environment as it lies on the disk; None where it is not built."""
    is_own = split_key(environment.key)[0] == HERE
    return find_own(config) if is_own else find_built(config, environment)
