"""A model as converters want it: in inference mode, with flat outputs, as a function, by rows or of a signature.

A converter needs a function of exactly one row where it must know every size beforehand. A signature is all that there
is where a SavedModel comes without Python code.
"""

import re
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.runtimes.base import Model, Predictor, join_remarks
from core.runtimes.batch_adapter import DEPENDENT_ROWS_REMARK, ROW_IS_CALL_REMARK
from core.runtimes.call_arguments import output_structure
from core.runtimes.graphs import import_graph
from core.runtimes.keras import may_remember
from core.runtimes.model_kinds import model_kind
from core.runtimes.saved_model import SessionSignature, freeze_signature, open_signature
from core.runtimes.specs import flatten_outputs, is_nested
from core.runtimes.tf_module import serving_function

# Set where one model is saved in many formats and does not change between: what it was converted to, by format, for the
# forms that begin with the same file.
shared_conversions: ContextVar[dict[str, Any] | None] = ContextVar("shared_conversions", default=None)


def to_inference_model(model: Model) -> Model:
    """A Keras model over the same weights that predicts as in inference, whoever calls it.

    An exporter calls a model without saying that it is not training, and random augmentation then acts. A subclassed
    model says nothing of its inputs, so it cannot be wrapped, and is returned as it is.
    """
    import keras

    if not getattr(model, "inputs", None):
        return model
    inputs = symbolic_inputs(model)
    return to_flat_model(keras.Model(inputs, model(inputs, training=False), name=model.name))


def to_flat_model(model: Model) -> Model:
    """The same Keras model with its outputs by path, where they are nested: exporters take no nested ones."""
    import keras

    outputs = output_structure(model)
    return keras.Model(model.input, flatten_outputs(outputs), name=model.name) if is_nested(outputs) else model


def symbolic_inputs(model: Model) -> Any:
    """The symbolic inputs of a functional or sequential model: one, or a list or dictionary of them."""
    import keras

    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def stated_signature(model: Model) -> list[Any] | None:
    """What an exporter is to trace a model for that keeps its state, for just so many rows as it states; else None.

    Keras' own exporters leave the number of rows free, and the state has one for each.
    """
    import keras

    tensors = getattr(model, "inputs", None) or []
    if not tensors or not may_remember(model) or any(tensor.shape[:1] in ((), (None,)) for tensor in tensors):
        return None
    return [keras.tree.map_structure(_to_input_spec, symbolic_inputs(model))]


def _to_input_spec(tensor: Any) -> Any:
    import keras

    return keras.InputSpec(shape=tuple(tensor.shape), dtype=tensor.dtype, name=tensor.name)


def inference_function(model: Model) -> Any:
    """The concrete function through which a model of either kind predicts in inference mode, with named inputs."""
    import keras
    import tensorflow as tf
    from keras.src.export.export_utils import get_input_signature, make_tf_tensor_spec

    if model_kind(model) == "module":
        return serving_function(model)
    signature = stated_signature(model) or get_input_signature(model)
    specs = keras.tree.map_structure(make_tf_tensor_spec, signature)
    function = tf.function(lambda *inputs: model(*inputs, training=False), autograph=False)
    return function.get_concrete_function(*specs)


def count_function_inputs(model: Model) -> int:
    """How many arrays the function of a model takes, beside what it captures."""
    function = inference_function(model)
    return len(function.inputs) - len(function.captured_inputs)


def output_names(model: Model, function: Any) -> list[str]:
    """Names of a function's outputs in its own order: those of `flatten_outputs`."""
    import tensorflow as tf

    places = iter(range(len(function.outputs)))
    order = [next(places) if hasattr(part, "dtype") else None for part in tf.nest.flatten(function.structured_outputs)]
    structure = tf.nest.pack_sequence_as(function.structured_outputs, order)
    named = flatten_outputs(structure, getattr(model, "output_names", None))
    return sorted(named, key=lambda name: named[name])


def serving_module(folder: Path, signature_name: str = "") -> Model:
    """The signature of a SavedModel (see `choose_signature`) as a tf.Module with one `tf.function`, its `__call__`.

    It holds the variables that the signature reads; of a signature in a session it holds constants. Raises what
    `load_saved_model` raises, and CannotSave.
    """
    import tensorflow as tf

    opened = open_signature(folder, signature_name, tf.saved_model.load)
    if isinstance(opened.signature, SessionSignature):
        function = freeze_signature(opened.signature)
        inputs = dict(zip(opened.signature.inputs, function.inputs, strict=False))
        return wrap_function(function, inputs, by_name=False)
    module = wrap_function(opened.signature, dict(sorted(opened.signature.structured_input_signature[1].items())))
    module.root = opened.root  # it owns the variables, and its tables
    module.read = list(opened.signature.graph.variables)
    return module


