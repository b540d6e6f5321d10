"""Validate a SavedModel of TensorFlow 1 or 2, whose graphs are read as data, and the values of a checkpoint."""

import math
from pathlib import Path
from typing import Any

from core.validation import limits, refusal
from core.validation.content.facts import ContentFacts, GraphFacts
from core.validation.content.graph import MAIN, GraphIndex, check_constants, check_saver, check_tables
from core.validation.file_types import is_plain_name
from core.validation.rules import display_text

CHECKED_GRAPHS = (
    "Every operation that loading and answering can reach, the saver, the assets and the constants of the SavedModel"
)
CHECKED_VARIABLES = "Every value of the checkpoint: its place, size and checksum"
MIN_TEXT_BYTES = 1  # a text takes at least one byte: its length
MAX_GRAPHS = 16  # graphs by tag in one SavedModel
MAX_LISTED = 64
TF1_ASSETS_COLLECTION = "saved_model_assets"
SIGNATURE_MAP = "signature_map"
VARIABLE_OPS = {"VarHandleOp", "Variable", "VariableV2"}


def validate_checkpoint(folder: Path) -> ContentFacts:
    """Raises Refused."""
    arrays = _check_variables(folder / "model")
    return {"checked": [CHECKED_VARIABLES], "arrays": arrays}


def _check_variables(prefix: Path) -> int:
    """Read every value once, so that each checksum is compared; returns their number. Raises Refused."""
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
    return len(shapes)


def validate_saved_model(folder: Path) -> ContentFacts:
    """Raises Refused."""
    from tensorflow.core.protobuf import saved_model_pb2

    content = (folder / "saved_model.pb").read_bytes()
    if len(content) > limits.MAX_GRAPH_BYTES:
        raise refusal("saved-model-broken", f"{len(content):,} bytes")
    model = saved_model_pb2.SavedModel.FromString(content)
    if not model.meta_graphs:
        raise refusal("saved-model-empty")
    if len(model.meta_graphs) > MAX_GRAPHS:
        raise refusal("saved-model-graphs")
    tags = [sorted(meta.meta_info_def.tags) for meta in model.meta_graphs]
    if any(tags.count(names) > 1 for names in tags):
        raise refusal("saved-model-graphs", ", ".join(tags[0]))
    graphs = [GraphIndex(meta.graph_def) for meta in model.meta_graphs]
    checked = [_check_graph(meta, graph, folder) for meta, graph in zip(model.meta_graphs, graphs, strict=True)]
    facts: ContentFacts = {"checked": [CHECKED_GRAPHS], "graphs": checked}
    if (folder / "variables" / "variables.index").is_file():
        facts["arrays"] = _check_variables(folder / "variables" / "variables")
        facts["checked"].append(CHECKED_VARIABLES)
    elif any(node.op in VARIABLE_OPS for graph in graphs for node in graph.bodies[MAIN].values()):
        raise refusal("variables", "no variables.index")
    return facts


def _check_graph(meta: Any, graph: GraphIndex, folder: Path) -> GraphFacts:
    objects = meta.object_graph_def
    operations = graph.count_operations(_run_functions(objects))
    if not meta.signature_def and not objects.concrete_functions:
        raise refusal("saved-model-empty")
    assets = _list_assets(meta)
    _check_assets(meta, assets, folder)
    check_constants(graph, limits.max_unpacked_bytes())
    check_saver(graph, meta.saver_def, _root_names(meta), _callable_functions(objects))
    check_tables(graph, {asset.tensor_info.name.partition(":")[0] for asset in assets})
    return {
        "signatures": [display_text(key) for key in sorted(meta.signature_def)[:MAX_LISTED]],
        "objects": len(objects.nodes),
        "assets": len(assets),
        "operations": operations,
    }


def _root_names(meta: Any) -> set[str]:
    """Return what in the graph itself can be requested or is run on loading, beside the saver."""
    roots = {name for signature in meta.signature_def.values() for name in _output_names(signature)}
    for key, collection in meta.collection_def.items():
        if "init" in key or "main_op" in key:
            roots |= set(collection.node_list.value)
    return roots


def _output_names(signature: Any) -> set[str]:
    """Return the tensors of a signature's outputs; TensorFlow 2 lists what runs on loading as a signature, too."""
    names: set[str] = set()
    for info in signature.outputs.values():
        if info.HasField("coo_sparse"):
            sparse = info.coo_sparse
            names |= {sparse.values_tensor_name, sparse.indices_tensor_name, sparse.dense_shape_tensor_name}
        else:
            names.add(info.name)
        names |= {component.name for component in info.composite_tensor.components}
    return names


def _callable_functions(objects: Any) -> set[str]:
    """Return the functions of a loaded object that can be called."""
    functions = set(objects.concrete_functions)
    for node in objects.nodes:
        functions |= set(node.function.concrete_functions) | {node.bare_concrete_function.concrete_function_name}
    return functions - {MAIN}


def _run_functions(objects: Any) -> set[str]:
    """Return the functions of a loaded object that are run without being asked for, and those of its signatures.

    TensorFlow runs what initialises and restores objects, under names that begin with "_" or beside their saver;
    signatures are what hangs on an object of that name or kind.
    """
    nodes = objects.nodes
    maps = {child.node_id for node in nodes for child in node.children if child.local_name == "signatures"}
    run: set[int] = set()
    for at, node in enumerate(nodes):
        is_map = at in maps or node.user_object.identifier == SIGNATURE_MAP
        run |= {child.node_id for child in node.children if is_map or _is_run_on_loading(child.local_name)}
        for saveable in node.saveable_objects.values():
            run |= {saveable.save_function, saveable.restore_function}
    functions: set[str] = set()
    for node in (nodes[at] for at in run & set(range(len(nodes)))):
        functions |= {*node.function.concrete_functions, node.bare_concrete_function.concrete_function_name}
    return functions - {MAIN}


def _is_run_on_loading(name: str) -> bool:
    return name.startswith("_") and name != "__call__"


def _list_assets(meta: Any) -> list[Any]:
    """Return the files that a graph names, also those of TensorFlow 1, which kept them in a collection."""
    from tensorflow.core.protobuf import meta_graph_pb2

    assets = list(meta.asset_file_def)
    if TF1_ASSETS_COLLECTION in meta.collection_def:
        packed = meta.collection_def[TF1_ASSETS_COLLECTION].any_list.value
        assets += [meta_graph_pb2.AssetFileDef.FromString(asset.value) for asset in packed]
    return assets


def _check_assets(meta: Any, assets: list[Any], folder: Path) -> None:
    for asset in assets:
        if not is_plain_name(asset.filename) or not (folder / "assets" / asset.filename).is_file():
            raise refusal("asset-name", asset.filename)
    for node in meta.object_graph_def.nodes:
        if node.HasField("asset") and not 0 <= node.asset.asset_file_def_index < len(meta.asset_file_def):
            raise refusal("asset-name", node.asset.asset_file_def_index)
