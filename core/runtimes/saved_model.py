"""SavedModels as predictors: a TensorFlow 2 object, or where that cannot be read a graph in a TensorFlow 1 session."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from core.arrays import Arrays, NamedArrays, NamedTensors, hash_array
from core.errors import CannotSave, DoesNotLoad, RoundtripError
from core.runtimes.base import ModelCode, Predictor, join_remarks
from core.runtimes.batch_adapter import BatchAdapter, adapted_predictor
from core.runtimes.call_state import CallState, assign_operation, assigned_sources, upstream_operations, variable_value
from core.runtimes.imported_graph import import_graph
from core.runtimes.serialized_examples import adapt_function, fed_shape
from core.runtimes.signatures import choose_signature, signature_predictor
from core.runtimes.specs import Spec, shape_of, to_numpy_dtype
from core.runtimes.variables import read_variable

VARIABLE_OPS = ("VarHandleOp", "VariableV2", "Variable")


class SessionSignature(NamedTuple):
    """A signature in a graph, with the session that holds its variables: inputs and outputs are tensors by name."""

    session: Any
    inputs: dict[str, Any]
    outputs: dict[str, Any]


class OpenedSignature(NamedTuple):
    """A SavedModel's signature: a concrete function with the object that owns its variables, or one in a session."""

    root: Any
    signature: Any
    remark: str


def open_session(folder: Path, tags: list[str], name: str, reason: str = "") -> OpenedSignature:
    """One signature of the graph with these tags in a session; its remark begins with the reason.

    Raises DoesNotLoad, InputError, and what TensorFlow raises.
    """
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        session = tf.compat.v1.Session(graph=graph)
        signatures = tf.compat.v1.saved_model.loader.load(session, tags, str(folder)).signature_def
    chosen, remark = choose_signature(signatures, name)
    inputs, outputs = (_find_tensors(graph, side) for side in (signatures[chosen].inputs, signatures[chosen].outputs))
    signature = SessionSignature(session, inputs, outputs)
    return OpenedSignature(signature, signature, join_remarks(reason, remark))


def _find_tensors(graph: Any, infos: Any) -> dict[str, Any]:
    """Tensors by name, in the order of the alphabet: a signature has none of its own. Raises DoesNotLoad for sparse."""
    if sparse := [name for name, info in infos.items() if info.WhichOneof("encoding") != "name"]:
        raise DoesNotLoad(
            f"The input or output “{sparse[0]}” is no plain tensor (it is sparse, or made of several).",
            cure="Choose another signature, or save one that takes plain tensors.",
        )
    return {name: graph.get_tensor_by_name(infos[name].name) for name in sorted(infos)}


def adapt_session(signature: SessionSignature) -> BatchAdapter:
    """How a signature in a session predicts any number of rows."""
    session, inputs, outputs = signature

    def predict(arrays: Arrays) -> Arrays:
        return dict(session.run(outputs, {inputs[name]: array for name, array in arrays.items()}))

    state = _session_state(signature)
    specs = [Spec(name, to_numpy_dtype(t.dtype.base_dtype.name), fed_shape(t)) for name, t in inputs.items()]
    shapes = {name: shape_of(tensor) for name, tensor in outputs.items()}
    call = state.wrap(predict) if state else predict
    return adapt_function(specs, shapes, call, partial(_upstream_graph, signature))._replace(state=state)


def _upstream_graph(signature: SessionSignature) -> Any:
    """The GraphDef of what the outputs depend on; of a signature that is fed behind its parser, an empty one."""
    import tensorflow as tf

    if any(tensor.op.type != "Placeholder" for tensor in signature.inputs.values()):
        return tf.compat.v1.GraphDef()
    names = [tensor.op.name for tensor in signature.outputs.values()]
    return tf.compat.v1.graph_util.extract_sub_graph(signature.session.graph.as_graph_def(), names)


def _session_state(signature: SessionSignature) -> CallState | None:
    """The variables that the outputs assign to, with the values that they have now."""
    graph, session = signature.session.graph, signature.session
    if not any(op.type in VARIABLE_OPS for op in graph.get_operations()):
        return None
    upstream = {op.name for op in upstream_operations(signature.outputs.values())}
    assigned = assigned_sources(graph.as_graph_def(), upstream)
    variables = [op for op in graph.get_operations() if op.name in assigned and op.type in VARIABLE_OPS]
    if not variables:
        return None
    values = session.run([variable_value(op) for op in variables])
    assign = [assign_operation(op, value) for op, value in zip(variables, values, strict=True)]
    return CallState(lambda: session.run(assign))