def wrap_function(function: Any, inputs: dict[str, Any], by_name: bool = True) -> Model:
    """A tf.Module around a concrete function; `inputs` are its tensors or specs by name, in the order of the module."""
    import tensorflow as tf

    specs = [tf.TensorSpec(spec.shape, spec.dtype, name=_to_identifier(name)) for name, spec in inputs.items()]

    def call(self: Any, *tensors: Any) -> Any:
        return function(**dict(zip(inputs, tensors, strict=True))) if by_name else function(*tensors)

    kind = type("Brought", (tf.Module,), {"__call__": tf.function(call, input_signature=specs)})
    module = kind(name="brought")
    module.function = function
    return module


def _to_identifier(name: str) -> str:
    """A name that can be an argument's: other characters than letters, digits and "_" become "_"."""
    plain = re.sub(r"\W", "_", name)
    return plain if plain.isidentifier() else f"_{plain}"


# Operations on lists of tensors, each with the position of the input that states the shape of one element.
ELEMENT_SHAPE_INPUTS = {
    "EmptyTensorList": 0,
    "TensorListFromTensor": 1,
    "TensorListGetItem": 2,
    "TensorListReserve": 0,
    "TensorListStack": 1,
}
SUFFIX = "_one_row"  # of the functions that a graph calls, which TensorFlow knows by name already


def single_row_module(model: Model) -> Model:
    """A tf.Module with one `tf.function`, its `__call__`: the model for one row, its variables made constants.

    What lists of a loop hold is told to be of one row, too: their shapes were written down for any number.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    function = inference_function(model)
    names = output_names(model, function)
    flat = convert_variables_to_constants_v2(function, lower_control_flow=False, aggressive_inlining=True)
    graph = flat.graph.as_graph_def()
    inputs = [tensor.op.name for tensor in flat.inputs]
    _set_first_size(graph, inputs)
    _rename_functions(graph)
    for nodes in _node_lists(graph):
        _set_element_shapes(nodes)
    outputs = dict(zip(names, (tensor.name for tensor in flat.outputs), strict=True))
    single = import_graph(graph, [f"{name}:0" for name in inputs], outputs)
    return wrap_function(single, dict(zip(inputs, single.inputs, strict=True)), by_name=False)


def _node_lists(graph: Any) -> Iterable[Any]:
    """The nodes of a GraphDef, and those of each function in it."""
    return (graph.node, *(function.node_def for function in graph.library.function))


def _set_first_size(graph: Any, inputs: list[str]) -> None:
    for node in graph.node:
        if node.name in inputs and node.attr["shape"].shape.dim:
            node.attr["shape"].shape.dim[0].size = 1


def _rename_functions(graph: Any) -> None:
    """Give the functions of a GraphDef names that are not taken; what was inferred of their sizes is dropped."""
    renamed = {function.signature.name: function.signature.name + SUFFIX for function in graph.library.function}
    for function in graph.library.function:
        function.signature.name = renamed[function.signature.name]
        for argument in function.arg_attr.values():
            argument.attr.pop("_output_shapes", None)
    for node in (node for nodes in _node_lists(graph) for node in nodes):
        node.attr.pop("_output_shapes", None)
        for attribute in node.attr.values():
            if attribute.WhichOneof("value") == "func":
                attribute.func.name = renamed.get(attribute.func.name, attribute.func.name)


def _set_element_shapes(nodes: Any) -> None:
    """Where the shape of an element begins with a free size, that size is one."""
    import tensorflow as tf

    constants = {node.name: node.attr["value"].tensor for node in nodes if node.op == "Const"}
    for node in (node for node in nodes if node.op in ELEMENT_SHAPE_INPUTS):
        stated = constants.get(node.input[ELEMENT_SHAPE_INPUTS[node.op]].split(":")[0])
        if stated is None:
            continue
        shape = tf.make_ndarray(stated).copy()
        if shape.ndim and shape.size and shape[0] == -1:
            shape[0] = 1
            stated.CopyFrom(tf.make_tensor_proto(shape))


def one_row_at_a_time(predictor: Predictor) -> Predictor:
    """The same predictor, asked for each row alone: those of one call would change each other's answers."""

    def predict(inputs: Arrays) -> Arrays:
        rows = range(len(next(iter(inputs.values()))))
        parts = [predictor.predict_fn({name: array[at : at + 1] for name, array in inputs.items()}) for at in rows]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return replace(predictor, predict_fn=predict, remark=join_remarks(predictor.remark, DEPENDENT_ROWS_REMARK))


def one_row_a_call(predictor: Predictor) -> Predictor:
    """The same predictor with one more axis: where no axis of the inputs counts rows, each row is a call of its own."""

    def predict(inputs: Arrays) -> Arrays:
        rows = range(len(next(iter(inputs.values()))))
        parts = [predictor.predict_fn({name: array[at] for name, array in inputs.items()}) for at in rows]
        return {name: np.stack([part[name] for part in parts]) for name in parts[0]}

    inputs = tuple(
        replace(spec, shape=None if spec.shape is None else (None, *spec.shape)) for spec in predictor.inputs
    )
    remark = join_remarks(predictor.remark, ROW_IS_CALL_REMARK)
    return replace(predictor, inputs=inputs, predict_fn=predict, call_rows=1, remark=remark)
