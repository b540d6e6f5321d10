"""TensorFlow's checkpoints: what variables there are, by where they sit in the object graph."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.readers.base import OPTIMIZER, OTHER, WEIGHTS, FileContents, StoredTensor

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
OBJECT_GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"


def read_checkpoint(path: Path) -> FileContents:
    """A checkpoint by its `.index` file."""
    reader = open_checkpoint_reader(str(path.with_suffix("")))
    return FileContents(
        "Checkpoint",
        tensors=lambda: list(list_checkpoint_tensors(reader)),
        config=lambda: {"object graph": {"nodes": describe_object_graph(reader)}},
        remarks=["Names are places in the graph of objects that was saved: model/layer/variable."],
    )


def open_checkpoint_reader(prefix: str) -> Any:
    from tensorflow.python.training import py_checkpoint_reader

    return py_checkpoint_reader.NewCheckpointReader(prefix)


def list_checkpoint_tensors(reader: Any) -> Iterator[StoredTensor]:
    """Every variable: of each its place, shape and dtype, before a number of it is read."""
    dtypes = reader.get_variable_to_dtype_map()
    names = full_names(reader)
    for key, shape in sorted(reader.get_variable_to_shape_map().items()):
        if key != OBJECT_GRAPH_KEY:
            name = key.removesuffix(VALUE)
            dtype = dtypes[key].name
            note = f"named {names[key]}" if names.get(key) else ""
            yield StoredTensor(
                key, name, tuple(shape), dtype, _tensor_group(key, dtype), partial(_read_variable, reader, key), note
            )


def _read_variable(reader: Any, key: str) -> np.ndarray:
    return np.asarray(reader.get_tensor(key))


def _tensor_group(key: str, dtype: str) -> str:
    if "optimizer" in key.split("/")[0:3] or "/.OPTIMIZER_SLOT/" in key:
        return OPTIMIZER
    odd = dtype == "string" or "seed_generator" in key or "save_counter" in key or "keras_api/metrics" in key
    return OTHER if odd else WEIGHTS


def _nodes(reader: Any) -> Any:
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    if not reader.has_tensor(OBJECT_GRAPH_KEY):
        return []
    return trackable_object_graph_pb2.TrackableObjectGraph.FromString(reader.get_tensor(OBJECT_GRAPH_KEY)).nodes


def full_names(reader: Any) -> dict[str, str]:
    """What the program called each variable, by its place."""
    return {one.checkpoint_key: one.full_name for node in _nodes(reader) for one in node.attributes if one.full_name}


def describe_object_graph(reader: Any, max_nodes: int = 2000) -> list[dict[str, Any]]:
    """The objects that were saved, with the names of their parts."""
    return [
        {"name": str(at), "children": [f"{child.local_name} → {child.node_id}" for child in node.children]}
        for at, node in enumerate(_nodes(reader)[:max_nodes])
    ]
