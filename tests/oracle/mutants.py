"""Copies that were changed in one place, and sound copies written in another way; plain libraries alone.

A mutant kind is a function of a folder, which it changes, and a random generator; it says what it changed, or gives ""
where this copy has no such place. `Kind.seen_in` names the columns of the matrix of which one must tell.
"""

import copy
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Change = Callable[[Path, np.random.Generator], str]
VALUES = ("weights", "answers")


class Kind(NamedTuple):
    """One way to change a copy of a format."""

    format: str
    name: str
    change: Change
    seen_in: tuple[str, ...] = VALUES


KINDS: list[Kind] = []


def kind(*formats: str, seen_in: tuple[str, ...] = VALUES) -> Callable[[Change], Change]:
    """Make the decorated function a kind of mutant of these formats."""

    def register(change: Change) -> Change:
        KINDS.extend(Kind(each, change.__name__, change, seen_in) for each in formats)
        return change

    return register


def change_number(values: np.ndarray, how: str, random: np.random.Generator) -> np.ndarray:
    """The same numbers but one: the next one up ("ulp"), 1 % more ("percent") or NaN ("nan")."""
    changed = np.array(values)
    at = np.unravel_index(int(random.integers(values.size)), values.shape)
    changed[at] = {
        "ulp": np.nextafter(values[at], np.array(np.inf, values.dtype)),
        "percent": values[at] * 1.01 if values[at] else 0.01,
        "nan": np.nan,
    }[how]
    return changed


# The archive of Keras: config.json, model.weights.h5 and what layers store beside them.


@contextmanager
def keras_members(folder: Path, compression: int = zipfile.ZIP_STORED, reverse: bool = False) -> Iterator[dict]:
    """The members of model.keras by name; what is changed is written back."""
    path = folder / "model.keras"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    yield members
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name in sorted(members, reverse=True) if reverse else members:
            archive.writestr(name, members[name])


@contextmanager
def keras_config(folder: Path) -> Iterator[dict[str, Any]]:
    with keras_members(folder) as members:
        config = json.loads(members["config.json"])
        yield config
        members["config.json"] = json.dumps(config).encode()


@contextmanager
def weights_file(folder: Path) -> Iterator[Any]:
    """The HDF5 file of weights of a `.keras`, `.weights.h5` or `.h5`, open to be changed."""
    import h5py

    if not (folder / "model.keras").is_file():
        with h5py.File(next(folder.glob("*.h5")), "r+") as file:
            yield file
        return
    with keras_members(folder) as members:
        stream = io.BytesIO(members["model.weights.h5"])
        with h5py.File(stream, "r+") as file:
            yield file
        members["model.weights.h5"] = stream.getvalue()


