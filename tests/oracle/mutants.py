"""Copies that were changed in one place: kinds of mutants, and those of files of weights; plain libraries alone.

A mutant kind is a function of a folder, which it changes, and a random generator; it says what it changed, or gives ""
where this copy has no such place. `Kind.seen_in` names the columns of the matrix of which one must tell.
"""

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Change = Callable[[Path, np.random.Generator], str]
VALUES = ("weights", "answers")
KERAS, WEIGHTS = ("keras", "keras_dir"), ("weights", "weights_sharded")


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


# The files of Keras: an archive or a folder of config.json, model.weights.h5 and what layers store beside them.


@contextmanager
def keras_members(folder: Path, compression: int = zipfile.ZIP_STORED, reverse: bool = False) -> Iterator[dict]:
    """The members of model.keras, or of the folder in its place, by name; what is changed is written back."""
    path = folder / "model.keras"
    if not path.is_file():
        files = [each for each in (folder / "model").rglob("*") if each.is_file()]
        members = {str(each.relative_to(folder / "model")): each.read_bytes() for each in files}
        yield members
        for name, content in members.items():
            (folder / "model" / name).write_bytes(content)
        return
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    yield members
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name in sorted(members, reverse=True) if reverse else members:
            archive.writestr(name, members[name])


@contextmanager
def weights_file(folder: Path) -> Iterator[Any]:
    """The HDF5 file of weights of a `.keras`, its folder, `.weights.h5`, its shards or `.h5`, open to be changed."""
    import h5py

    if paths := sorted(folder.glob("*.h5")):
        with h5py.File(paths[0], "r+") as file:
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


def choose(items: list[Any], random: np.random.Generator) -> Any:
    return items[int(random.integers(len(items)))]


def _change_hdf5(folder: Path, random: np.random.Generator, how: str, of_optimizer: bool = False) -> str:
    with weights_file(folder) as file:
        chosen = choose(_datasets(file, of_optimizer), random)
        chosen[...] = change_number(chosen[()], how, random)
        return f"{how} in {chosen.name}"


@kind(*KERAS, "h5", *WEIGHTS)
def ulp(folder: Path, random: np.random.Generator) -> str:
    return _change_hdf5(folder, random, "ulp")


@kind(*KERAS, "h5", *WEIGHTS)
def percent(folder: Path, random: np.random.Generator) -> str:
    return _change_hdf5(folder, random, "percent")


@kind(*KERAS, "h5", *WEIGHTS)
def nan(folder: Path, random: np.random.Generator) -> str:
    return _change_hdf5(folder, random, "nan")


@kind(*KERAS, *WEIGHTS, seen_in=("optimizer",))
def moment(folder: Path, random: np.random.Generator) -> str:
    return _change_hdf5(folder, random, "percent", of_optimizer=True)


@kind(*KERAS, "h5", *WEIGHTS)
def swapped_weights(folder: Path, random: np.random.Generator) -> str:
    with weights_file(folder) as file:
        arrays = _datasets(file)
        pairs = [(a, b) for a in arrays for b in arrays if a.name < b.name and a.shape == b.shape]
        pairs = [(a, b) for a, b in pairs if not np.array_equal(a, b)]
        if not pairs:
            return ""
        left, right = choose(pairs, random)
        left[...], right[...] = right[()], left[()]
        return f"{left.name} and {right.name} swapped"


@kind(*KERAS, "h5", *WEIGHTS, seen_in=("weights", "answers", "code"))
def missing_tensor(folder: Path, random: np.random.Generator) -> str:
    with weights_file(folder) as file:
        name = choose(_datasets(file), random).name
        del file[name]
        return f"{name} deleted"


@kind(*KERAS, *WEIGHTS, seen_in=("weights", "answers", "code"))
def foreign_tensor(folder: Path, random: np.random.Generator) -> str:
    with weights_file(folder) as file:
        group = choose(_datasets(file), random).parent
        group.create_dataset("9", data=random.normal(size=3))
        return f"a foreign tensor in {group.name}"


@kind(*KERAS, *WEIGHTS, seen_in=("weights", "answers", "code"))
def doubled_tensor(folder: Path, random: np.random.Generator) -> str:
    with weights_file(folder) as file:
        chosen = choose(_datasets(file), random)
        chosen.parent.create_dataset("8", data=chosen[()])
        return f"{chosen.name} twice"


@kind(*KERAS, seen_in=("compile", "optimizer"))
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


@kind(*KERAS, seen_in=("vocabulary", "answers"))
def vocabulary_entry(folder: Path, random: np.random.Generator) -> str:
    with keras_members(folder) as members:
        names = [name for name in members if name.endswith("vocabulary.txt")]
        if not names:
            return ""
        words = members[names[0]].decode().splitlines()
        words[int(random.integers(len(words)))] = "zebra"
        members[names[0]] = "\n".join(words).encode()
        return f"another word in {names[0]}"
