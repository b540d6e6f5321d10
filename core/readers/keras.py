""".keras, .h5, sharded weights, configs.

A Keras model's configuration as text: its layers, how they are connected, and what shapes they give.

Nothing is built from it but single layers of Keras' own, and these only to ask them for the shape of their output.

Keras' own files, read as what they are: a zip or a folder with JSON and HDF5 in it, one HDF5 file, or JSON alone.

Keras weights in several files: an index, and what each of them holds.
"""

import contextlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from core.readers import hdf5
from core.readers.base import MAX_ENTRIES, FileContents, StoredTensor

CODE_RUNNING_LAYERS = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
Json = dict[str, Any]


def list_layers(config: Json, value_counts: dict[str, int]) -> list[Json]:
    """Every layer, those of a model within the model under its path; `values` counts stored numbers by layer name.

    Each is `{"name", "class", "module", "custom", "input_shape", "output_shape", "parameters", "dtype", "trainable",
    "after", "config"}`; shapes are lists with None where free, or None where the text does not tell.
    """
    return list(islice(_walk_layers(config, "", value_counts), MAX_ENTRIES))


def _walk_layers(config: Json, path: str, value_counts: dict[str, int]) -> Iterator[Json]:
    inner = config.get("config") or {}
    listed = inner.get("layers") if isinstance(inner, dict) else None
    if not isinstance(listed, list):
        yield _describe_layer(config, path, value_counts)
        return
    rows = [_describe_layer(one, path, value_counts) for one in listed if isinstance(one, dict)]
    _connect_layers(config, listed, rows)
    known = {row["name"]: row for row in rows}
    for one, row in zip([one for one in listed if isinstance(one, dict)], rows, strict=True):
        row["input_shape"] = row["input_shape"] or _shape_from_source(row, known)
        row["output_shape"] = row["output_shape"] or _infer_output_shape(row)
        yield row
        within = one.get("config")
        if isinstance(within, dict) and isinstance(within.get("layers"), list):
            yield from _walk_layers(one, row["name"] + "/", value_counts)


def _describe_layer(entry: Json, path: str, value_counts: dict[str, int]) -> Json:
    config = entry.get("config") if isinstance(entry.get("config"), dict) else {}
    name = str(config.get("name") or entry.get("name") or entry.get("class_name", ""))
    build = entry.get("build_config") or {}
    shape = config.get("batch_shape") or config.get("batch_input_shape")
    return {
        "name": path + name,
        "class": str(entry.get("class_name", "")),
        "module": entry.get("module") or "",
        "custom": bool(entry.get("registered_name")) or not str(entry.get("module") or "keras").startswith("keras"),
        "input_shape": build.get("input_shape") or shape,
        "output_shape": shape,
        "parameters": value_counts.get(path + name, value_counts.get(name, 0)),
        "dtype": _dtype_policy_name(config.get("dtype")),
        "trainable": config.get("trainable"),
        "after": [],
        "config": config,
    }


def _dtype_policy_name(policy: Any) -> str:
    """The name of a dtype policy, however deep it is written."""
    while isinstance(policy, dict):
        inner = policy.get("config") or {}
        policy = inner.get("name") or inner.get("mode") or policy.get("class_name")
    return str(policy or "")


def _connect_layers(config: Json, entries: list[Json], rows: list[Json]) -> None:
    """What comes before each layer, and the output shapes that the layers after it tell."""
    by_name = {row["name"].rsplit("/", 1)[-1]: row for row in rows}
    if config.get("class_name") == "Sequential":
        for before, after in pairwise(rows):
            after["after"] = [before["name"]]
            before["output_shape"] = after["input_shape"] or before["output_shape"]
        return
    for one, row in zip([one for one in entries if isinstance(one, dict)], rows, strict=True):
        for source, shape in _inbound_layers(one.get("inbound_nodes")):
            if source in by_name:
                row["after"] = list(dict.fromkeys([*row["after"], by_name[source]["name"]]))
                by_name[source]["output_shape"] = shape or by_name[source]["output_shape"]


def _inbound_layers(node: Any) -> Iterator[tuple[str, list[int | None] | None]]:
    """Names of the layers that a node reads, with the shape that it gets: as Keras 3 writes it, and as Keras 2 did."""
    if isinstance(node, dict):
        config = node.get("config")
        if node.get("class_name") == "__keras_tensor__" and isinstance(config, dict):
            yield str(config["keras_history"][0]), config.get("shape")
            return
        for value in node.values():
            yield from _inbound_layers(value)
    elif isinstance(node, list):
        if len(node) >= 3 and isinstance(node[0], str) and isinstance(node[1], int):
            yield node[0], None
            return
        for value in node:
            yield from _inbound_layers(value)


def _shape_from_source(row: Json, rows_by_name: dict[str, Json]) -> Any:
    """The shape that a layer's only source gives; None where there are several, or nothing is known."""
    return rows_by_name[row["after"][0]]["output_shape"] if len(row["after"]) == 1 else None


def _is_builtin_layer(row: Json) -> bool:
    """Whether Keras itself has such a layer, and it runs no code of the file."""
    import keras

    known = not row["module"] or str(row["module"]).startswith("keras.layers")
    return (
        known and not row["custom"] and row["class"] not in CODE_RUNNING_LAYERS and hasattr(keras.layers, row["class"])
    )


