"""Variables of TensorFlow checkpoints, by where they sit in the object graph."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from core.readers.base import MAX_OBJECTS, OPTIMIZER, OTHER, WEIGHTS, FileContents, StoredTensor

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
OBJECT_GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"


def read_checkpoint(path: Path) -> FileContents:
    """Read a checkpoint by its `.index` file."""
    reader = open_checkpoint_reader(path.with_suffix(""))
    return FileContents(
        "Checkpoint",
        tensors=lambda: list_checkpoint_tensors(reader),
        config=lambda: {"object graph": {"nodes": _describe_objects(reader)}},
        remarks=["Names are places in the graph of objects that was saved: model/layer/variable."],
        told_files=list_checkpoint_files(path.with_suffix("")),
    )


def list_checkpoint_files(prefix: Path) -> tuple[Path, ...]:
    """The index of a checkpoint, its shards, and TensorFlow's note of where the latest one lay."""
    names = (f"{prefix.name}.index", f"{prefix.name}.data-*", "checkpoint")
    return tuple(path for name in names for path in prefix.parent.glob(name))


def open_checkpoint_reader(prefix: Path) -> Any:
    from tensorflow.python.training import py_checkpoint_reader

    return py_checkpoint_reader.NewCheckpointReader(str(prefix))


def list_checkpoint_tensors(reader: Any) -> Iterator[StoredTensor]:
    """Every variable with its place, shape and dtype, before a number of it is read."""
    dtypes = reader.get_variable_to_dtype_map()
    attributes = (attribute for node in list_objects(reader) for attribute in node.attributes)
    names = {attribute.checkpoint_key: attribute.full_name for attribute in attributes if attribute.full_name}
    for key, shape in sorted(reader.get_variable_to_shape_map().items()):
        if key != OBJECT_GRAPH_KEY:
            dtype, read = dtypes[key].name, partial(_read_variable, reader, key)
            note = f"named {names[key]}" if key in names else ""
            yield StoredTensor(key, key.removesuffix(VALUE), tuple(shape), dtype, _tensor_group(key, dtype), read, note)


def _read_variable(reader: Any, key: str) -> np.ndarray:
    return np.asarray(reader.get_tensor(key))


def _tensor_group(key: str, dtype: str) -> str:
    if "optimizer" in key.split("/")[0:3] or "/.OPTIMIZER_SLOT/" in key:
        return OPTIMIZER
    is_other = dtype == "string" or any(part in key for part in ("seed_generator", "save_counter", "keras_api/metrics"))
    return OTHER if is_other else WEIGHTS


def list_objects(reader: Any) -> Any:
    """The nodes of the graph of objects that was saved."""
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    if not reader.has_tensor(OBJECT_GRAPH_KEY):
        return []
    return trackable_object_graph_pb2.TrackableObjectGraph.FromString(reader.get_tensor(OBJECT_GRAPH_KEY)).nodes


class SavedObject(TypedDict):
    """One object of the object graph, and the names of its parts."""

    name: str
    children: list[str]


def _describe_objects(reader: Any) -> list[SavedObject]:
    return [
        {"name": str(index), "children": [f"{child.local_name} → {child.node_id}" for child in node.children]}
        for index, node in enumerate(list_objects(reader)[:MAX_OBJECTS])
    ]
