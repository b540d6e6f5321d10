"""The settings of a Keras model by value and behaviour: of `compile`, and of its layers."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Self

from pydantic import BaseModel, Field, ValidationError

from core.arrays import to_jsonable
from core.runtimes.base import Model
from core.runtimes.compile_behaviour import measure_behaviour
from core.runtimes.compile_settings import compile_parts, iterate_functions
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
