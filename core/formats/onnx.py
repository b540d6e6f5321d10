"""ONNX: the exchange format that most other runtimes and frameworks read.

Operations that tf2onnx leaves as they are, because ONNX has none of that name, are decomposed into those that it has;
so are those that it writes otherwise than TensorFlow computes them (see `findings/tf2onnx_changes_operations.sh`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import CannotSave
from core.formats.base import Format, Option
from core.formats.frozen_graph import freeze_graph
from core.formats.standalone_loaders import StandaloneLoader, open_any_onnx, open_onnx
from core.runtimes import imported_graph, inference_model
from core.runtimes.base import Model
from core.runtimes.litert import FILE as LITERT
from core.runtimes.litert import require_float_tensors
from core.runtimes.litert_contents import remembers
from core.runtimes.model_kinds import model_kind
from core.runtimes.onnx import FILE, count_inputs, load, load_model
from core.runtimes.tf_module import serving_function

INT64 = 7  # the number of this dtype in ONNX
MIN_OPSET = 13  # that may be chosen
FIRST_OPSET = 10  # of ONNX, from which on all that is used here exists


@dataclass(frozen=True)
class NodeWriter:
    """Writes nodes into a graph of tf2onnx: called with an operation and its inputs it gives the name of the output."""

    graph: Any
    dtype: int  # of ONNX, of the numbers that `number` and `cast` write

    def __call__(self, operation: str, *inputs: str) -> str:
        return str(self.graph.make_node(operation, list(inputs)).output[0])

    @property
    def is_float(self) -> bool:
        from tf2onnx import utils

        return bool(np.issubdtype(utils.map_onnx_to_numpy_type(self.dtype), np.floating))

    def number(self, value: float) -> str:
        from tf2onnx import utils

        array = np.array(value, utils.map_onnx_to_numpy_type(self.dtype))
        return str(self.graph.make_const(utils.make_name("number"), array).output[0])

    def cast(self, x: str) -> str:
        return str(self.graph.make_node("Cast", [x], attr={"to": self.dtype}).output[0])

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


def _replace_litert_gelu(graph: Any, node: Any, **_: Any) -> None:
    is_approximate = "approximate" in node.attr and bool(node.get_attr_int("approximate"))
    _replace(_gelu_by_tanh if is_approximate else _gelu, graph, node)


def _replace(decomposition: Decomposition, graph: Any, node: Any, **_: Any) -> None:
    inputs, outputs = list(node.input), list(node.output)
    shapes, dtypes = node.output_shapes, node.output_dtypes
    graph.remove_node(node.name)
    result = decomposition(NodeWriter(graph, dtypes[0]), *inputs)
    graph.make_node("Identity", [result], outputs=outputs, name=node.name, shapes=shapes, dtypes=dtypes)


def save(model: Model, folder: Path, opset: int = 15) -> str:
    path = folder / FILE
    if model_kind(model) == "onnx":  # for the forms that begin with the plain file
        path.write_bytes(load_model(model.folder / FILE).SerializeToString())
        return ""
    return inference_model.share_conversion(f"onnx {opset}", path, lambda: _convert(model, path, opset))


def _convert(model: Model, file: Path, opset: int) -> str:
    """Convert by the way of the model's kind; returns what to know of the copy."""
    kind, path = model_kind(model), str(file)
    if kind == "litert":
        _convert_litert(model.folder / LITERT, path, opset)
        return ""
    if kind == "keras":
        _export_keras(model, path, opset)
    else:
        _convert_function(serving_function(model), path, opset)
    if count_inputs(file) > inference_model.count_function_inputs(model):
        # Constants that a layer computed, as Normalization does, have become inputs that nobody can fill.
        _convert_frozen_graph(freeze_graph(model), path, opset)
    return ""


