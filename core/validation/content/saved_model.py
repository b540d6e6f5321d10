"""SavedModel and checkpoint contents.

The values of variables as TensorFlow writes them, an index and its data: all there, of the size that it says.

A SavedModel from outside, of TensorFlow 1 or 2: its graphs are read as data, and nothing in them is run.
"""

import math
from pathlib import Path
from typing import Any

from core.validation import limits, refusal
from core.validation.content.graph import MAIN, GraphIndex, check_constants, check_saver, check_tables
from core.validation.rules import display_text, is_plain_name

CHECKED_VARIABLES = "Every value of the checkpoint: its place, size and checksum"
MIN_TEXT_BYTES = 1  # a text takes at least one byte: its length


def validate_checkpoint(folder: Path) -> dict[str, Any]:
    """Raises Refused."""
    return check_checkpoint_variables(folder / "model")


def check_checkpoint_variables(prefix: Path) -> dict[str, Any]:
    """Read every value once, so that each checksum is compared. Raises Refused for one that is not whole."""
    import tensorflow as tf

    stored = sum(path.stat().st_size for path in prefix.parent.glob(f"{prefix.name}.data-*"))
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    except Exception as error:
        raise refusal("variables") from error
    declared = sum(math.prod(shape) * (dtypes[name].size or MIN_TEXT_BYTES) for name, shape in shapes.items())
    if declared > stored:
        raise refusal("variables", f"{declared:,} bytes of values, and {stored:,} bytes of data")
    for name in sorted(shapes):
        try:
            reader.get_tensor(name)
        except Exception as error:
            raise refusal("variables", name) from error
    return {"checked": [CHECKED_VARIABLES], "arrays": len(shapes), "bytes": declared, "names": sorted(shapes)[:64]}


CHECKED_GRAPHS = (
    "Every operation of every graph and function, the saver, the assets and the constants of the SavedModel"
)
MAX_GRAPHS = 16  # graphs by tag in one SavedModel
MAX_LISTED = 64
LOADING_COLLECTIONS = ("saved_model_main_op", "legacy_init_op", "init_op", "saved_model_init_op", "table_initializer")
TF1_ASSETS_COLLECTION = "saved_model_assets"
VARIABLE_OPS = {"VarHandleOp", "Variable", "VariableV2"}


def validate_saved_model(folder: Path) -> dict[str, Any]:
    """Raises Refused."""
    from tensorflow.core.protobuf import saved_model_pb2

    content = (folder / "saved_model.pb").read_bytes()
    if len(content) > limits.MAX_GRAPH_BYTES:
        raise refusal("saved-model-broken", f"{len(content):,} bytes")
    model = saved_model_pb2.SavedModel.FromString(content)
    if not model.meta_graphs or len(model.meta_graphs) > MAX_GRAPHS:
        raise refusal("saved-model-empty" if not model.meta_graphs else "saved-model-graphs")
    tags = [sorted(one.meta_info_def.tags) for one in model.meta_graphs]
    if any(tags.count(one) > 1 for one in tags):
        raise refusal("saved-model-graphs", ", ".join(tags[0]))
    graphs = [_validate_meta_graph(one, folder) for one in model.meta_graphs]
    values = _check_variables(folder, any(one["variables"] for one in graphs))
    return {"checked": [CHECKED_GRAPHS, *values.pop("checked", [])], "graphs": graphs, "values": values}


def _check_variables(folder: Path, is_required: bool) -> dict[str, Any]:
    if (folder / "variables" / "variables.index").is_file():
        return check_checkpoint_variables(folder / "variables" / "variables")
    if is_required:
        raise refusal("variables", "no variables.index")
    return {}


