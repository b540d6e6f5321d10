"""Operations that tf2onnx leaves as they are or changes, written in operations of ONNX.

It leaves those of which ONNX has none of that name; what it changes is seen by
`findings/tf2onnx_changes_operations.sh`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np

FLOAT = 1  # the number of this dtype in ONNX
INT64 = 7
INT32 = 6
BOOL = 9
MIN_OPSET = 13  # that may be chosen
FIRST_OPSET = 10  # of ONNX, from which on all else that is used here exists
SIGN_BIT = np.iinfo(np.int32).min
CALLS = ("PartitionedCall", "StatefulPartitionedCall")
INLINED = "_inlined"
BITWISE_OPSET = 18  # from which on ONNX has operations on bits, and tf2onnx one of its own for them
FIRST_REDUCING_OPSET = 16  # from which on numbers for one place can be added up


@dataclass
class Needs:
    """What a conversion needs: the opset that it is written in, and whether calls of functions are to be inlined."""

    opset: int
    inlining: bool = False


_needs: ContextVar[Needs | None] = ContextVar("needs", default=None)


@contextmanager
def noting_needs(needs: Needs) -> Iterator[Needs]:
    """While a model is converted: those needs, and what its operations need beyond.

    The converter goes on after an error of one operation, so none is raised.
    """
    noted = replace(needs)
    token = _needs.set(noted)
    try:
        yield noted
    finally:
        _needs.reset(token)


def inline_calls(graph: Any) -> Any:
    """A GraphDef in which no call of a function is kept from being inlined: those that Keras compiles for a
    convolution of groups are, and tf2onnx knows no calls."""
    for function in graph.library.function:
        function.signature.name += INLINED  # TensorFlow knows the other one by its name
        _allow_inlining(function)
    for node in (*graph.node, *(node for function in graph.library.function for node in function.node_def)):
        _allow_inlining(node)
        for value in node.attr.values():
            for called in [value.func] if value.HasField("func") else value.list.func:
                called.name += INLINED
    return graph


def _allow_inlining(part: Any) -> None:
    for attribute in ("_XlaMustCompile", "_noinline"):
        part.attr.pop(attribute, None)


@dataclass(frozen=True)
class NodeWriter:
    """Writes nodes into a graph of tf2onnx: called with an operation and its inputs it gives the name of the output."""

    graph: Any
    dtype: int  # of ONNX, of the numbers that `number` and `cast` write

    def __call__(self, operation: str, *inputs: str, **attributes: Any) -> str:
        return str(self.graph.make_node(operation, list(inputs), attr=attributes).output[0])

    @property
    def is_float(self) -> bool:
        from tf2onnx import utils

        return bool(np.issubdtype(utils.map_onnx_to_numpy_type(self.dtype), np.floating))

    def number(self, value: float | list[int]) -> str:
        from tf2onnx import utils

        array = np.array(value, utils.map_onnx_to_numpy_type(self.dtype))
        return str(self.graph.make_const(utils.make_name("number"), array).output[0])

    def cast(self, x: str) -> str:
        return self("Cast", x, to=self.dtype)

    def unsqueeze(self, x: str, *axes: int) -> str:
        from tf2onnx.graph_builder import GraphBuilder

        return str(GraphBuilder(self.graph).make_unsqueeze({"data": x, "axes": list(axes)}))

    def unless_zero(self, x: str, y: str) -> str:
        """Zero where `x` is zero, whatever `y` is there."""
        zero = self.number(0)
        return self("Where", self("Equal", x, zero), zero, y)


def _gelu(write: NodeWriter, x: str) -> str:
    """x / 2 · (1 + erf(x / √2)), Hendrycks and Gimpel 2016."""
    error = write("Erf", write("Mul", x, write.number(0.5**0.5)))
    return write("Mul", write("Mul", x, write.number(0.5)), write("Add", error, write.number(1)))


def _gelu_by_tanh(write: NodeWriter, x: str) -> str:
    """x / 2 · (1 + tanh(√(2 / π) (x + 0.044715 x³))), of the same paper."""
    cube = write("Mul", write("Mul", x, x), write("Mul", x, write.number(0.044715)))
    bend = write("Tanh", write("Mul", write("Add", x, cube), write.number((2 / np.pi) ** 0.5)))
    return write("Mul", write("Mul", x, write.number(0.5)), write("Add", bend, write.number(1)))


def _floor_divide(write: NodeWriter, x: str, y: str) -> str:
    """The quotient rounded down: that of integers ONNX rounds towards zero, but where nothing is left over."""
    if write.is_float:
        return write("Floor", write("Div", x, y))
    return write("Div", write("Sub", x, write("Mod", x, y)), y)


def _floor_modulo(write: NodeWriter, x: str, y: str) -> str:
    """What is left over, with the sign of the divisor."""
    if write.is_float:
        return write("Sub", x, write("Mul", _floor_divide(write, x, y), y))
    return write("Mod", x, y)


Decomposition = Callable[..., str]

# By the name of the operation of TensorFlow: what writes it down, from the names of its inputs.
DECOMPOSITIONS: dict[str, Decomposition] = {
    "Erfc": lambda write, x: write("Sub", write.number(1), write("Erf", x)),
    "FloorDiv": _floor_divide,
    "FloorMod": _floor_modulo,
    "Expm1": lambda write, x: write("Sub", write("Exp", x), write.number(1)),
    "Log1p": lambda write, x: write("Log", write("Add", x, write.number(1))),
    "MulNoNan": lambda write, x, y: write.unless_zero(y, write("Mul", x, y)),
    "Xdivy": lambda write, x, y: write.unless_zero(x, write("Div", x, y)),
    "Xlog1py": lambda write, x, y: write.unless_zero(
        x, write("Mul", x, write("Log", write("Add", y, write.number(1))))
    ),
    "Xlogy": lambda write, x, y: write.unless_zero(x, write("Mul", x, write("Log", y))),
}


@cache
def register_decompositions() -> None:
    """Have tf2onnx write these operations in this process, those of LiteRT files too."""
    from tf2onnx.handler import tf_op
    from tf2onnx.onnx_opset.tensor import OneHot  # with which its own are registered: the later ones stand

    for name, decomposition in DECOMPOSITIONS.items():
        tf_op(name).register_compat_handler(partial(_replace, decomposition), FIRST_OPSET)
    tf_op("TFL_GELU").register_compat_handler(_replace_litert_gelu, FIRST_OPSET)
    tf_op("OneHot").register_compat_handler(partial(_write_one_hot, OneHot.version_13), MIN_OPSET)
    for opset in (FIRST_OPSET, BITWISE_OPSET):
        tf_op("BitwiseAnd").register_compat_handler(_write_sign_bit, opset)
    for name in CALLS:
        tf_op(name).register_compat_handler(_note_call, FIRST_OPSET)
    for name, scatter in SCATTERS.items():
        for opset in (MIN_OPSET, FIRST_REDUCING_OPSET, scatter.opset):  # each of its own replaces one of tf2onnx
            tf_op(name).register_compat_handler(partial(_write_scatter, scatter), opset)


def _write_one_hot(write_as_before: Callable[..., None], graph: Any, node: Any, **options: Any) -> None:
    """Hold each index against all classes, in any dtype and rank: one below zero is none of them in TensorFlow, and
    counts from the end in ONNX' own operation."""
    indices, depth, on, off = node.input
    if (rank := graph.get_rank(indices)) is None:
        write_as_before(graph, node, **options)
        return
    name, outputs, shapes, dtypes = node.name, list(node.output), node.output_shapes, node.output_dtypes
    axis = rank if (given := node.get_attr_int("axis")) == -1 else given
    graph.remove_node(name)
    write = NodeWriter(graph, INT64)
    classes = write("Range", write.number(0), write.cast(depth), write.number(1))
    if rank > axis:
        classes = write.unsqueeze(classes, *range(1, rank - axis + 1))
    is_class = write("Equal", write.unsqueeze(write.cast(indices), axis), classes)
    graph.make_node("Where", [is_class, on, off], outputs=outputs, name=name, shapes=shapes, dtypes=dtypes)


