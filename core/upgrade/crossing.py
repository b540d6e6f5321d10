"""One upgrade under way: both environments, and the questions that a model is asked in them."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from core.arrays import Arrays
from core.compare import measure_spread
from core.environments.base import Environment
from core.environments.build import BuiltEnvironment
from core.environments.judge import ElsewhereOutcome, judge_kit
from core.environments.pool import WarmProcesses
from core.environments.replies import InputReply, KitReply
from core.error_translation import translate_engine_error
from core.errors import DoesNotLoad, InputError, PackageMissing
from core.runtimes.specs import InputSpec
from core.upgrade.model_files import ModelFiles
from core.worker.child_handle import CancelCheck

TELLING_SPREAD = 1e-6  # of the answers, as a share of the largest, below which they cannot tell models apart


class Expectation(NamedTuple):
    """What a model answers before the upgrade: its inputs, its answers, and the versions that gave them."""

    model: ModelFiles
    inputs: Arrays
    predictions: Arrays
    versions: dict[str, str]
    note: str = ""

    @property
    def rows(self) -> int:
        return len(next(iter(self.inputs.values())))

    @property
    def warning(self) -> str:
        """That these answers cannot tell a good model from another; empty where they can."""
        if self.rows > 1 and measure_spread(self.predictions).share <= TELLING_SPREAD:
            return f"All {self.rows:,} rows are answered alike, so these inputs cannot tell."
        return ""


@dataclass(frozen=True)
class Crossing:
    """Both sides of an upgrade, built, and the warm processes in which models are asked.

    The near side is asked by one thread at a time: a second process of it would import everything anew.
    """

    processes: WarmProcesses
    source: Environment
    source_built: BuiltEnvironment
    target: Environment
    target_built: BuiltEnvironment
    is_cancelled: CancelCheck
    _near_side: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def prepare(self) -> None:
        """Have both sides import their packages at the same time. Raises NotBuilt."""
        self.processes.prepare(self.source, self.source_built)
        self.processes.prepare(self.target, self.target_built)

    def describe(self, model: ModelFiles) -> list[InputSpec]:
        """Return what a model takes before the upgrade; empty where it does not say so. Raises as `ask_before`."""
        return [_to_spec(reply) for reply in self.ask_before(model, None, asks="describe").inputs]

    def predict_before(self, model: ModelFiles, inputs: Arrays) -> KitReply:
        """Return what a model answers before the upgrade, loaded anew: one may keep what it was asked before.

        Raises as `ask_before`.
        """
        return self.ask_before(model, inputs, reloads=True)

    def ask_before(
        self,
        model: ModelFiles,
        inputs: Arrays | None,
        asks: str = "predict",
        converted_to: Path | None = None,
        reloads: bool = False,
    ) -> KitReply:
        """Ask a model before the upgrade.

        Raises DoesNotLoad where its engine refuses, InputError for answers that cannot be read, and what
        `WarmProcesses.ask` raises.
        """
        kit = model.kit(rows=inputs, asks=asks, converted_to=converted_to, reloads=reloads)
        with self._near_side:
            reply = self.processes.ask(self.source, self.source_built, kit, self.is_cancelled)
        if reply.error:
            kind = PackageMissing if reply.error.error == "ModuleNotFoundError" else DoesNotLoad
            raise translate_engine_error(reply.error.error, reply.error.text, kind)
        return reply

    def judge(self, model: ModelFiles, inputs: Arrays, expected: Arrays) -> ElsewhereOutcome:
        """Ask a model after the upgrade, and compare. Raises Cancelled."""
        kit = model.kit(inputs, expected)
        return judge_kit(self.processes, self.target, self.target_built, kit, self.is_cancelled)


def _to_spec(reply: InputReply) -> InputSpec:
    if not reply.dtype.isidentifier():
        cure = "Save it again where it was made, with inputs of a dtype that NumPy has."
        raise InputError("It names a kind of value that there is not.", received=reply.dtype, cure=cure)
    return {"name": reply.name, "dtype": reply.dtype, "shape": reply.shape}