def _datasets(file: Any, of_optimizer: bool = False) -> list[Any]:
    """The arrays of numbers, in the order of their paths: of the layers, or of the optimizer."""
    import h5py

    found: list[Any] = []
    file.visititems(lambda name, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    floats = [each for each in found if each.dtype.kind == "f" and each.size]
    return [each for each in floats if ("optimizer" in each.name) == of_optimizer and "seed" not in each.name]


def _choose(items: list[Any], random: np.random.Generator) -> Any:
    return items[int(random.integers(len(items)))]


def _change_hdf5(folder: Path, random: np.random.Generator, how: str, of_optimizer: bool = False) -> str:
    with weights_file(folder) as file:
        chosen = _choose(_datasets(file, of_optimizer), random)
        chosen[...] = change_number(chosen[()], how, random)
        return f"{how} in {chosen.name}"


@kind("keras", "h5", "weights")
def ulp(folder: Path, random: np.random.Generator) -> str:
    return _change_hdf5(folder, random, "ulp")


@kind("keras", "h5", "weights")
def percent(folder: Path, random: np.random.Generator) -> str:
    return _change_hdf5(folder, random, "percent")


@kind("keras", "h5", "weights")
def nan(folder: Path, random: np.random.Generator) -> str:
    return _change_hdf5(folder, random, "nan")


@kind("keras", seen_in=("optimizer",))
def moment(folder: Path, random: np.random.Generator) -> str:
    return _change_hdf5(folder, random, "percent", of_optimizer=True)


@kind("keras", "h5", "weights")
def swapped_weights(folder: Path, random: np.random.Generator) -> str:
    with weights_file(folder) as file:
        arrays = _datasets(file)
        pairs = [(a, b) for a in arrays for b in arrays if a.name < b.name and a.shape == b.shape]
        left, right = _choose([pair for pair in pairs if not np.array_equal(pair[0], pair[1])], random)
        left[...], right[...] = right[()], left[()]
        return f"{left.name} and {right.name} swapped"


@kind("keras", "weights", seen_in=("weights", "answers", "code"))
def missing_tensor(folder: Path, random: np.random.Generator) -> str:
    with weights_file(folder) as file:
        name = _choose(_datasets(file), random).name
        del file[name]
        return f"{name} deleted"


@kind("keras", "weights", seen_in=("weights", "answers", "code"))
def foreign_tensor(folder: Path, random: np.random.Generator) -> str:
    with weights_file(folder) as file:
        group = _choose(_datasets(file), random).parent
        group.create_dataset("9", data=random.normal(size=3))
        return f"a foreign tensor in {group.name}"


@kind("keras", "weights", seen_in=("weights", "answers", "code"))
def doubled_tensor(folder: Path, random: np.random.Generator) -> str:
    with weights_file(folder) as file:
        chosen = _choose(_datasets(file), random)
        chosen.parent.create_dataset("8", data=chosen[()])
        return f"{chosen.name} twice"


def _change_layer(folder: Path, random: np.random.Generator, key: str, values: list[Any]) -> str:
    """Give one layer that has this setting another value of it."""
    with keras_config(folder) as config:
        layers = [layer for layer in config["config"]["layers"] if layer["config"].get(key) is not None]
        if not layers:
            return ""
        settings = _choose(layers, random)["config"]
        settings[key] = _choose([value for value in values if value != settings[key]], random)
        return f"{key} of {settings['name']} is {settings[key]}"


@kind("keras", seen_in=("architecture",))
def activation(folder: Path, random: np.random.Generator) -> str:
    return _change_layer(folder, random, "activation", ["relu", "tanh", "sigmoid", "softsign", "elu"])


@kind("keras", seen_in=("architecture",))
def epsilon(folder: Path, random: np.random.Generator) -> str:
    return _change_layer(folder, random, "epsilon", [1e-2, 1e-4, 0.1])


@kind("keras", seen_in=("architecture", "code"))
def axis(folder: Path, random: np.random.Generator) -> str:
    return _change_layer(folder, random, "axis", [1, [1], [1, 2]])


@kind("keras", seen_in=("architecture", "code"))
def padding(folder: Path, random: np.random.Generator) -> str:
    return _change_layer(folder, random, "padding", ["causal", "valid"])


@kind("keras", seen_in=("policy", "architecture"))
def dtype(folder: Path, random: np.random.Generator) -> str:
    with keras_config(folder) as config:
        layers = [layer for layer in config["config"]["layers"] if isinstance(layer["config"].get("dtype"), dict)]
        settings = _choose(layers, random)["config"]
        settings["dtype"]["config"]["name"] = _choose(["mixed_bfloat16", "mixed_float16", "float64"], random)
        return f"dtype of {settings['name']} is {settings['dtype']['config']['name']}"


def _change_compile(folder: Path, part: str, key: str, value: Any) -> str:
    with keras_config(folder) as config:
        settings = config["compile_config"][part]
        while "config" not in settings:
            settings = next(iter(settings.values())) if isinstance(settings, dict) else settings[0]
        settings["config"][key] = value
        return f"{key} of the {part} is {value}"


@kind("keras", seen_in=("compile",))
def delta(folder: Path, random: np.random.Generator) -> str:
    return _change_compile(folder, "loss", "delta", float(random.uniform(2, 4)))


@kind("keras", seen_in=("compile", "optimizer"))
def beta(folder: Path, random: np.random.Generator) -> str:
    return _change_compile(folder, "optimizer", "beta_1", float(random.uniform(0.1, 0.8)))


@kind("keras", seen_in=("compile", "optimizer"))
def learning_rate(folder: Path, random: np.random.Generator) -> str:
    """The value that the optimizer's variable holds: it is what the next step is taken with."""
    import h5py

    with weights_file(folder) as file:
        arrays: list[Any] = []
        file.visititems(lambda name, item: arrays.append(item) if isinstance(item, h5py.Dataset) else None)
        (chosen,) = (
            each for each in arrays if "optimizer" in each.name and each.shape == () and each.dtype.kind == "f"
        )
        chosen[...] = chosen[()] * np.float32(random.uniform(2, 3))
        return f"the learning rate is {chosen[()]}"


@kind("keras", seen_in=("architecture", "signatures", "answers"))
def swapped_outputs(folder: Path, random: np.random.Generator) -> str:
    return _swap_ends(folder, "output_layers")


@kind("keras", seen_in=("architecture", "signatures", "answers"))
def swapped_inputs(folder: Path, random: np.random.Generator) -> str:
    return _swap_ends(folder, "input_layers")


def _swap_ends(folder: Path, key: str) -> str:
    with keras_config(folder) as config:
        ends = config["config"].get(key)
        if not ends or not isinstance(ends[0], list):
            return ""
        config["config"][key] = ends[::-1]
        return f"{key} in the other order"


@kind("keras", seen_in=("vocabulary", "answers"))
def vocabulary_entry(folder: Path, random: np.random.Generator) -> str:
    with keras_members(folder) as members:
        names = [name for name in members if name.endswith("vocabulary.txt")]
        if not names:
            return ""
        words = members[names[0]].decode().splitlines()
        words[int(random.integers(len(words)))] = "zebra"
        members[names[0]] = "\n".join(words).encode()
        return f"another word in {names[0]}"


# Sound copies: the same model, written in another way.


class SoundWay(NamedTuple):
    """One way to write a sound copy anew."""

    format: str
    name: str
    write: Callable[[Path], None]


def save_by_plain_keras(folder: Path) -> None:
    import keras

    path = next(path for path in folder.iterdir() if path.suffix in (".keras", ".h5"))
    keras.saving.load_model(path).save(path)


def zip_with_compression(folder: Path) -> None:
    with keras_members(folder, zipfile.ZIP_DEFLATED):
        pass


def zip_in_other_order(folder: Path) -> None:
    with keras_members(folder, reverse=True):
        pass


def indent_config(folder: Path) -> None:
    with keras_members(folder) as members:
        config = json.loads(members["config.json"])
        members["config.json"] = json.dumps(config, indent=3, sort_keys=True).encode()


def rename_model(folder: Path) -> None:
    """The name of the model is for people; no answer, weight or setting depends on it."""
    with keras_config(folder) as config:
        config["config"]["name"] = "another_name"


def copy_hdf5(folder: Path) -> None:
    """The same groups and arrays in another file, written in the other order."""
    import h5py

    path = next(folder.glob("*.h5"))
    content = io.BytesIO(path.read_bytes())
    with h5py.File(content) as old, h5py.File(path, "w") as new:
        new.attrs.update(copy.copy(dict(old.attrs)))
        for name in reversed(list(old)):
            old.copy(name, new)


SOUND_WAYS = [
    SoundWay("keras", "saved by plain Keras", save_by_plain_keras),
    SoundWay("keras", "zipped with compression", zip_with_compression),
    SoundWay("keras", "zipped in another order", zip_in_other_order),
    SoundWay("keras", "config written with spaces", indent_config),
    SoundWay("keras", "model renamed", rename_model),
    SoundWay("h5", "written in another order", copy_hdf5),
    SoundWay("weights", "written in another order", copy_hdf5),
]
