"""SavedModels read the way of TensorFlow 1: a graph in a session, with no Python object of the model in between."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import CannotSave, DoesNotLoad
from core.formats.batches import by_rows
from core.formats.contract import Arrays, Named, Predictor, Spec
from core.formats.live import numpy_dtype, shape_of
from core.formats.signatures import choose_signature

VARIABLES = ("VarHandleOp", "VariableV2", "Variable")
KIND = "saved_model.pb"
SERVING = "serve"


@dataclass(frozen=True)
class InSession:
    """A signature in a graph, with the session that holds its variables: inputs and outputs are tensors by name."""

    session: Any
    inputs: dict[str, Any]
    outputs: dict[str, Any]

    def answer(self, inputs: Arrays) -> Arrays:
        return self.session.run(self.outputs, {self.inputs[name]: array for name, array in inputs.items()})

    def weights(self) -> Named:
        """The variables that the outputs depend on, in the order of the graph."""
        handles = [one for one in _behind(self.outputs.values()) if one.type in VARIABLES]
        read = {one.name: self._value(one) for one in handles}
        return list(self.session.run(read).items())

    def _value(self, operation: Any) -> Any:
        import tensorflow as tf

        if operation.type != "VarHandleOp":
            return operation.outputs[0]
        with operation.graph.as_default():
            return tf.raw_ops.ReadVariableOp(resource=operation.outputs[0], dtype=operation.get_attr("dtype"))


def has_objects(folder: Path) -> bool:
    """Whether a SavedModel says which objects it was made of; those of TensorFlow 1 do not."""
    return any(len(one.object_graph_def.nodes) for one in _read(folder).meta_graphs)


def signatures_in(folder: Path) -> set[str]:
    """The names of all signatures of a SavedModel."""
    return {name for one in _read(folder).meta_graphs for name in one.signature_def}


def _read(folder: Path) -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    return saved_model_pb2.SavedModel.FromString((folder / KIND).read_bytes())


def open_session(folder: Path, asked: str = "") -> tuple[InSession, str]:
    """One signature of a SavedModel in a session, and the remark of `choose_signature`.

    Raises DoesNotLoad, InputError, and what TensorFlow raises.
    """
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        session = tf.compat.v1.Session(graph=graph)
        found = tf.compat.v1.saved_model.loader.load(session, _tags(folder), str(folder))
    name, remark = choose_signature(found.signature_def, asked)
    signature = found.signature_def[name]
    return InSession(session, _tensors(graph, signature.inputs), _tensors(graph, signature.outputs)), remark


def session_predictor(held: InSession) -> Predictor:
    """The predictor over a signature in a session."""
    specs = [_spec(name, tensor) for name, tensor in held.inputs.items()]
    rows = by_rows(specs, {name: shape_of(tensor) for name, tensor in held.outputs.items()}, held.answer)
    return Predictor(held, rows.specs, rows.answer, weights=held.weights, remark=rows.remark)


def _spec(name: str, tensor: Any) -> Spec:
    return Spec(name, numpy_dtype(tensor.dtype.base_dtype.name), shape_of(tensor))


def _tags(folder: Path) -> list[str]:
    """The tags of the graph for serving; else of the first."""
    tags = [list(one.meta_info_def.tags) for one in _read(folder).meta_graphs]
    if not tags:
        raise DoesNotLoad("This SavedModel holds no graph.", cure="Save it again.")
    return min(tags, key=lambda one: (one != [SERVING], SERVING not in one))


def _tensors(graph: Any, infos: Any) -> dict[str, Any]:
    """Tensors by name, in the order of the alphabet: a signature has none of its own. Raises DoesNotLoad for sparse."""
    if strange := [name for name, info in infos.items() if info.WhichOneof("encoding") != "name"]:
        raise DoesNotLoad(
            f"The input or output “{strange[0]}” is no plain tensor (it is sparse, or made of several).",
            cure="Choose another signature, or save one that takes plain tensors.",
        )
    return {name: graph.get_tensor_by_name(infos[name].name) for name in sorted(infos)}


def _behind(tensors: Any) -> Iterator[Any]:
    """Every operation that some tensors depend on, in the order of the graph."""
    waiting = [tensor.op for tensor in tensors]
    graph, seen = waiting[0].graph, set()
    while waiting:
        one = waiting.pop()
        if one.name not in seen:
            seen.add(one.name)
            waiting += [tensor.op for tensor in one.inputs]
    return (one for one in graph.get_operations() if one.name in seen)


def frozen_function(held: InSession) -> Any:
    """The signature as a concrete function that TensorFlow 2 calls and converts, its variables made constants.

    Raises CannotSave where the graph needs more than variables, such as a lookup table.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_from_session_graph

    nodes = sorted({tensor.op.name for tensor in held.outputs.values()})
    graph = held.session.graph
    constant = convert_variables_to_constants_from_session_graph(held.session, graph.as_graph_def(), nodes)
    if tables := [node.name for node in constant.node if "HashTable" in node.op]:
        raise CannotSave(
            "The model looks words up in a table, and a graph of constants cannot hold one.",
            received=tables[0],
            cure="Convert it where it was made, with the table inside of the function.",
        )
    whole = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(constant, name=""), [])
    feeds = [whole.graph.get_tensor_by_name(tensor.name) for tensor in held.inputs.values()]
    fetches = {name: whole.graph.get_tensor_by_name(tensor.name) for name, tensor in held.outputs.items()}
    return _inlined(whole.prune(feeds, fetches))


def _inlined(function: Any) -> Any:
    """The same with the functions that it calls written out: some converters know none."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    flat = convert_variables_to_constants_v2(function, lower_control_flow=False, aggressive_inlining=True)
    outputs = dict(zip(sorted(function.structured_outputs), flat.graph.outputs, strict=True))
    whole = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(flat.graph.as_graph_def(), name=""), [])
    feeds = [whole.graph.get_tensor_by_name(tensor.name) for tensor in flat.inputs]
    return whole.prune(feeds, {name: whole.graph.get_tensor_by_name(tensor.name) for name, tensor in outputs.items()})
