"""The operations of a model, as `core.runtimes.range_propagation` follows them; nothing is run.

They are those of Keras, of graphs of TensorFlow, and of files of ONNX, LiteRT and OpenVINO.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from core.runtimes.base import Model
from core.runtimes.range_propagation import (
    ADD,
    DIVIDE,
    LOOK_UP,
    MAX_CONSTANT,
    MULTIPLY,
    PASS,
    STANDARDIZE,
    SUBTRACT,
    FirstSteps,
    Step,
)

ARITHMETIC = {"add": ADD, "addv2": ADD, "sub": SUBTRACT, "subtract": SUBTRACT, "mul": MULTIPLY, "multiply": MULTIPLY}
ARITHMETIC |= {"div": DIVIDE, "divide": DIVIDE, "truediv": DIVIDE, "truedivide": DIVIDE, "realdiv": DIVIDE}
# Names of operations without regard to case and "_", in any of these frameworks, that move numbers and change none.
MOVES = frozenset(
    """
    identity cast convert dequantize quantize transpose permute reshape squeeze unsqueeze expanddims flatten pad
    padv2 interpolate mirrorpad resizebilinear resizenearestneighbor resize dropout dropouts stopgradient
    zeropadding1d zeropadding2d zeropadding3d cropping1d cropping2d cropping3d centercrop resizing spatialdropout1d
    spatialdropout2d gaussiannoise gaussiandropout randomflip randomrotation randomzoom randomtranslation
    randomcontrast randombrightness randomcrop
    """.split()  # noqa: SIM905  as a list of strings this would be many times as long
)
CHOICES = frozenset(("where", "select", "selectv2"))  # of the second and the third input, by the first
LOOK_UPS = frozenset(("gather", "gatherv2", "embeddinglookup"))


class _Collector:
    """Gathers steps and constants."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.constants: dict[Hashable, np.ndarray] = {}
        self.rows: dict[Hashable, int] = {}

    def step(self, operation: str, inputs: Iterable[Hashable], outputs: Iterable[Hashable]) -> None:
        self.steps.append(Step(operation, tuple(inputs), tuple(outputs)))

    def named_step(self, name: str, inputs: Iterable[Hashable], outputs: Iterable[Hashable]) -> None:
        """A step by the name that a framework has for its operation; what is not known is left out."""
        plain = name.replace("_", "").lower()
        if plain in MOVES:
            self.step(PASS, list(inputs)[:1], outputs)
        elif plain in CHOICES:
            for chosen in list(inputs)[1:]:
                self.step(PASS, [chosen], outputs)
        elif plain in LOOK_UPS:
            self.step(LOOK_UP, inputs, outputs)
        elif plain in ARITHMETIC:
            self.step(ARITHMETIC[plain], inputs, outputs)

    def constant(self, value: Any) -> Hashable:
        """A key for a constant that has none."""
        key = ("constant", len(self.constants))
        self.constants[key] = np.asarray(value)
        return key

    def result(self) -> FirstSteps:
        """All of it; what is only moved or cast of a constant is one too."""
        moved = [step for step in self.steps if step.operation == PASS]
        # Of several steps to one output, as of a choice, none says what it is.
        varying = {
            output for output, count in Counter(out for step in moved for out in step.outputs).items() if count > 1
        }
        while new := {
            output: self.constants[step.inputs[0]]
            for step in moved
            if step.inputs[0] in self.constants
            for output in step.outputs
            if output not in self.constants and output not in varying
        }:
            self.constants.update(new)
        return FirstSteps(self.steps, self.constants, self.rows)


def steps_of_keras(model: Model) -> FirstSteps:
    """Of a functional or sequential model, by the ids of its symbolic tensors, nested models included."""
    collector = _Collector()
    _add_keras_steps(collector, model)
    return collector.result()


