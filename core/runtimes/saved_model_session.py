"""A signature of a SavedModel in a TensorFlow 1 session: how it predicts, what it holds and what it remembers."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from core.arrays import Arrays, NamedArrays
from core.errors import DoesNotLoad
from core.runtimes.base import Predictor, join_remarks
from core.runtimes.batch_adapter import BatchAdapter, adapted_predictor
from core.runtimes.call_state import CallState
from core.runtimes.graph_assignments import assigned_sources
from core.runtimes.signature_choice import choose_signature
from core.runtimes.specs import Shape, Spec, shape_of, to_numpy_dtype
from core.runtimes.tf_module import adapt_function

VARIABLE_OPS = ("VarHandleOp", "VariableV2", "Variable")
PARSER_OPS = ("ParseExample", "ParseExampleV2")


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
    upstream = {op.name for op in _upstream_operations(signature.outputs.values())}
    assigned = assigned_sources(graph.as_graph_def(), upstream)
    variables = [op for op in graph.get_operations() if op.name in assigned and op.type in VARIABLE_OPS]
    if not variables:
        return None
    values = session.run([_variable_value(op) for op in variables])
    assign = [_assign_operation(op, value) for op, value in zip(variables, values, strict=True)]
    return CallState(lambda: session.run(assign))


def _assign_operation(operation: Any, value: Any) -> Any:
    """What sets a variable of a graph to a value."""
    import tensorflow as tf

    with operation.graph.as_default():
        if operation.type == "VarHandleOp":
            return tf.raw_ops.AssignVariableOp(resource=operation.outputs[0], value=tf.constant(value))
        return tf.compat.v1.assign(operation.outputs[0], value).op


def fed_shape(tensor: Any) -> Shape:
    """The shape in which a session is fed a tensor.

    Behind a parser whose examples may come in any shape nothing is known of it but what the parser says of one example.
    """
    import tensorflow as tf

    source = tensor
    while source.op.type == "Identity":
        source = source.op.inputs[0]
    if tensor.shape.rank is not None or source.op.type not in PARSER_OPS:
        return shape_of(tensor)
    # Of each sparse feature a parser gives three tensors first.
    number = source.value_index - 3 * len(source.op.get_attr("sparse_types"))
    shapes = source.op.get_attr("dense_shapes")
    sizes = tf.TensorShape(shapes[number] if 0 <= number < len(shapes) else None)
    return None if sizes.rank is None else (None, *sizes.as_list())


def session_predictor(signature: SessionSignature) -> Predictor:
    adapter = adapt_session(signature)
    weights = partial(_read_session_variables, signature)
    return adapted_predictor(signature, adapter, weights)


def _read_session_variables(signature: SessionSignature) -> NamedArrays:
    """The variables that the outputs depend on, in the order of the graph."""
    upstream = _upstream_operations(signature.outputs.values())
    tensors = {op.name: _variable_value(op) for op in upstream if op.type in VARIABLE_OPS}
    return list(signature.session.run(tensors).items())


def _upstream_operations(tensors: Iterable[Any]) -> Iterator[Any]:
    """Every operation that some tensors depend on, in the order of the graph."""
    waiting = [tensor.op for tensor in tensors]
    graph, seen = waiting[0].graph, set()
    while waiting:
        operation = waiting.pop()
        if operation.name not in seen:
            seen.add(operation.name)
            waiting += [*(tensor.op for tensor in operation.inputs), *operation.control_inputs]
    return (operation for operation in graph.get_operations() if operation.name in seen)


def _variable_value(operation: Any) -> Any:
    """The tensor that reads a variable."""
    import tensorflow as tf

    if operation.type != "VarHandleOp":
        return operation.outputs[0]
    with operation.graph.as_default():
        return tf.raw_ops.ReadVariableOp(resource=operation.outputs[0], dtype=operation.get_attr("dtype"))