def _convert_litert(source: Path, path: str, opset: int) -> None:
    require_float_tensors(source, "an ONNX file")
    try:
        _import_tf2onnx().from_tflite(str(source), opset=opset, output_path=path)
    except Exception as error:  # whatever the converter raises; it goes on unless variables are what it stumbles over
        if not remembers(source.read_bytes()):
            raise
        sentence = "This LiteRT file keeps values in variables, and the converter knows none."
        raise CannotSave(sentence, cure="Convert the model that the file was made from.", detail=str(error)) from error


def _export_keras(model: Model, path: str, opset: int) -> None:
    """Keras' own export. Named inputs spare us its demand that the model was called before: a rebuilt one was not."""
    register_decompositions()
    inputs = inference_model.stated_signature(model)
    if inputs is None and getattr(model, "inputs", None):
        inputs = [inference_model.symbolic_inputs(model)]
    inference_model.to_inference_model(model).export(
        path, format="onnx", opset_version=opset, input_signature=inputs, verbose=False
    )


def _convert_function(function: Any, path: str, opset: int) -> None:
    """tf2onnx takes a tf.function and traces it anew."""
    import tensorflow as tf

    positional, named = function.structured_input_signature
    traced = tf.function(lambda *inputs: function(*inputs))
    _import_tf2onnx().from_function(traced, [*positional, *named.values()], opset=opset, output_path=path)


def _convert_frozen_graph(graph: Any, path: str, opset: int) -> None:
    names = imported_graph.graph_input_names(graph), imported_graph.graph_output_names(graph)
    inputs, outputs = ([f"{name}:0" for name in side] for side in names)
    _import_tf2onnx().from_graph_def(graph, input_names=inputs, output_names=outputs, opset=opset, output_path=path)


def _import_tf2onnx() -> Any:
    """The converter, with Keras' own patch that makes it work with NumPy 2, and with the operations that it lacks."""
    import tf2onnx
    from keras.src.export.tf2onnx_lib import patch_tf2onnx

    patch_tf2onnx()
    register_decompositions()
    return tf2onnx.convert


OPSET_HELP = "The version of ONNX' set of operations. A newer one knows more, an older one runs in older runtimes."

FORMAT = Format(
    key="onnx",
    label="ONNX",
    layout="one file",
    good_for="Everything that is not TensorFlow: ONNX Runtime on any system, other frameworks, hardware compilers.",
    keeps=frozenset({"weights, converted", "graph"}),
    accepts=frozenset({"keras", "module", "litert"}),
    save=save,
    load=load,
    kit=StandaloneLoader(
        open_onnx,
        FILE,
        ("onnxruntime", "numpy"),
        load_imported=open_any_onnx,
        imported_packages=("onnx",),  # which translates a file that is too old for ONNX Runtime
    ),
    activations="onnx",
    packages={"onnx": "onnx", "tf2onnx": "tf2onnx", "onnxruntime": "onnxruntime"},
    options=(Option("opset", "Opset", 15, OPSET_HELP, choices=(13, 14, 15, 16, 17, 18)),),
    max_weight_bytes=2**31 - 1,  # a protocol buffer
    origin="Microsoft and Facebook (2017), now under the Linux Foundation.",
    explains="The converter writes operations that it does not know as they are and reports success: only running the "
    "file shows that it is invalid. Some are written here in others that ONNX has: exact GELU, for one, and quotients "
    "of integers below zero, which it rounds the other way. Of several numbers for one place in scatter_nd it keeps "
    "the last, where TensorFlow adds them. Outputs are renamed, and those of a dictionary come in the order of the "
    "alphabet. Kernels may be turned and layers folded "
    "into one another. One file holds at most 2 GB.",
)

# What the forms of this file have in common that are made from it, or from an ONNX file; each changes the rest.
REWRITTEN = replace(
    FORMAT,
    accepts=FORMAT.accepts | {"onnx"},
    options=(),
    kit=StandaloneLoader(open_onnx, FILE, ("onnxruntime", "numpy")),
    origin="ONNX; this form by ONNX Runtime's own tools (Microsoft).",
)
