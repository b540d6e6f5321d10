"""Layers in the config of a Keras model, as Keras 2 or 3 writes it.

Nothing is built from a config but single layers of Keras' own, and these only to ask them for their output shape.
"""

import contextlib
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import Any

from core.readers import base

Json = dict[str, Any]
CODE_RUNNING_LAYERS = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}


def list_layers(config: Json, value_counts: dict[str, int]) -> list[base.Layer]:
    """Describe every layer, those of a model within the model under its path.

    Args:
        config: a model's config, as Keras 3 or Keras 2 writes it.
        value_counts: stored numbers by layer name.
    """
    return list(islice(_walk_layers(config, "", value_counts), base.MAX_ENTRIES))


def _inner_layers(config: Json) -> list[Json] | None:
    """The layers of a model's config; None where it is that of a single layer."""
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, dict) else None
    return [entry for entry in layers if isinstance(entry, dict)] if isinstance(layers, list) else None


def _walk_layers(config: Json, path: str, value_counts: dict[str, int]) -> Iterator[base.Layer]:
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


def _describe_layer(entry: Json, path: str, value_counts: dict[str, int]) -> base.Layer:
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


def _connect_layers(config: Json, entries: list[Json], rows: list[base.Layer]) -> None:
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


def _is_builtin_layer(row: base.Layer) -> bool:
    """Whether Keras itself has such a layer, and it runs no code of the file."""
    import keras

    if row["custom"] or (row["module"] and not str(row["module"]).startswith("keras.layers")):
        return False
    return row["class"] not in CODE_RUNNING_LAYERS and hasattr(keras.layers, row["class"])


def _infer_output_shape(row: base.Layer) -> list[int | None] | None:
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