def _infer_output_shape(row: Json) -> list[int | None] | None:
    """Ask a layer of Keras' own for the shape of its output; None for every other, and where it does not say."""
    if not _is_builtin_layer(row):
        return None
    shape = row["input_shape"]
    if not isinstance(shape, list) or not all(size is None or isinstance(size, int) for size in shape):
        return None
    with contextlib.suppress(Exception):  # it is one cell of a table
        import keras

        told = {"module": "keras.layers", "class_name": row["class"], "config": row["config"], "registered_name": None}
        layer = keras.saving.deserialize_keras_object(told, safe_mode=True)
        found = layer.compute_output_shape(tuple(shape))
        return [None if size is None else int(size) for size in found]
    return None


WEIGHTS_FILE = "model.weights.h5"
JSON_LIMIT = 64 * 2**20  # bytes of one JSON document
NO_WEIGHTS_REMARK = "There are no numbers in this file, so that no layer has any stored."


def read_keras_file(path: Path) -> FileContents:
    """A `.keras` file."""
    return read_keras_archive(path)


def read_keras_archive(source: Path | io.BytesIO) -> FileContents:
    """The parts of a `.keras` file that lies on the disk or in memory."""
    with zipfile.ZipFile(source) as archive:
        members = {one.filename: one.file_size for one in archive.infolist()}
        documents = {
            name: _parse_json(archive.read(name)) for name in members if _is_json_document(name, members[name])
        }
        weights = archive.read(WEIGHTS_FILE) if WEIGHTS_FILE in members else None
    remarks = [f"Also inside: {name}." for name in members if name.startswith("assets/")]
    return _build_contents(documents, _open_h5(io.BytesIO(weights)) if weights else None, "Keras file", remarks)


def _is_json_document(name: str, size: int) -> bool:
    return name in ("config.json", "metadata.json") and size <= JSON_LIMIT


def read_keras_folder(path: Path) -> FileContents:
    """A `.keras` file that is not zipped; `path` is its config.json."""
    names = ("config.json", "metadata.json")
    documents = {
        name: _parse_json((path.parent / name).read_bytes()) for name in names if (path.parent / name).is_file()
    }
    weights = path.parent / WEIGHTS_FILE
    return _build_contents(documents, _open_h5(weights) if weights.is_file() else None, "Keras directory", [])


def _build_contents(documents: dict[str, Any], file: Any, kind: str, remarks: list[str]) -> FileContents:
    config = documents.get("config.json") or {}
    if "compile_config" in config:
        documents = documents | {"compile settings": config["compile_config"]}
    found = [] if file is None else hdf5.list_hdf5_tensors(file)
    counts = {} if file is None else hdf5.count_values_by_layer(file, found)
    return FileContents(
        kind,
        tensors=None if file is None else lambda: found,
        layers=lambda: list_layers(config, counts),
        config=lambda: documents,
        remarks=remarks,
    )


def read_weights_h5(path: Path) -> FileContents:
    """A `.weights.h5` file."""
    file = _open_h5(path)
    return FileContents("Keras weights", tensors=lambda: hdf5.list_hdf5_tensors(file))


def read_h5(path: Path) -> FileContents:
    """A `.h5` file of Keras 1, 2 or 3: the whole model, or weights alone."""
    file = _open_h5(path)
    found = hdf5.list_hdf5_tensors(file)
    documents = {name: hdf5.read_json_attribute(file, name) for name in ("model_config", "training_config")}
    documents = {name: one for name, one in documents.items() if one is not None}
    config = documents.get("model_config")
    if written := hdf5.read_version_attributes(file):
        documents["written by"] = written
    return FileContents(
        "Keras HDF5 file",
        tensors=lambda: found,
        layers=None if config is None else lambda: list_layers(config, hdf5.count_values_by_layer(file, found)),
        config=lambda: documents,
    )


def read_architecture(path: Path) -> FileContents:
    """A model's JSON alone."""
    config = _parse_json(path.read_bytes())
    return FileContents(
        "Keras architecture",
        layers=lambda: list_layers(config, {}),
        config=lambda: {path.name: config},
        remarks=[NO_WEIGHTS_REMARK],
    )


def _open_h5(source: Path | io.BytesIO) -> Any:
    import h5py

    return h5py.File(source, "r")


def _parse_json(content: bytes) -> Any:
    if len(content) > JSON_LIMIT:
        raise ValueError("The JSON document is too large to be shown")
    return json.loads(content)


def read_sharded_weights(path: Path) -> FileContents:
    """All shards that the index names; one that does not lie beside it is not looked for elsewhere."""
    index = json.loads(path.read_bytes())
    names = sorted({name for one in index.get("weight_map", {}).values() for name in _shard_names(one)})
    return FileContents(
        "Keras weights in shards",
        tensors=lambda: _list_shard_tensors(path.parent, names),
        config=lambda: {path.name: index},
    )


def _shard_names(entry: Any) -> list[str]:
    return [str(name) for name in (entry if isinstance(entry, list) else [entry])]


def _list_shard_tensors(folder: Path, names: list[str]) -> list[StoredTensor]:
    import h5py

    found = []
    for name in names:
        if Path(name).name != name:
            raise ValueError(f"The index names a file that does not lie beside it: {name}")
        found += [
            replace(one, key=f"{name}/{one.key}") for one in hdf5.list_hdf5_tensors(h5py.File(folder / name, "r"))
        ]
    return found
