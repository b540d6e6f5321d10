"""Mutants of the config that Keras stores with a model, in each format that has one; rows of `tests.oracle.mutants`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tests.oracle.mutants import KERAS, choose, keras_members, kind, weights_file

COMPILED = (*KERAS, "h5")  # also the settings of training
CONFIGS = (*COMPILED, "architecture")


@contextmanager
def open_config(folder: Path) -> Iterator[dict[str, Any]]:
    """The config of a model, the settings of training as "compile_config"; what is changed is written back."""
    if (path := folder / "architecture.json").is_file():
        config = json.loads(path.read_text())
        yield config
        path.write_text(json.dumps(config))
    elif (folder / "model.h5").is_file():
        with weights_file(folder) as file:
            config, settings = (json.loads(file.attrs[name]) for name in ("model_config", "training_config"))
            yield {**config, "compile_config": settings}  # the same objects
            file.attrs["model_config"], file.attrs["training_config"] = json.dumps(config), json.dumps(settings)
    else:
        with keras_members(folder) as members:
            config = json.loads(members["config.json"])
            yield config
            members["config.json"] = json.dumps(config).encode()


def _change_layer(folder: Path, random: np.random.Generator, key: str, values: list[Any]) -> str:
    """Give one layer that has this setting another value of it."""
    with open_config(folder) as config:
        layers = [layer for layer in config["config"]["layers"] if layer["config"].get(key) is not None]
        if not layers:
            return ""
        settings = choose(layers, random)["config"]
        settings[key] = choose([value for value in values if value != settings[key]], random)
        return f"{key} of {settings['name']} is {settings[key]}"


@kind(*CONFIGS, seen_in=("architecture",))
def activation(folder: Path, random: np.random.Generator) -> str:
    return _change_layer(folder, random, "activation", ["relu", "tanh", "sigmoid", "softsign", "elu"])


@kind(*CONFIGS, seen_in=("architecture",))
def epsilon(folder: Path, random: np.random.Generator) -> str:
    return _change_layer(folder, random, "epsilon", [1e-2, 1e-4, 0.1])


@kind(*CONFIGS, seen_in=("architecture", "code"))
def axis(folder: Path, random: np.random.Generator) -> str:
    return _change_layer(folder, random, "axis", [1, [1], [1, 2]])


@kind(*CONFIGS, seen_in=("architecture", "code"))
def padding(folder: Path, random: np.random.Generator) -> str:
    return _change_layer(folder, random, "padding", ["causal", "valid"])


@kind(*CONFIGS, seen_in=("policy", "architecture"))
def dtype(folder: Path, random: np.random.Generator) -> str:
    with open_config(folder) as config:
        layers = [layer for layer in config["config"]["layers"] if isinstance(layer["config"].get("dtype"), dict)]
        settings = choose(layers, random)["config"]
        settings["dtype"]["config"]["name"] = choose(["mixed_bfloat16", "mixed_float16", "float64"], random)
        return f"dtype of {settings['name']} is {settings['dtype']['config']['name']}"


def _change_compile(folder: Path, part: str, key: str, value: Any) -> str:
    with open_config(folder) as config:
        settings = _find_settings(config, part)
        settings[key] = value
        return f"{key} of the {part} is {value}"


def _find_settings(config: dict[str, Any], part: str) -> dict[str, Any]:
    """The settings of the first loss, or of the optimizer, however a format nests them."""
    settings = config["compile_config"].get(part) or config["compile_config"][f"{part}_config"]
    while "config" not in settings:
        settings = next(iter(settings.values())) if isinstance(settings, dict) else settings[0]
    return settings["config"]


@kind(*COMPILED, seen_in=("compile",))
def delta(folder: Path, random: np.random.Generator) -> str:
    return _change_compile(folder, "loss", "delta", float(random.uniform(2, 4)))


@kind(*COMPILED, seen_in=("compile", "optimizer"))
def beta(folder: Path, random: np.random.Generator) -> str:
    return _change_compile(folder, "optimizer", "beta_1", float(random.uniform(0.1, 0.8)))


@kind("h5", seen_in=("compile", "optimizer"))
def learning_rate(folder: Path, random: np.random.Generator) -> str:
    return _change_compile(folder, "optimizer", "learning_rate", float(random.uniform(0.1, 0.8)))


@kind(*CONFIGS, seen_in=("architecture", "signatures", "answers"))
def swapped_outputs(folder: Path, random: np.random.Generator) -> str:
    return _swap_ends(folder, "output_layers")


@kind(*CONFIGS, seen_in=("architecture", "signatures", "answers"))
def swapped_inputs(folder: Path, random: np.random.Generator) -> str:
    return _swap_ends(folder, "input_layers")


def _swap_ends(folder: Path, key: str) -> str:
    with open_config(folder) as config:
        ends = config["config"].get(key)
        if not ends or not isinstance(ends[0], list):
            return ""
        config["config"][key] = ends[::-1]
        return f"{key} in the other order"