def _add_keras_steps(collector: _Collector, model: Model) -> None:
    graph = getattr(model, "_functional", None) or model
    for node in (node for nodes in graph._nodes_by_depth.values() for node in nodes):
        operation, outputs = node.operation, [id(tensor) for tensor in node.outputs]
        inputs = [id(tensor) for tensor in node.input_tensors]
        inner = getattr(operation, "_functional", None) or operation
        if getattr(inner, "_nodes_by_depth", None):
            _add_keras_steps(collector, inner)
            for outer, own in zip(inputs, inner.inputs, strict=False):
                collector.step(PASS, [outer], [id(own)])
            for own, outer in zip(inner.outputs, outputs, strict=False):
                collector.step(PASS, [id(own)], [outer])
        elif len(inputs) == 1:
            _add_layer_steps(collector, node, inputs[0], outputs)


def _add_layer_steps(collector: _Collector, node: Any, taken: Hashable, outputs: list[int]) -> None:
    layer, kind = node.operation, type(node.operation).__name__
    if kind == "Rescaling":
        scaled = ("scaled", id(node))
        collector.step(MULTIPLY, [taken, collector.constant(layer.scale)], [scaled])
        collector.step(ADD, [scaled, collector.constant(layer.offset)], outputs)
    elif kind == "Normalization" and layer.mean is not None and not layer.invert:
        _add_standardizing(collector, taken, (layer.mean, layer.variance), outputs)
    elif kind == "BatchNormalization":
        _add_standardizing(collector, taken, (layer.moving_mean, layer.moving_variance), outputs)
    elif kind in ("Embedding", "CategoryEncoding"):
        table = collector.constant(0.0)
        collector.rows[table] = int(layer.input_dim if kind == "Embedding" else layer.num_tokens)
        collector.step(LOOK_UP, [taken, table], outputs)
    else:
        arguments = node.arguments.args
        keys = [taken if hasattr(part, "_keras_history") else collector.constant(part) for part in arguments]
        collector.named_step(kind, keys if kind.lower() in ARITHMETIC else [taken], outputs)


def _add_standardizing(collector: _Collector, taken: Hashable, moments: Iterable[Any], outputs: Iterable[Any]) -> None:
    """What brings numbers to a mean of 0 and a variance of 1; not where it was never told what it was to expect."""
    mean, variance = (np.ravel(np.asarray(moment, "float64")) for moment in moments)
    if len(mean) <= MAX_CONSTANT and not (np.all(mean == 0) and np.all(variance == 1)):
        collector.step(STANDARDIZE, [taken, collector.constant(mean), collector.constant(variance)], outputs)


def steps_of_graph(graph: Any) -> FirstSteps:
    """Of a GraphDef and the functions that it calls, by the names of its tensors ("x:0")."""
    collector = _Collector()
    bodies = {body.signature.name: body for body in graph.library.function}
    _add_graph_steps(collector, graph.node, bodies, "", 0)
    return collector.result()


MAX_CALLS = 8  # of functions in functions


def _add_graph_steps(collector: _Collector, nodes: Any, bodies: dict[str, Any], place: str, depth: int) -> None:
    """Steps of a list of nodes; `place` begins the keys of its tensors."""
    import tensorflow as tf

    for node in nodes:
        inputs = [f"{place}{plain_name(name)}" for name in node.input if not name.startswith("^")]
        output = f"{place}{node.name}"
        called = bodies.get(node.attr["f"].func.name) if "f" in node.attr else None
        if called is not None and depth < MAX_CALLS:
            _add_call(collector, called, bodies, inputs, output, depth)
        elif node.op == "Const" and _count_sizes(node.attr["value"].tensor.tensor_shape.dim) <= MAX_CONSTANT:
            value = np.asarray(tf.make_ndarray(node.attr["value"].tensor))
            if value.dtype.kind in "biuf":
                collector.constants[output] = value
        else:
            collector.named_step(node.op, inputs, [output])


def _count_sizes(axes: Any) -> int:
    return math.prod(axis.size for axis in axes)


