"""Keras files read as what they are: `.keras`, `.h5`, weights in shards, and configs.

Nothing is built from a config but single layers of Keras' own, and these only to ask them for their output shape.
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

from core.readers import hdf5, parts
from core.readers.base import FileContents, StoredTensor

CODE_RUNNING_LAYERS = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
DOCUMENTS = ("config.json", "metadata.json")
WEIGHTS_FILE = "model.weights.h5"
JSON_LIMIT = 64 * 2**20  # bytes of one JSON document
NO_WEIGHTS_REMARK = "There are no numbers in this file, so that no layer has any stored."

Json = dict[str, Any]


def list_layers(config: Json, value_counts: dict[str, int]) -> list[parts.Layer]:
    """Describe every layer, those of a model within the model under its path.

    Args:
        config: a model's config, as Keras 3 or Keras 2 writes it.
        value_counts: stored numbers by layer name.
    """
    return list(islice(_walk_layers(config, "", value_counts), parts.MAX_ENTRIES))


def _inner_layers(config: Json) -> list[Json] | None:
    """The layers of a model's config; None where it is that of a single layer."""
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, dict) else None
    return [entry for entry in layers if isinstance(entry, dict)] if isinstance(layers, list) else None


def _walk_layers(config: Json, path: str, value_counts: dict[str, int]) -> Iterator[parts.Layer]:
    entries = _inner_layers(config)
    if entries is None:
        yield _describe_layer(config, path, value_counts)
        return
    rows = [_describe_layer(entry, path, value_counts) for entry in entries]
    _connect_layers(config, entries, rows)
    by_name = {row["name"]: row for row in rows}
    for entry, row in zip(entries, rows, strict=True):
        sources = [by_name[name] for name in row["after"]]
        row["input_shape"] = row["input_shape"] or (sources[0]["output_shape"] if len(sources) == 1 else None)
        row["output_shape"] = row["output_shape"] or _infer_output_shape(row)
        yield row
        if _inner_layers(entry) is not None:
            yield from _walk_layers(entry, row["name"] + "/", value_counts)


