"""The two sides of an upgrade: environments, the releases of Keras that they hold, and what a model is asked there."""

import re
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from core.arrays import Arrays
from core.compare import measure_spread
from core.environments import ENVIRONMENTS
from core.environments.base import Environment
from core.environments.build import BuiltEnvironment
from core.environments.judge import ElsewhereOutcome, judge_kit
from core.environments.own import HERE, own_environment
from core.environments.pool import WarmProcesses
from core.environments.replies import InputReply, KitReply
from core.error_translation import translate_engine_error
from core.errors import DoesNotLoad, InputError, PackageMissing
from core.registry import find_by_key
from core.runtimes.keras_releases import Release, parse_release
from core.runtimes.specs import InputSpec
from core.upgrade.model_files import ModelFiles
from core.worker.child_handle import CancelCheck

KERAS_PIN = re.compile(r"^keras==([\d.]+)")
TENSORFLOW_PIN = re.compile(r"^tensorflow(?:-cpu)?==([\d.]+)")
TELLING_SPREAD = 1e-6  # of the answers, as a share of the largest, below which they cannot tell models apart


def list_sides() -> list[Environment]:
    """Every environment, our own packages first."""
    return [own_environment(), *ENVIRONMENTS]


def get_side(key: str) -> Environment:
    """Return the environment of that key; "here" is what Roundtrip itself runs. Raises UnknownName."""
    return find_by_key(list_sides(), key, "environment")


def require_sides(source: str, target: str) -> tuple[Environment, Environment]:
    """Return both sides. Raises InputError where the first cannot tell what a model takes, or both are the same."""
    before, after = get_side(source), get_side(target)
    if before.key == after.key:
        raise InputError("An upgrade has two sides.", received=before.label, cure="Name two environments.")
    if not before.describes:
        able = ", ".join(side.key for side in list_sides() if side.describes)
        sentence = "This engine cannot tell what a model takes, so nothing can be expected of it."
        raise InputError(sentence, received=before.label, cure=f"Ask from one of these: {able}.")
    if not before.opens & after.opens:
        received = f"{before.label}, {after.label}"
        raise InputError("These two open no format in common.", received=received, cure="Choose another pair.")
    return before, after


def keras_release(side: Environment) -> Release | None:
    """Return the minor release of Keras that an environment holds; None where it holds none."""
    pins = [match[1] for line in side.requirements if (match := KERAS_PIN.match(line))]
    if pins:
        return parse_release(pins[0])
    numbers = [match[1] for line in side.requirements if (match := TENSORFLOW_PIN.match(line))]
    return parse_release(numbers[0]) if numbers and parse_release(numbers[0]) < (2, 16) else None


def release_line(*named: str) -> list[Environment]:
    """The environments of Keras under TensorFlow, in the order of its releases, one for each.

    Of several of one release it is one of the `named` keys, else ours.
    """
    by_release = {
        release: side
        for side in sorted(list_sides(), key=lambda side: (side.key in named, side.key == HERE))
        if side.opens >= {"keras", "saved_model"} and (release := keras_release(side))
    }
    return [by_release[release] for release in sorted(by_release)]


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