def _validate_meta_graph(meta: Any, folder: Path) -> dict[str, Any]:
    graph = GraphIndex(meta.graph_def)
    objects = meta.object_graph_def
    if not meta.signature_def and not objects.concrete_functions:
        raise refusal("saved-model-empty")
    assets = _list_assets(meta)
    _check_assets(meta, assets, folder)
    check_constants(graph, limits.max_unpacked_bytes())
    check_saver(graph, meta.saver_def, _root_names(meta), _callable_functions(objects))
    check_tables(graph, {one.tensor_info.name.partition(":")[0] for one in assets})
    return {
        "tags": sorted(display_text(tag) for tag in meta.meta_info_def.tags),
        "tensorflow": display_text(meta.meta_info_def.tensorflow_version),
        "signatures": {
            display_text(key): _describe_signature(meta.signature_def[key])
            for key in sorted(meta.signature_def)[:MAX_LISTED]
        },
        "objects": len(objects.nodes),
        "slots": sum(len(node.slot_variables) for node in objects.nodes),
        "functions": len(graph.bodies) - 1,
        "operations": graph.operation_counts,
        "variables": any(node.op in VARIABLE_OPS for node in graph.bodies[MAIN].values()),
        "assets": len(assets),
    }


def _root_names(meta: Any) -> set[str]:
    """What in the graph itself can be asked for or is run on loading, beside the saver."""
    roots = {one.name for signature in meta.signature_def.values() for one in _output_tensors(signature)}
    for key, collection in meta.collection_def.items():
        if key in LOADING_COLLECTIONS or "init" in key or "main_op" in key:
            roots |= set(collection.node_list.value)
    return roots


def _output_tensors(signature: Any) -> list[Any]:
    """The tensors of a signature's outputs. TensorFlow 2 lists what runs on loading as a signature, too."""
    found = []
    for info in signature.outputs.values():
        parts = info.coo_sparse if info.HasField("coo_sparse") else None
        found += [info] if parts is None else []
        found += [_NamedTensor(name) for name in _sparse_names(parts)] if parts is not None else []
        found += list(info.composite_tensor.components) if info.HasField("composite_tensor") else []
    return found


def _sparse_names(sparse_tensor: Any) -> tuple[str, str, str]:
    return sparse_tensor.values_tensor_name, sparse_tensor.indices_tensor_name, sparse_tensor.dense_shape_tensor_name


class _NamedTensor:
    """A tensor of which only the name is known."""

    def __init__(self, name: str):
        self.name = name


def _callable_functions(objects: Any) -> set[str]:
    """The functions that a loaded object can be asked for."""
    found = set(objects.concrete_functions)
    for node in objects.nodes:
        found |= set(node.function.concrete_functions) | {node.bare_concrete_function.concrete_function_name}
    return found - {MAIN}


def _list_assets(meta: Any) -> list[Any]:
    """The files that a graph names, also those of TensorFlow 1, which kept them in a collection."""
    from tensorflow.core.protobuf import meta_graph_pb2

    found = list(meta.asset_file_def)
    for packed in (
        meta.collection_def[TF1_ASSETS_COLLECTION].any_list.value
        if TF1_ASSETS_COLLECTION in meta.collection_def
        else ()
    ):
        found.append(meta_graph_pb2.AssetFileDef.FromString(packed.value))
    return found


def _check_assets(meta: Any, assets: list[Any], folder: Path) -> None:
    for asset in assets:
        if not is_plain_name(asset.filename) or not (folder / "assets" / asset.filename).is_file():
            raise refusal("asset-name", asset.filename)
    for node in meta.object_graph_def.nodes:
        if node.HasField("asset") and not 0 <= node.asset.asset_file_def_index < len(meta.asset_file_def):
            raise refusal("asset-name", node.asset.asset_file_def_index)


def _describe_signature(signature: Any) -> dict[str, Any]:
    return {"inputs": _describe_tensor_infos(signature.inputs), "outputs": _describe_tensor_infos(signature.outputs)}


def _describe_tensor_infos(tensor_infos: Any) -> dict[str, list[Any]]:
    """By name, the number of the dtype and the shape, None where the rank is free."""
    return {
        display_text(name): [
            tensor_infos[name].dtype,
            None
            if tensor_infos[name].tensor_shape.unknown_rank
            else [one.size for one in tensor_infos[name].tensor_shape.dim],
        ]
        for name in sorted(tensor_infos)[:MAX_LISTED]
    }