def session_predictor(signature: SessionSignature) -> Predictor:
    adapter = adapt_session(signature)
    weights = partial(_read_session_variables, signature)
    return adapted_predictor(signature, adapter, weights)


def _read_session_variables(signature: SessionSignature) -> NamedArrays:
    """The variables that the outputs depend on, in the order of the graph."""
    upstream = upstream_operations(signature.outputs.values())
    tensors = {op.name: variable_value(op) for op in upstream if op.type in VARIABLE_OPS}
    return list(signature.session.run(tensors).items())


def freeze_signature(signature: SessionSignature) -> Any:
    """The signature as a concrete function that TensorFlow 2 calls and converts, its variables made constants.

    Raises CannotSave where the graph needs more than variables, such as a lookup table.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_from_session_graph

    nodes = sorted({tensor.op.name for tensor in signature.outputs.values()})
    graph = signature.session.graph
    constant = convert_variables_to_constants_from_session_graph(signature.session, graph.as_graph_def(), nodes)
    constant, inputs, outputs = _cut_at_inputs(constant, signature)
    if tables := [node.name for node in constant.node if "HashTable" in node.op]:
        raise CannotSave(
            "The model looks words up in a table, and a graph of constants cannot hold one.",
            received=tables[0],
            cure="Convert it where it was made, with the table inside of the function.",
        )
    return _inline_functions(import_graph(constant, inputs, outputs))


def _cut_at_inputs(graph: Any, signature: SessionSignature) -> tuple[Any, list[str], dict[str, str]]:
    """A GraphDef in which the inputs of a signature are placeholders, and nothing is left that only led to them.

    A session is fed at any tensor: at what a parser of examples gives, as often as at a placeholder. Returns the names
    of the inputs, and of the outputs by the signature's names.
    """
    import tensorflow as tf

    with tf.Graph().as_default() as cut:
        feeds = {
            tensor.name: tf.compat.v1.placeholder(tensor.dtype.base_dtype, fed_shape(tensor), f"fed/{tensor.op.name}")
            for tensor in signature.inputs.values()
        }
        names = _names(signature.outputs)
        tensors = tf.compat.v1.import_graph_def(graph, feeds, list(names.values()), name="")
        outputs = [feeds.get(name, tensor) for name, tensor in zip(names.values(), tensors, strict=True)]
        kept = [tensor.op.name for tensor in (*outputs, *feeds.values())]
        short = tf.compat.v1.graph_util.extract_sub_graph(cut.as_graph_def(), kept)
    return short, [feed.name for feed in feeds.values()], dict(zip(names, _tensor_names(outputs), strict=True))


def _tensor_names(tensors: Iterable[Any]) -> list[str]:
    return [tensor.name for tensor in tensors]


def _inline_functions(function: Any) -> Any:
    """The same with the functions that it calls written out: some converters know none."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    flat = convert_variables_to_constants_v2(function, lower_control_flow=False, aggressive_inlining=True)
    outputs = dict(zip(sorted(function.structured_outputs), flat.graph.outputs, strict=True))
    return import_graph(flat.graph.as_graph_def(), [tensor.name for tensor in flat.inputs], _names(outputs))


def _names(tensors: dict[str, Any]) -> dict[str, str]:
    return {name: tensor.name for name, tensor in tensors.items()}


SAVED_MODEL_FILE = "saved_model.pb"
VALUE_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"  # of a key in a checkpoint
SERVING_TAG = "serve"
TF1_REMARK = "It is a SavedModel of TensorFlow 1, so it was read as a graph in a session."
GRAPH_REMARK = "Its Python objects do not come back here, so it was read as a graph in a session"
KERAS_2_REMARK = f"{GRAPH_REMARK}: it holds optimizer slots of Keras 2, which tf.saved_model.load fails on."

SavedModelLoader = Callable[[Path], Any]


