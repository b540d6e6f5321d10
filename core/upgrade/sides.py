"""The two sides of an upgrade: environments, our own packages among them, and the releases of Keras that they hold."""

import re

from core.environments import ENVIRONMENTS
from core.environments.base import Environment
from core.environments.build import BuiltEnvironment, find_built
from core.environments.own import HERE, find_own, own_environment
from core.errors import InputError
from core.registry import find_by_key
from core.runtimes.keras_releases import Release, parse_release
from core.settings import Settings

KERAS_PIN = re.compile(r"^keras==([\d.]+)")
TENSORFLOW_PIN = re.compile(r"^tensorflow(?:-cpu)?==([\d.]+)")


def list_sides() -> list[Environment]:
    """Every environment, our own packages first."""
    return [own_environment(), *ENVIRONMENTS]


def get_side(key: str) -> Environment:
    """Return the environment of that key; "here" is what Roundtrip itself runs. Raises UnknownName."""
    return find_by_key(list_sides(), key, "environment")


def find_side(config: Settings, side: Environment) -> BuiltEnvironment | None:
    """Return an environment as it lies on the disk; None where it is not built."""
    return find_own(config) if side.key == HERE else find_built(config, side)


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
