"""The settings of a Keras model by value and behaviour, and which of them came back changed."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Self

from pydantic import BaseModel, Field, ValidationError

from core.arrays import to_jsonable
from core.runtimes.base import Model
from core.runtimes.compile_settings import measure_behaviour, read_compile_arguments
from core.runtimes.config_arguments import (
    Argument,
    read_layer_arguments,
)

Layers = dict[str, dict[str, Any]]  # by layer its class and arguments, as paths


class ModelSettings(BaseModel):
    """Arguments by where they stand ("loss.delta"), those of layers by layer ("dense.units"), the numbers that losses,
    metrics and the optimizer give, and by argument the class whose config leaves it out."""

    compile: dict[str, Any] = Field(default_factory=dict)
    layers: Layers = Field(default_factory=dict)
    behaviour: dict[str, list[float | str]] = Field(default_factory=dict)
    omitted: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def read(cls, traits: Mapping[str, Any]) -> Self | None:
        """Those among the traits of a model; None where they were not recorded, or not by us."""
        try:
            return cls.model_validate(traits["settings"])
        except (KeyError, ValidationError):
            return None


def collect_settings(model: Model) -> ModelSettings:
    """Read and measure the settings of a Keras model."""
    of_compile, of_layers = list(read_compile_arguments(model)), dict(read_layer_arguments(model))
    everything = [*of_compile, *(each for arguments in of_layers.values() for each in arguments)]
    return ModelSettings(
        compile=_by_path(of_compile),
        layers={name: _by_path(arguments) for name, arguments in of_layers.items()},
        behaviour=to_jsonable(measure_behaviour(model)),
        omitted={each.path: each.omitted_by for each in everything if each.omitted_by},
    )


def _by_path(arguments: list[Argument]) -> dict[str, Any]:
    return {argument.path: to_jsonable(argument.value) for argument in arguments}


MAX_CHANGES = 50  # that are recorded of one copy
RELATIVE_TOLERANCE = 1e-5  # of the numbers that a loss or an optimizer gives


class SettingChange(BaseModel):
    """A setting that came back with another value: `part` is "compile", "layers" or "behaviour"; None stands for
    nothing; `omitted_by` is the class whose config leaves it out."""

    part: str
    path: str
    original: Any = None
    reloaded: Any = None
    omitted_by: str = ""


def compare_settings(original: ModelSettings, reloaded: ModelSettings) -> list[SettingChange]:
    """The settings that differ, at most `MAX_CHANGES`; of a copy that holds no compile settings those of its layers."""
    changes = list(_compare_layers(original.layers, reloaded.layers))
    if original.compile and reloaded.compile:
        changes += _compare_values("compile", original.compile, reloaded.compile)
        both = original.behaviour.keys() & reloaded.behaviour.keys()  # what could be tried on both sides
        changes += _compare_values(
            "behaviour", *({path: side.behaviour[path] for path in both} for side in (original, reloaded))
        )
    for change in changes:
        change.omitted_by = original.omitted.get(change.path, "") if change.part != "behaviour" else ""
    return changes[:MAX_CHANGES]


def _compare_layers(original: Layers, reloaded: Layers) -> Iterator[SettingChange]:
    """The arguments of the layers on both sides; of the others that they are not on both."""
    for name in dict.fromkeys([*original, *reloaded]):
        before, now = original.get(name, {}), reloaded.get(name, {})
        if before and now:
            yield from _compare_values("layers", before, now)
        else:
            yield SettingChange(part="layers", path=name, original=before.get(name), reloaded=now.get(name))


def _compare_values(part: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[SettingChange]:
    """The values that differ; where a class is another one, its arguments are left out."""
    replaced: tuple[str, ...] = ()
    for path in dict.fromkeys([*before, *now]):
        if not _is_same(before.get(path), now.get(path)) and not path.startswith(replaced):
            replaced += (f"{path}.",)
            yield SettingChange(part=part, path=path, original=before.get(path), reloaded=now.get(path))


def _is_same(before: Any, now: Any) -> bool:
    """Whether two values are the same; numbers that were computed, to rounding."""
    if isinstance(before, list) and isinstance(now, list):
        return len(before) == len(now) and all(map(_is_same, before, now))
    if isinstance(before, float) and isinstance(now, float):
        return math.isclose(before, now, rel_tol=RELATIVE_TOLERANCE)
    return bool(before == now) and isinstance(before, bool) == isinstance(now, bool)