def load_saved_model(folder: Path, code: ModelCode, loader: SavedModelLoader) -> Predictor:
    """The predictor over a SavedModel directory, through the signature that was chosen (see `choose_signature`).

    What `loader`, TensorFlow's own, does not read, a session does; the remark says so. Raises DoesNotLoad, InputError.
    """
    opened = open_signature(folder, code.signature, loader)
    if isinstance(opened.signature, SessionSignature):
        predictor = session_predictor(opened.signature)
    else:
        predictor = _function_predictor(opened.signature, opened.root, folder)
    return replace(predictor, remark=join_remarks(opened.remark, predictor.remark))


def open_signature(folder: Path, name: str, loader: SavedModelLoader) -> OpenedSignature:
    """The signature that predicts, however the SavedModel can be read. Raises as `load_saved_model`."""
    if not _has_object_graph(folder):
        return open_session(folder, serving_tags(folder), name, TF1_REMARK)
    try:
        root = loader(folder)
    except Exception as error:  # noqa: BLE001  whatever a loader stumbles on among the objects, the graph may be whole
        return _retry_in_session(error, folder, name)
    chosen, remark = choose_signature(root.signatures, name)
    return OpenedSignature(root, root.signatures[chosen], remark)


def _retry_in_session(error: Exception, folder: Path, name: str) -> OpenedSignature:
    """The same from a session; where that fails too, the error of the first loader."""
    try:
        remark = KERAS_2_REMARK if "add_slot" in str(error) else f"{GRAPH_REMARK}."
        return open_session(folder, serving_tags(folder), name, remark)
    except RoundtripError:
        raise
    except Exception:  # noqa: BLE001  the first error is the telling one
        raise error from None


def serving_tags(folder: Path) -> list[str]:
    """The tags of the graph for serving; else of the first."""
    tags: list[list[str]] = [list(graph.meta_info_def.tags) for graph in _read_meta_graphs(folder)]
    if not tags:
        raise DoesNotLoad("This SavedModel holds no graph.", cure="Save it again.")
    return min(tags, key=lambda tag: (tag != [SERVING_TAG], SERVING_TAG not in tag))


def _has_object_graph(folder: Path) -> bool:
    """Whether a SavedModel says which objects it was made of; those of TensorFlow 1 do not."""
    return any(len(graph.object_graph_def.nodes) for graph in _read_meta_graphs(folder))


def signature_names(folder: Path) -> set[str]:
    """The names of all signatures of a SavedModel."""
    return {name for graph in _read_meta_graphs(folder) for name in graph.signature_def}


def read_serving_graph(folder: Path) -> tuple[Any, Any]:
    """The GraphDef for serving, and its signatures by name, as they stand in the file."""
    tags = serving_tags(folder)
    graph = next(graph for graph in _read_meta_graphs(folder) if list(graph.meta_info_def.tags) == tags)
    return graph.graph_def, graph.signature_def


def _read_meta_graphs(folder: Path) -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    return saved_model_pb2.SavedModel.FromString((folder / SAVED_MODEL_FILE).read_bytes()).meta_graphs


def _function_predictor(signature: Any, root: Any, folder: Path) -> Predictor:
    """The predictor over a function: its weights are the variables that its graph reads."""
    return replace(
        signature_predictor(signature, root),
        weights=lambda: [(variable.name, read_variable(variable)) for variable in signature.graph.variables],
        optimizer_state=lambda: list(_read_stored_variables(folder, of_optimizer=True)),
        unread_weights=lambda: _read_unread_weights(signature, folder),
    )


def _read_unread_weights(signature: Any, folder: Path) -> NamedTensors:
    """What the files store beside the variables that the graph reads: an export may store each one twice."""
    read = Counter(hash_array(read_variable(variable)) for variable in signature.graph.variables)
    for name, array in _read_stored_variables(folder, of_optimizer=False):
        digest = hash_array(array)
        if not read[digest]:
            yield name, array
        read[digest] -= bool(read[digest])


def _read_stored_variables(folder: Path, of_optimizer: bool) -> NamedTensors:
    """The variables in the files, by key, one at a time: those of the optimizer, or all others."""
    import tensorflow as tf

    if not (folder / "variables" / "variables.index").is_file():  # a model of constants alone has none
        return
    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    for key in sorted(reader.get_variable_to_shape_map()):
        if key.endswith(VALUE_SUFFIX) and key.startswith("optimizer/") == of_optimizer:
            yield key.removesuffix(VALUE_SUFFIX), reader.get_tensor(key)