def _write_sign_bit(graph: Any, node: Any, **_: Any) -> None:
    """Tell by 1 / x whether a float has its sign bit set, as Keras' argmax asks for -0.0 by its bits, which ONNX has
    no operation for. Other bits stay as they are: ONNX Runtime says that it does not know the operation."""
    bits, mask = node.inputs
    is_sign = mask.is_const() and np.array_equal(mask.get_tensor_value(as_list=False), SIGN_BIT)
    if not (bits.type == "Bitcast" and is_sign and graph.get_dtype(bits.input[0]) == FLOAT):
        return
    name, outputs, shapes, dtypes = node.name, list(node.output), node.output_shapes, node.output_dtypes
    graph.remove_node(name)
    floats, integers, x = NodeWriter(graph, FLOAT), NodeWriter(graph, INT32), bits.input[0]
    zero = floats.number(0)
    is_set = floats("Or", floats("Less", x, zero), floats("Less", floats("Div", floats.number(1), x), zero))
    sign = [is_set, integers.number(int(SIGN_BIT)), integers.number(0)]
    graph.make_node("Where", sign, outputs=outputs, name=name, shapes=shapes, dtypes=dtypes)


@dataclass(frozen=True)
class Scatter:
    """How an operation puts numbers into places of a tensor: by adding them up, or by keeping one of them."""

    reduction: str  # as ONNX calls it
    opset: int = FIRST_REDUCING_OPSET
    is_negated: bool = False