def plain_name(name: str) -> str:
    """The node of a tensor, with the place of an output other than the first."""
    node, _, output = name.partition(":")
    place = output.rpartition(":")[2]
    return node if place in ("", "0") else f"{node}:{place}"


def _add_call(
    collector: _Collector, body: Any, bodies: dict[str, Any], inputs: list[str], output: str, depth: int
) -> None:
    """The steps of a function that a node calls, joined to the node's own inputs and outputs."""
    inner = f"{output}/{depth}/"
    _add_graph_steps(collector, body.node_def, bodies, inner, depth + 1)
    for outer, argument in zip(inputs, body.signature.input_arg, strict=False):
        collector.step(PASS, [outer], [f"{inner}{argument.name}"])
    for at, result in enumerate(body.signature.output_arg):
        returned = f"{inner}{plain_name(body.ret[result.name])}"
        collector.step(PASS, [returned], [output if at == 0 else f"{output}:{at}"])


def steps_of_onnx(path: Path) -> FirstSteps:
    """Of an ONNX file, by the names of its tensors."""
    import onnx

    from core.runtimes.onnx import list_constants, read_tensor

    collector, graph = _Collector(), onnx.load(path, load_external_data=False).graph
    for constant in list_constants(graph):
        if constant.indices is None and constant.shape:
            collector.rows[constant.name] = constant.shape[0]
        if constant.indices is None and math.prod(constant.shape) <= MAX_CONSTANT:
            collector.constants[constant.name] = read_tensor(constant.tensor, path.parent)
    for node in graph.node:
        if node.op_type == "BatchNormalization" and all(name in collector.constants for name in node.input[3:5]):
            moments = [collector.constants[name] for name in node.input[3:5]]
            _add_standardizing(collector, node.input[0], moments, node.output[:1])
        else:
            collector.named_step(node.op_type, node.input, node.output[:1])
    return collector.result()


def steps_of_litert(content: bytes) -> FirstSteps:
    """Of the first graph of a LiteRT file, by the places of its tensors."""
    from ai_edge_litert import schema_py_generated as schema

    from core.runtimes.litert import enum_names

    model, names = schema.Model.GetRootAs(content, 0), enum_names(schema.BuiltinOperator)
    dtypes = {number: name.lower() for number, name in enum_names(schema.TensorType).items()}
    graph, collector = model.Subgraphs(0), _Collector()
    for at in range(graph.TensorsLength()):
        tensor = graph.Tensors(at)
        shape = [tensor.Shape(axis) for axis in range(tensor.ShapeLength())]
        buffer = model.Buffers(tensor.Buffer())
        if buffer.DataLength() and shape:
            collector.rows[at] = shape[0]
        if buffer.DataLength() and math.prod(shape) <= MAX_CONSTANT and dtypes[tensor.Type()] in ("float32", "int32"):
            collector.constants[at] = buffer.DataAsNumpy().view(dtypes[tensor.Type()]).reshape(shape)
    for node in map(graph.Operators, range(graph.OperatorsLength())):
        code = model.OperatorCodes(node.OpcodeIndex())
        name = names.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "")
        sides = [map(node.Inputs, range(node.InputsLength())), map(node.Outputs, range(node.OutputsLength()))]
        collector.named_step(name, *(list(side) for side in sides))
    return collector.result()


def steps_of_openvino(model: Any) -> FirstSteps:
    """Of an OpenVINO model that was read, by the names of its operations."""
    collector = _Collector()
    for node in model.get_ordered_ops():
        name = node.get_friendly_name()
        if node.get_type_name() == "Constant":
            sizes = list(node.get_output_shape(0))
            if sizes:
                collector.rows[name] = sizes[0]
            if math.prod(sizes) <= MAX_CONSTANT:
                collector.constants[name] = np.asarray(node.get_data())
        else:
            inputs = [item.get_node().get_friendly_name() for item in node.input_values()]
            collector.named_step(node.get_type_name(), inputs, [name])
    return collector.result()
