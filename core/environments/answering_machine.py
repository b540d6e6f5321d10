"""What computed the answers of a copy: a machine, as results record it."""

import os
from collections.abc import Mapping

import psutil
from pydantic import BaseModel, Field

from core.system import INSTRUCTION_LIMITS, describe_machine, list_instruction_sets
from core.text.labels import pluralize


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