SCATTERS = {
    "ScatterNd": Scatter("add"),
    "TensorScatterAdd": Scatter("add"),
    "TensorScatterSub": Scatter("add", is_negated=True),
    "TensorScatterMax": Scatter("max", 18),
    "TensorScatterMin": Scatter("min", 18),
}


def _write_scatter(scatter: Scatter, graph: Any, node: Any, **_: Any) -> None:
    """Write each number by itself into a flat tensor: ONNX Runtime's own operation on slices loses some where several
    threads meet in one place, see `findings/onnxruntime_scatter_nd_loses_numbers.sh`."""
    is_fresh = node.type == "ScatterNd"
    tensor, indices, updates = (None, *node.input[:2]) if is_fresh else node.input
    depth = (graph.get_shape(indices) or [-1])[-1]
    if (needs := _needs.get()) is not None:
        needs.opset = max(needs.opset, scatter.opset)
    if graph.opset < scatter.opset or depth < 1:  # it stays as it is: ONNX Runtime says that it does not know it
        return
    name, outputs, shapes, dtype = node.name, list(node.output), node.output_shapes, graph.get_dtype(updates)
    places, numbers = NodeWriter(graph, INT64), NodeWriter(graph, INT32 if dtype == BOOL else dtype)
    shape, flat = places.cast(node.input[2]) if is_fresh else places("Shape", tensor), places.number([-1])
    graph.remove_node(name)
    start = (
        numbers("Expand", numbers.number(0), _count(places, shape)) if is_fresh else numbers("Reshape", tensor, flat)
    )
    added = numbers("Reshape", numbers.cast(updates), flat)
    added = numbers("Neg", added) if scatter.is_negated else added
    at = _flat_places(places, indices, shape, depth)
    result = numbers("ScatterElements", start, at, added, axis=0, reduction=scatter.reduction)
    result = numbers("Reshape", result, shape)
    graph.make_node("Cast", [result], {"to": dtype}, outputs=outputs, name=name, shapes=shapes, dtypes=[dtype])


def _note_call(_: Any, __: Any, **___: Any) -> None:
    if (needs := _needs.get()) is not None:
        needs.inlining = True


def _flat_places(write: NodeWriter, indices: str, shape: str, depth: int) -> str:
    """Where each number of the updates stands in the flattened tensor, one after another: int64, as many as there are.

    An index of `depth` places points at a slice of the axes that are left.
    """
    strides = write("Concat", *(_count(write, shape, begin=axis + 1) for axis in range(depth)), axis=0)
    starts = write("ReduceSum", write("Mul", write.cast(indices), strides), write.number([-1]), keepdims=0)
    inside = write("Squeeze", _count(write, shape, begin=depth))
    within = write("Range", write.number(0), inside, write.number(1))
    each = write("Add", write("Reshape", starts, write.number([-1, 1])), within)
    return write("Reshape", each, write.number([-1]))


def _count(write: NodeWriter, shape: str, begin: int = 0) -> str:
    """How many numbers the axes from `begin` on have: int64 of shape [1]."""
    axes = write("Slice", shape, write.number([begin]), write.number([2**31]))
    return write("ReduceProd", write("Concat", write.number([1]), axes, axis=0), keepdims=1)


def _replace_litert_gelu(graph: Any, node: Any, **_: Any) -> None:
    is_approximate = "approximate" in node.attr and bool(node.get_attr_int("approximate"))
    _replace(_gelu_by_tanh if is_approximate else _gelu, graph, node)


def _replace(decomposition: Decomposition, graph: Any, node: Any, **_: Any) -> None:
    inputs, outputs = list(node.input), list(node.output)
    shapes, dtypes = node.output_shapes, node.output_dtypes
    graph.remove_node(node.name)
    result = decomposition(NodeWriter(graph, dtypes[0]), *inputs)
    graph.make_node("Identity", [result], outputs=outputs, name=node.name, shapes=shapes, dtypes=dtypes)
