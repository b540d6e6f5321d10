"""SavedModel as TF2 object or TF1 session.

SavedModels read the way of TensorFlow 1: a graph in a session, with no Python object of the model in between.

What a SavedModel directory holds of a model's variables, read from its own checkpoint.

A tf.Module around one signature of a SavedModel: what converters are given where there is no Python code.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from core.arrays import Arrays
from core.errors import CannotSave, DoesNotLoad, RoundtripError
from core.runtimes.adapters import adapt_batch_size, choose_signature, join_remarks
from core.runtimes.base import ModelCode, NamedArrays, Predictor, Spec
from core.runtimes.live import shape_of, signature_predictor, to_numpy_dtype

VARIABLE_OPS = ("VarHandleOp", "VariableV2", "Variable")
SAVED_MODEL_FILE = "saved_model.pb"
SERVING_TAG = "serve"


@dataclass(frozen=True)
class SessionSignature:
    """A signature in a graph, with the session that holds its variables: inputs and outputs are tensors by name."""

    session: Any
    inputs: dict[str, Any]
    outputs: dict[str, Any]

    def predict(self, inputs: Arrays) -> Arrays:
        return self.session.run(self.outputs, {self.inputs[name]: array for name, array in inputs.items()})

    def read_weights(self) -> NamedArrays:
        """The variables that the outputs depend on, in the order of the graph."""
        handles = [one for one in _upstream_operations(self.outputs.values()) if one.type in VARIABLE_OPS]
        read = {one.name: self._value_tensor(one) for one in handles}
        return list(self.session.run(read).items())

    def _value_tensor(self, operation: Any) -> Any:
        import tensorflow as tf

        if operation.type != "VarHandleOp":
            return operation.outputs[0]
        with operation.graph.as_default():
            return tf.raw_ops.ReadVariableOp(resource=operation.outputs[0], dtype=operation.get_attr("dtype"))


def has_object_graph(folder: Path) -> bool:
    """Whether a SavedModel says which objects it was made of; those of TensorFlow 1 do not."""
    return any(len(one.object_graph_def.nodes) for one in _read_saved_model_proto(folder).meta_graphs)


def signature_names(folder: Path) -> set[str]:
    """The names of all signatures of a SavedModel."""
    return {name for one in _read_saved_model_proto(folder).meta_graphs for name in one.signature_def}


def _read_saved_model_proto(folder: Path) -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    return saved_model_pb2.SavedModel.FromString((folder / SAVED_MODEL_FILE).read_bytes())


def open_session(folder: Path, signature_name: str = "") -> tuple[SessionSignature, str]:
    """One signature of a SavedModel in a session, and the remark of `choose_signature`.

    Raises DoesNotLoad, InputError, and what TensorFlow raises.
    """
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        session = tf.compat.v1.Session(graph=graph)
        found = tf.compat.v1.saved_model.loader.load(session, _serving_tags(folder), str(folder))
    name, remark = choose_signature(found.signature_def, signature_name)
    signature = found.signature_def[name]
    return SessionSignature(
        session, _tensors_by_name(graph, signature.inputs), _tensors_by_name(graph, signature.outputs)
    ), remark


def session_predictor(signature: SessionSignature) -> Predictor:
    """The predictor over a signature in a session."""
    specs = [_session_input_spec(name, tensor) for name, tensor in signature.inputs.items()]
    rows = adapt_batch_size(
        specs, {name: shape_of(tensor) for name, tensor in signature.outputs.items()}, signature.predict
    )
    return Predictor(signature, rows.specs, rows.predict, weights=signature.read_weights, remark=rows.remark)


def _session_input_spec(name: str, tensor: Any) -> Spec:
    return Spec(name, to_numpy_dtype(tensor.dtype.base_dtype.name), shape_of(tensor))


def _serving_tags(folder: Path) -> list[str]:
    """The tags of the graph for serving; else of the first."""
    tags = [list(one.meta_info_def.tags) for one in _read_saved_model_proto(folder).meta_graphs]
    if not tags:
        raise DoesNotLoad("This SavedModel holds no graph.", cure="Save it again.")
    return min(tags, key=lambda one: (one != [SERVING_TAG], SERVING_TAG not in one))


def _tensors_by_name(graph: Any, infos: Any) -> dict[str, Any]:
    """Tensors by name, in the order of the alphabet: a signature has none of its own. Raises DoesNotLoad for sparse."""
    if strange := [name for name, info in infos.items() if info.WhichOneof("encoding") != "name"]:
        raise DoesNotLoad(
            f"The input or output “{strange[0]}” is no plain tensor (it is sparse, or made of several).",
            cure="Choose another signature, or save one that takes plain tensors.",
        )
    return {name: graph.get_tensor_by_name(infos[name].name) for name in sorted(infos)}


def _upstream_operations(tensors: Any) -> Iterator[Any]:
    """Every operation that some tensors depend on, in the order of the graph."""
    waiting = [tensor.op for tensor in tensors]
    graph, seen = waiting[0].graph, set()
    while waiting:
        one = waiting.pop()
        if one.name not in seen:
            seen.add(one.name)
            waiting += [tensor.op for tensor in one.inputs]
    return (one for one in graph.get_operations() if one.name in seen)


def freeze_signature(signature: SessionSignature) -> Any:
    """The signature as a concrete function that TensorFlow 2 calls and converts, its variables made constants.

    Raises CannotSave where the graph needs more than variables, such as a lookup table.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_from_session_graph

    nodes = sorted({tensor.op.name for tensor in signature.outputs.values()})
    graph = signature.session.graph
    constant = convert_variables_to_constants_from_session_graph(signature.session, graph.as_graph_def(), nodes)
    if tables := [node.name for node in constant.node if "HashTable" in node.op]:
        raise CannotSave(
            "The model looks words up in a table, and a graph of constants cannot hold one.",
            received=tables[0],
            cure="Convert it where it was made, with the table inside of the function.",
        )
    whole = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(constant, name=""), [])
    feeds = [whole.graph.get_tensor_by_name(tensor.name) for tensor in signature.inputs.values()]
    fetches = {name: whole.graph.get_tensor_by_name(tensor.name) for name, tensor in signature.outputs.items()}
    return _inline_functions(whole.prune(feeds, fetches))


