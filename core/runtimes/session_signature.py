"""Signatures of a graph in a TensorFlow 1 session: opened, asked, and frozen to constants."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from core.arrays import Arrays, NamedArrays
from core.errors import CannotSave, DoesNotLoad
from core.runtimes.base import Predictor, join_remarks
from core.runtimes.batch_adapter import BatchAdapter, adapted_predictor
from core.runtimes.call_state import CallState, assign_operation, assigned_sources, upstream_operations, variable_value
from core.runtimes.imported_graph import import_graph
from core.runtimes.serialized_examples import adapt_function, fed_shape
from core.runtimes.signatures import choose_signature
from core.runtimes.specs import Spec, shape_of, to_numpy_dtype

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
