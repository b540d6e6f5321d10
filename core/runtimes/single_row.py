"""One row at a time: a predictor that is asked row by row, and a model as a function of exactly one row.

A converter needs the latter where it must know every size beforehand.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.errors import CannotSave
from core.runtimes.base import Model, Predictor, join_remarks
from core.runtimes.batch_adapter import DEPENDENT_ROWS_REMARK, ROW_IS_CALL_REMARK
from core.runtimes.imported_graph import import_graph
from core.runtimes.inference_model import inference_function, output_names
from core.runtimes.signature_module import wrap_function

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


def require_stated_sizes(specs: Iterable[Any]) -> None:
    """Require inputs whose sizes are all stated. Raises CannotSave."""
    if free := [spec.name for spec in specs if not spec.shape.is_fully_defined()]:
        raise CannotSave(
            "Some sizes of this model's inputs are free beside the number of rows, and here all must be stated.",
            received=", ".join(free),
            cure="State them in its Input layers, or choose plain LiteRT or ONNX.",
        )


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