def _inline_functions(function: Any) -> Any:
    """The same with the functions that it calls written out: some converters know none."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    flat = convert_variables_to_constants_v2(function, lower_control_flow=False, aggressive_inlining=True)
    outputs = dict(zip(sorted(function.structured_outputs), flat.graph.outputs, strict=True))
    whole = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(flat.graph.as_graph_def(), name=""), [])
    feeds = [whole.graph.get_tensor_by_name(tensor.name) for tensor in flat.inputs]
    return whole.prune(feeds, {name: whole.graph.get_tensor_by_name(tensor.name) for name, tensor in outputs.items()})


TF1_REMARK = "It is a SavedModel of TensorFlow 1, so it was read as a graph in a session."
GRAPH_FALLBACK_REMARK = "Its Python objects do not come back here, so it was read as a graph in a session"
KERAS_2_SLOTS_REMARK = (
    f"{GRAPH_FALLBACK_REMARK}: it holds optimizer slots of Keras 2, which tf.saved_model.load fails on."
)


SavedModelLoader = Callable[[Path], Any]


class OpenedSignature(NamedTuple):
    """A SavedModel's signature: a concrete function with the object that owns its variables, or one in a session."""

    root: Any
    signature: Any
    remark: str


def load_saved_model(folder: Path, code: ModelCode, loader: SavedModelLoader) -> Predictor:
    """The predictor over a SavedModel directory, through the signature that was chosen (see `choose_signature`).

    What `read`, TensorFlow's own loader, does not read, a session does; the remark says so. Raises DoesNotLoad,
    InputError.
    """
    opened = open_signature(folder, code.signature, loader)
    if isinstance(opened.signature, SessionSignature):
        predictor = session_predictor(opened.signature)
    else:
        predictor = saved_model_predictor(opened.signature, opened.root, folder)
    return replace(predictor, remark=join_remarks(opened.remark, predictor.remark))


