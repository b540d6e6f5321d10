"""The settings of a Keras model by value and behaviour, and which of them came back changed."""

import inspect
import math
from collections.abc import Iterator, Mapping
from typing import Any, Self

from pydantic import BaseModel, Field, ValidationError

from core.arrays import to_jsonable
from core.runtimes.base import Model
from core.runtimes.compile_settings import compile_parts, iterate_functions, measure_behaviour
from core.runtimes.config_arguments import (
    Argument,
    class_name,
    flatten_value,
    parameter_names,
    read_arguments,
    read_config,
    read_layer_arguments,
)

Layers = dict[str, dict[str, Any]]  # by layer its class and arguments, as paths
# Whether a model is compiled by XLA depends on the machine.
MACHINE_SETTINGS = frozenset({"jit_compile"})
WRAPPED_DEFAULTS = {"reduction": "sum_over_batch_size", "dtype": "float32"}  # of what Keras wraps around a function


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


def read_compile_arguments(model: Model) -> Iterator[Argument]:
    """Every setting of `compile` by value: "loss.delta", "optimizer.learning_rate"; nothing where it was not called."""
    for name, part in compile_parts(model).items():
        if name in ("loss", "metrics", "weighted_metrics"):
            for path, item in iterate_functions(part, name):
                yield from _read_function_arguments(item, path)
        elif part is not None and name not in MACHINE_SETTINGS:
            yield from flatten_value(part, name)


def _read_function_arguments(part: Any, path: str) -> Iterator[Argument]:
    """The arguments of a loss or metric; what wraps a function is that function with these arguments."""
    function = getattr(part, "fn", None) or getattr(part, "_fn", None) or (part if inspect.isfunction(part) else None)
    if function is None:
        yield Argument(path, part if isinstance(part, str) else type(part).__name__)
        yield from (() if isinstance(part, str) else read_arguments(part, path))
        return
    yield Argument(path, getattr(function, "__name__", type(function).__name__))
    config, given = read_config(part), getattr(part, "_fn_kwargs", {})
    values = _default_arguments(function) | given
    values |= {name: getattr(part, name, default) for name, default in WRAPPED_DEFAULTS.items()}
    for name, value in values.items():
        omitted_by = class_name(part) if name in given and name not in config else ""
        yield from flatten_value(value, f"{path}.{name}", omitted_by)


def _default_arguments(function: Any) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters if parameter_names(function) else {}
    return {name: each.default for name, each in parameters.items() if each.default is not inspect.Parameter.empty}


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
