"""HDF5 files of Keras and the tensors in them: `.weights.h5` (also inside of `.keras` and in shards), and `.h5`."""

import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.arrays import to_jsonable
from core.readers.base import OPTIMIZER, OTHER, WEIGHTS, FileContents, StoredTensor
from core.readers.hashing import number_object_ids
from core.readers.keras_layers import list_layers

WRITER_ATTRIBUTES = ("keras_version", "backend")
CONFIG_ATTRIBUTES = ("model_config", "training_config")
NOT_IN_NAMES = ("layers", "vars", "_layer_checkpoint_dependencies")  # groups of Keras that are no layer


def list_hdf5_tensors(file: Any) -> list[StoredTensor]:
    """Every array in a file, in the order of their places; a layer's arrays by number, not by letter."""
    tensors = [_describe_dataset(file, key, data) for key, data in _walk_datasets(file, "")]
    if "model_weights" in file:  # where arrays have names, no numbers
        return tensors
    return sorted(tensors, key=lambda tensor: [_path_sort_key(part) for part in tensor.key.split("/")])


def _path_sort_key(part: str) -> tuple[int, int, str]:
    return (0, int(part), "") if part.isdigit() else (1, 0, part)


def _walk_datasets(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Arrays below a group; links that lead out of the file, or to another place in it, are not followed."""
    import h5py

    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _walk_datasets(item, f"{path}{name}/")
        elif isinstance(item, h5py.Dataset) and item.external is None and not item.is_virtual:
            yield f"{path}{name}", item


def _describe_dataset(file: Any, key: str, data: Any) -> StoredTensor:
    read = partial(_read_dataset, data)
    tensor = StoredTensor(key, _tensor_name(file, key), tuple(data.shape), str(data.dtype), _tensor_group(key), read)
    return _with_quantization_scale(file, tensor)


def _read_dataset(data: Any) -> np.ndarray:
    return np.asarray(data[()])


def _with_quantization_scale(file: Any, tensor: StoredTensor) -> StoredTensor:
    """Return a tensor; a kernel that Keras quantised to 8 bits gets its scale of each column, a divisor."""
    base = tensor.key.removesuffix("/vars/0")
    scales = [file[key] for key in (f"{base}/vars/1", f"{base}/vars/2") if key in file]
    fitting = [data for data in scales if data.dtype.kind == "f" and data.shape == tensor.shape[-1:]]
    if base == tensor.key or tensor.dtype != "int8" or not fitting:
        return tensor
    scale = fitting[-1]
    note = f"{scale.shape[0]} scales, beside it as {scale.name.rsplit('/', 1)[-1]}"
    return replace(tensor, note=note, read_dequantized=partial(_read_dequantized, file[tensor.key], scale))


def _read_dequantized(data: Any, scale: Any) -> np.ndarray:
    return (_read_dataset(data).astype("float64") / _read_dataset(scale)).astype("float32")


def _tensor_group(key: str) -> str:
    if key.startswith(("optimizer/", "optimizer_weights/", "_trainer/optimizer")):
        return OPTIMIZER
    return OTHER if "seed_generator" in key or key.startswith("metrics") else WEIGHTS


def _tensor_name(file: Any, key: str) -> str:
    """Return the name in a `.h5`; in other files the layer's name, which its group has, and the position in it."""
    if key.startswith("model_weights/"):
        return key.split("/", 2)[-1]
    if key.startswith("optimizer_weights/"):
        return key.removeprefix("optimizer_weights/")
    group, _, place = key.rpartition("/vars/")
    if not group and not key.startswith("vars/"):
        return key
    return f"{layer_name_of(file, key)}/{place or key.rsplit('/', 1)[-1]}"


def layer_name_of(file: Any, key: str) -> str:
    """The name of the layer that an array belongs to, those of models around it before it."""
    if key.startswith("model_weights/"):
        return key.split("/")[1]
    names, path = [], ""
    for part in key.split("/")[:-1]:
        path = f"{path}{part}/"
        if f"{path}vars" in file and part not in ("layers", "vars"):
            names.append(_group_name_attribute(file, f"{path}vars") or part)
        elif part not in NOT_IN_NAMES and f"{path}vars" not in file:
            names.append(part)
    return "/".join(names) or _group_name_attribute(file, "vars") or "model"


def _group_name_attribute(file: Any, group: str) -> str:
    name = file[group].attrs.get("name") if group in file else None
    return name if isinstance(name, str) else ""


def count_values_by_layer(file: Any, tensors: list[StoredTensor]) -> dict[str, int]:
    """How many numbers each layer stores, by its name and by its path."""
    counts: Counter[str] = Counter()
    for tensor in tensors:
        if tensor.group == WEIGHTS:
            path = layer_name_of(file, tensor.key)
            for name in {path, path.split("/")[0]}:
                counts[name] += int(np.prod(tensor.shape, dtype="int64"))
    return dict(counts)


def read_json_attribute(file: Any, name: str) -> Any:
    """An attribute that holds JSON, which Keras 2 wrote as bytes; None where there is none."""
    text = file.attrs.get(name)
    return None if text is None else json.loads(text)


def read_version_attributes(file: Any) -> dict[str, str]:
    """Which Keras wrote the file, as far as it says so."""
    versions = {}
    for group in (file, file.get("model_weights") or {}):
        for name in WRITER_ATTRIBUTES:
            value = getattr(group, "attrs", {}).get(name)
            if value is not None:
                versions[name] = value.decode() if isinstance(value, bytes) else str(value)
    return versions


def read_weights_h5(path: Path) -> FileContents:
    """Read a `.weights.h5` file."""
    file = open_h5(path)
    return FileContents(
        "Keras weights",
        tensors=lambda: list_hdf5_tensors(file),
        structure=lambda: describe_attributes(file),
        told_files=(path,),
    )


def read_h5(path: Path) -> FileContents:
    """Read a `.h5` file of Keras 1, 2 or 3: the whole model, or weights alone."""
    file = open_h5(path)
    tensors = list_hdf5_tensors(file)
    attributes = {name: read_json_attribute(file, name) for name in CONFIG_ATTRIBUTES}
    documents = {name: document for name, document in attributes.items() if document is not None}
    config = documents.get("model_config")
    if versions := read_version_attributes(file):
        documents["written by"] = versions
    return FileContents(
        "Keras HDF5 file",
        tensors=lambda: tensors,
        layers=None if config is None else lambda: list_layers(config, count_values_by_layer(file, tensors)),
        config=lambda: documents,
        structure=lambda: describe_attributes(file),
        told_files=(path,),
    )


def describe_attributes(file: Any) -> list[Any]:
    """What stands beside the arrays: attributes without who wrote it, and links, which are not followed."""
    import h5py

    found: list[Any] = [["", _group_attributes(file)]]

    def note(group: Any, path: str) -> None:
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                found.append([f"{path}{name}", str(vars(link))])
                continue
            found.append([f"{path}{name}", _group_attributes(group[name])])
            if isinstance(group[name], h5py.Group):
                note(group[name], f"{path}{name}/")

    note(file, "")
    return sorted(found, key=lambda row: row[0])


def _group_attributes(group: Any) -> Any:
    written = {name: value for name, value in group.attrs.items() if name not in WRITER_ATTRIBUTES}
    return {
        name: number_object_ids(read_json_attribute(group, name)) if name in CONFIG_ATTRIBUTES else to_jsonable(value)
        for name, value in written.items()
    }


def open_h5(source: Path | io.IOBase) -> Any:
    import h5py

    return h5py.File(source, "r")


def read_sharded_weights(path: Path) -> FileContents:
    """Read all shards that an index names; one that does not lie beside it is not looked for elsewhere."""
    index = json.loads(path.read_bytes())
    shards = index.get("weight_map", {}).values()
    names = sorted({str(name) for shard in shards for name in (shard if isinstance(shard, list) else [shard])})
    return FileContents(
        "Keras weights in shards",
        tensors=lambda: _list_shard_tensors(path.parent, names),
        config=lambda: {path.name: index},
        structure=lambda: index.get("config"),
        told_files=(path, *(path.parent / name for name in names)),
    )


def _list_shard_tensors(folder: Path, names: list[str]) -> Iterator[StoredTensor]:
    for name in names:
        if Path(name).name != name:
            raise ValueError(f"The index names a file that does not lie beside it: {name}")
        for tensor in list_hdf5_tensors(open_h5(folder / name)):
            yield replace(tensor, key=f"{name}/{tensor.key}")