def open_signature(folder: Path, signature_name: str, loader: SavedModelLoader) -> OpenedSignature:
    """The signature that answers, however the SavedModel can be read. Raises as `load_saved_model`."""
    if not has_object_graph(folder):
        return _open_in_session(folder, signature_name, TF1_REMARK)
    try:
        root = loader(folder)
    except Exception as error:  # noqa: BLE001  whatever a loader stumbles on among the objects, the graph may be whole
        return _retry_in_session(error, folder, signature_name)
    name, remark = choose_signature(root.signatures, signature_name)
    return OpenedSignature(root, root.signatures[name], remark)


def _retry_in_session(error: Exception, folder: Path, signature_name: str) -> OpenedSignature:
    """The same from a session; where that fails too, what the first loader said."""
    try:
        return _open_in_session(
            folder, signature_name, KERAS_2_SLOTS_REMARK if "add_slot" in str(error) else f"{GRAPH_FALLBACK_REMARK}."
        )
    except RoundtripError:
        raise
    except Exception:  # noqa: BLE001  the first error is the telling one
        raise error from None


def _open_in_session(folder: Path, signature_name: str, reason: str) -> OpenedSignature:
    held, remark = open_session(folder, signature_name)
    return OpenedSignature(held, held, join_remarks(reason, remark))


def saved_model_predictor(signature: Any, root: Any, folder: Path) -> Predictor:
    """The predictor over a signature, with weights and optimizer state told apart by where they are in the graph."""
    predictor = signature_predictor(signature, root)
    return replace(
        predictor,
        weights=lambda: _read_graph_variables(signature),
        optimizer_state=lambda: list(_read_optimizer_state(folder)),
    )


def _read_graph_variables(signature: Any) -> NamedArrays:
    """The variables that the signature's graph reads: these are the weights that answer."""
    return [(variable.name, variable.numpy()) for variable in signature.graph.variables]


def _read_optimizer_state(folder: Path) -> Iterable[tuple[str, Any]]:
    import tensorflow as tf

    if not (folder / "variables" / "variables.index").is_file():  # a model of constants alone has none
        return
    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    for key in sorted(reader.get_variable_to_shape_map()):
        if key.startswith("optimizer/") and key.endswith(".ATTRIBUTES/VARIABLE_VALUE"):
            yield key, reader.get_tensor(key)


def serving_module(folder: Path, signature_name: str = "") -> Any:
    """The signature of a SavedModel (see `choose_signature`) as a tf.Module with one `tf.function`, its `__call__`.

    It holds the variables that the signature reads; of a signature in a session it holds constants. Raises what
    `open_saved_model` raises, and CannotSave.
    """
    import tensorflow as tf

    opened = open_signature(folder, signature_name, tf.saved_model.load)
    if isinstance(opened.signature, SessionSignature):
        names = list(opened.signature.inputs)
        return _wrap_function(freeze_signature(opened.signature), names, by_name=False)
    names = sorted(opened.signature.structured_input_signature[1])
    module = _wrap_function(opened.signature, names, by_name=True)
    module.root = opened.root  # it owns the variables, and its tables
    module.read = list(opened.signature.graph.variables)
    return module


def _wrap_function(function: Any, names: list[str], by_name: bool) -> Any:
    import tensorflow as tf

    specs = function.structured_input_signature[1] if by_name else dict(zip(names, function.inputs, strict=False))
    asked = [tf.TensorSpec(specs[name].shape, specs[name].dtype, name=to_identifier(name)) for name in names]

    def call(self: Any, *inputs: Any) -> Any:
        return function(**dict(zip(names, inputs, strict=True))) if by_name else function(*inputs)

    kind = type("Brought", (tf.Module,), {"__call__": tf.function(call, input_signature=asked)})
    module = kind(name="brought")
    module.function = function
    return module


def to_identifier(name: str) -> str:
    """A name that can be an argument's: other characters than letters, digits and "_" become "_"."""
    plain = re.sub(r"\W", "_", name)
    return plain if plain.isidentifier() else f"_{plain}"
