"""Operations that tf2onnx writes down as they are, because ONNX has none of that name, said in those that ONNX has."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

FIRST_OPSET = 9  # of ONNX, from which on all that is used here exists


@dataclass(frozen=True)
class NodeWriter:
    """Writes nodes into a graph of tf2onnx: called with an operation and its inputs it gives the name of the output."""

    graph: Any
    dtype: int  # of ONNX, of the numbers that `number` writes

    def __call__(self, operation: str, *inputs: str) -> str:
        return str(self.graph.make_node(operation, list(inputs)).output[0])

    def number(self, value: float) -> str:
        from tf2onnx import utils

        array = np.array(value, utils.map_onnx_to_numpy_type(self.dtype))
        return str(self.graph.make_const(utils.make_name("number"), array).output[0])

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


Decomposition = Callable[..., str]

# By the name of the operation of TensorFlow: what writes it down, from the names of its inputs.
DECOMPOSITIONS: dict[str, Decomposition] = {
    "Erfc": lambda write, x: write("Sub", write.number(1), write("Erf", x)),
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

    for name, decomposition in DECOMPOSITIONS.items():
        tf_op(name).register_compat_handler(partial(_replace, decomposition), FIRST_OPSET)
    tf_op("TFL_GELU").register_compat_handler(_replace_litert_gelu, FIRST_OPSET)


def _replace_litert_gelu(graph: Any, node: Any, **_: Any) -> None:
    is_approximate = "approximate" in node.attr and bool(node.get_attr_int("approximate"))
    _replace(_gelu_by_tanh if is_approximate else _gelu, graph, node)


def _replace(decomposition: Decomposition, graph: Any, node: Any, **_: Any) -> None:
    inputs, outputs = list(node.input), list(node.output)
    shapes, dtypes = node.output_shapes, node.output_dtypes
    graph.remove_node(node.name)
    result = decomposition(NodeWriter(graph, dtypes[0]), *inputs)
    graph.make_node("Identity", [result], outputs=outputs, name=node.name, shapes=shapes, dtypes=dtypes)