def _describe_layer(entry: Json, path: str, value_counts: dict[str, int]) -> parts.Layer:
    config: Json = entry["config"] if isinstance(entry.get("config"), dict) else {}
    name = str(config.get("name") or entry.get("name") or entry.get("class_name", ""))
    shape = config.get("batch_shape") or config.get("batch_input_shape")
    return {
        "name": path + name,
        "class": str(entry.get("class_name", "")),
        "module": entry.get("module") or "",
        "custom": bool(entry.get("registered_name")) or not str(entry.get("module") or "keras").startswith("keras"),
        "input_shape": (entry.get("build_config") or {}).get("input_shape") or shape,
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


def _connect_layers(config: Json, entries: list[Json], rows: list[parts.Layer]) -> None:
    """Note what comes before each layer, and the output shapes that the layers after it tell."""
    if config.get("class_name") == "Sequential":
        for before, after in pairwise(rows):
            after["after"] = [before["name"]]
            before["output_shape"] = after["input_shape"] or before["output_shape"]
        return
    by_name = {row["name"].rsplit("/", 1)[-1]: row for row in rows}
    for entry, row in zip(entries, rows, strict=True):
        for name, shape in _inbound_layers(entry.get("inbound_nodes")):
            if source := by_name.get(name):
                row["after"] = list(dict.fromkeys([*row["after"], source["name"]]))
                source["output_shape"] = shape or source["output_shape"]


def _inbound_layers(node: Any) -> Iterator[tuple[str, list[int | None] | None]]:
    """Names of the layers that a node reads, with the shape that it gets: as Keras 3 writes it, and as Keras 2 did."""
    if isinstance(node, dict) and node.get("class_name") == "__keras_tensor__" and isinstance(node.get("config"), dict):
        yield str(node["config"]["keras_history"][0]), node["config"].get("shape")
    elif isinstance(node, list) and len(node) >= 3 and isinstance(node[0], str) and isinstance(node[1], int):
        yield node[0], None
    elif isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from _inbound_layers(value)


def _is_builtin_layer(row: parts.Layer) -> bool:
    """Whether Keras itself has such a layer, and it runs no code of the file."""
    import keras

    if row["custom"] or (row["module"] and not str(row["module"]).startswith("keras.layers")):
        return False
    return row["class"] not in CODE_RUNNING_LAYERS and hasattr(keras.layers, row["class"])


def _infer_output_shape(row: parts.Layer) -> list[int | None] | None:
    """Ask a layer of Keras' own for its output shape; None for every other, and where it does not say."""
    shape = row["input_shape"]
    if not isinstance(shape, list) or not all(size is None or isinstance(size, int) for size in shape):
        return None
    if not _is_builtin_layer(row):
        return None
    with contextlib.suppress(Exception):  # it is one cell of a table
        import keras

        entry = {"module": "keras.layers", "class_name": row["class"], "config": row["config"], "registered_name": None}
        layer = keras.saving.deserialize_keras_object(entry, safe_mode=True)
        return [None if size is None else int(size) for size in layer.compute_output_shape(tuple(shape))]
    return None


def read_keras_archive(source: Path | io.BytesIO) -> FileContents:
    """Read a `.keras` file that lies on the disk or in memory."""
    with zipfile.ZipFile(source) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
        names = [name for name in sizes if name in DOCUMENTS and sizes[name] <= JSON_LIMIT]
        documents = {name: _parse_json(archive.read(name)) for name in names}
        weights = io.BytesIO(archive.read(WEIGHTS_FILE)) if WEIGHTS_FILE in sizes else None
    remarks = [f"Also inside: {name}." for name in sizes if name.startswith("assets/")]
    return _build_contents(documents, weights, "Keras file", remarks)


def read_keras_folder(path: Path) -> FileContents:
    """Read a `.keras` file that is not zipped; `path` is its config.json."""
    files = {name: path.parent / name for name in (*DOCUMENTS, WEIGHTS_FILE) if (path.parent / name).is_file()}
    weights = files.pop(WEIGHTS_FILE, None)
    documents = {name: _parse_json(file.read_bytes()) for name, file in files.items()}
    return _build_contents(documents, weights, "Keras directory", [])


def _build_contents(documents: Json, weights: Path | io.BytesIO | None, kind: str, remarks: list[str]) -> FileContents:
    config = documents.get("config.json") or {}
    if "compile_config" in config:
        documents = documents | {"compile settings": config["compile_config"]}
    file = _open_h5(weights) if weights else None
    tensors = [] if file is None else hdf5.list_hdf5_tensors(file)
    counts = {} if file is None else hdf5.count_values_by_layer(file, tensors)
    return FileContents(
        kind,
        tensors=None if file is None else lambda: tensors,
        layers=lambda: list_layers(config, counts),
        config=lambda: documents,
        remarks=remarks,
    )


def read_weights_h5(path: Path) -> FileContents:
    """Read a `.weights.h5` file."""
    file = _open_h5(path)
    return FileContents("Keras weights", tensors=lambda: hdf5.list_hdf5_tensors(file))


def read_h5(path: Path) -> FileContents:
    """Read a `.h5` file of Keras 1, 2 or 3: the whole model, or weights alone."""
    file = _open_h5(path)
    tensors = hdf5.list_hdf5_tensors(file)
    attributes = {name: hdf5.read_json_attribute(file, name) for name in ("model_config", "training_config")}
    documents = {name: document for name, document in attributes.items() if document is not None}
    config = documents.get("model_config")
    if versions := hdf5.read_version_attributes(file):
        documents["written by"] = versions
    return FileContents(
        "Keras HDF5 file",
        tensors=lambda: tensors,
        layers=None if config is None else lambda: list_layers(config, hdf5.count_values_by_layer(file, tensors)),
        config=lambda: documents,
    )


def read_architecture(path: Path) -> FileContents:
    """Read a model's JSON alone."""
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
    """Read all shards that an index names; one that does not lie beside it is not looked for elsewhere."""
    index = json.loads(path.read_bytes())
    shards = index.get("weight_map", {}).values()
    names = sorted({str(name) for shard in shards for name in (shard if isinstance(shard, list) else [shard])})
    return FileContents(
        "Keras weights in shards",
        tensors=lambda: _list_shard_tensors(path.parent, names),
        config=lambda: {path.name: index},
    )


def _list_shard_tensors(folder: Path, names: list[str]) -> Iterator[StoredTensor]:
    for name in names:
        if Path(name).name != name:
            raise ValueError(f"The index names a file that does not lie beside it: {name}")
        for tensor in hdf5.list_hdf5_tensors(_open_h5(folder / name)):
            yield replace(tensor, key=f"{name}/{tensor.key}")
