"""Bad inputs that are aimed at something: a secret file, a canary, a socket; and those that break no rule of gate or
inspector, so that only the confined process which loads them can stop them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.gate.makers import DENSE, Made, field, fill_weights, h5, keras_file, layer, sequential, written
from tests.gate.makers_graphs import FLOAT, archive, asset, constant, meta, node, saved_model
from tests.gate.makers_h5 import made as made_h5
from tests.gate.makers_runtimes import onnx_model, outside, tensor, tflite

INT32, BOOL = 3, 10  # TensorFlow's numbers of dtypes


class Traps(NamedTuple):
    """What a stranger's file would touch if it could."""

    secret: Path
    canary: Path
    url: str


def words_at(place: str) -> bytes:
    """A .keras file whose layer asks for its words elsewhere."""
    return keras_file(sequential(layer("keras.layers", "StringLookup", vocabulary=place, output_mode="int")))


def h5_beside(place: Path) -> bytes:
    def link(file: Any) -> None:
        import h5py

        file["secret"] = h5py.ExternalLink(str(place), "/")

    return made_h5(link)


def writes(place: Path) -> bytes:
    """A SavedModel that writes a file when it is asked."""
    nodes = node("place", "Const", **constant(str(place))), node("write", "WriteFile", "place", "place")
    return archive(saved_model(meta(*nodes)))


def reads_table(place: Path) -> bytes:
    """A SavedModel that fills a table from a file when it is loaded."""
    nodes = node("place", "Const", **constant(str(place))), node("i", "InitializeTableFromTextFileV2", "x", "place")
    return archive(saved_model(meta(*nodes)))


# Refused by which rule, made how, and called what.
AIMED: dict[str, tuple[str, Callable[[Traps], bytes], str]] = {
    "words-of-a-secret": ("config-path", lambda traps: words_at(str(traps.secret)), "model.keras"),
    "words-from-a-url": ("config-url", lambda traps: words_at(traps.url), "model.keras"),
    "h5-link-to-a-secret": ("h5-link", lambda traps: h5_beside(traps.secret), "model.weights.h5"),
    "writes-a-canary": ("operation", lambda traps: writes(traps.canary), "model.zip"),
    "table-of-a-secret": ("asset-name", lambda traps: reads_table(traps.secret), "model.zip"),
    "asset-above": ("asset-name", lambda _: archive(saved_model(meta(more=asset("../../secret.txt")))), "model.zip"),
    "onnx-beside-a-secret": (
        "onnx-external",
        lambda traps: onnx_model(initializers=[outside(str(traps.secret))]).SerializeToString(),
        "model.onnx",
    ),
    "a-url-as-its-text": ("unlike", lambda traps: traps.url.encode(), "model.onnx"),
}


def numbers(*values: int) -> dict[str, bytes]:
    """The attributes of a Const of a list of integers."""
    shape = field(2, field(2, field(1, len(values))))
    return {
        "dtype": field(6, INT32),
        "value": field(8, field(1, INT32) + shape + b"".join(field(7, one) for one in values)),
    }


YES = {"dtype": field(6, BOOL), "value": field(8, field(1, BOOL) + field(2, b"") + field(11, 1))}
T = {"T": field(6, FLOAT)}


def asked_for(output: str) -> bytes:
    """A signature of three numbers to whatever `output` gives."""
    shape = field(3, field(2, field(1, 2**64 - 1)) + field(2, field(1, 3)))
    x, y = field(1, "x:0") + field(2, FLOAT) + shape, field(1, output) + field(2, FLOAT)
    body = field(1, field(1, "x") + field(2, x)) + field(2, field(1, "y") + field(2, y))
    return field(5, field(1, "serving_default") + field(2, body + field(3, "tensorflow/serving/predict")))


def answering(output: str, *nodes: bytes) -> bytes:
    return archive(saved_model(meta(*nodes, signatures=asked_for(output))))


def good_graph() -> bytes:
    return answering("z:0", node("z", "Neg", "x", **T))


def tile_to_a_terabyte() -> bytes:
    many = node("many", "Const", **numbers(2**19, 2**19))
    return answering("z:0", many, node("z", "Tile", "x", "many", **T, Tmultiples=field(6, INT32)))


def endless_graph() -> bytes:
    """A loop of TensorFlow 1 whose condition is true."""
    return answering(
        "exit:0",
        node("enter", "Enter", "x", **T, frame_name=field(2, "loop")),
        node("merge", "Merge", "enter", "next", **T, N=field(3, 2)),
        node("yes", "Const", "^merge", **YES),
        node("go", "LoopCond", "yes"),
        node("switch", "Switch", "merge", "go", **T),
        node("next", "NextIteration", "switch:1", **T),
        node("exit", "Exit", "switch", **T),
    )


def onnx_loop(times: int = 2**62) -> bytes:
    """A loop that runs so many times."""
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["a", "a"], ["b"])],
        "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("a", TensorProto.FLOAT, None)],
        [value("on", TensorProto.BOOL, []), value("b", TensorProto.FLOAT, None)],
    )
    constants = [
        helper.make_tensor("times", TensorProto.INT64, [], [times]),
        helper.make_tensor("yes", TensorProto.BOOL, [], [True]),
    ]
    loop = helper.make_node("Loop", ["times", "yes", "x"], ["y"], body=body)
    return onnx_model([loop], constants, ir_version=8).SerializeToString()


def onnx_expand() -> bytes:
    """Three numbers become a terabyte."""
    from onnx import TensorProto, helper

    constant = helper.make_tensor("shape", TensorProto.INT64, [3], [2**19, 2**19, 3])
    nodes = [helper.make_node("Expand", ["x", "shape"], ["wide"])]
    nodes.append(helper.make_node("ReduceSum", ["wide"], ["y"]))
    return onnx_model(nodes, [constant], ir_version=8).SerializeToString()


def endless_tflite() -> bytes:
    """A WHILE whose condition is a constant that is true."""

    def change(model: Any) -> None:
        from ai_edge_litert import schema_py_generated as schema

        again, loop = schema.OperatorCodeT(), model.subgraphs[0].operators[0]
        again.builtinCode = again.deprecatedBuiltinCode = schema.BuiltinOperator.WHILE
        model.operatorCodes.append(again)
        yes = schema.BufferT()
        yes.data = [1]
        model.buffers.append(yes)
        condition, body = schema.SubGraphT(), schema.SubGraphT()
        go = tensor(b"go", [1], 2)
        go.type = schema.TensorType.BOOL
        condition.tensors, condition.inputs, condition.outputs = [tensor(b"a", [1, 3], 0), go], [0], [1]
        condition.operators = []
        body.tensors = [tensor(b"b", [1, 3], 0), tensor(b"one", [1, 3], 1), tensor(b"c", [1, 3], 0)]
        body.inputs, body.outputs, addition = [0], [2], schema.OperatorT()
        addition.inputs, addition.outputs = [0, 1], [2]
        body.operators = [addition]
        model.subgraphs += [condition, body]
        loop.opcodeIndex, loop.inputs, loop.outputs = 1, [0], [2]
        loop.builtinOptionsType = schema.BuiltinOptions.WhileOptions
        loop.builtinOptions = schema.WhileOptionsT()
        loop.builtinOptions.condSubgraphIndex, loop.builtinOptions.bodySubgraphIndex = 1, 2

    return tflite(change)


def other_weights(fill: Callable[[Any], None]) -> bytes:
    return keras_file(weights=h5(fill))


def wrong_shapes(file: Any) -> None:
    values = file.create_group("layers/dense/vars")
    values.create_dataset("0", data=[[1.0, 2.0]] * 4, dtype="float32")
    values.create_dataset("1", data=[0.0, 0.5], dtype="float32")


def no_layers(file: Any) -> None:
    file.create_group("layers")


def one_more_layer(file: Any) -> None:
    fill_weights(file)
    values = file.create_group("layers/dense_1/vars")
    values.create_dataset("0", data=[[1.0]], dtype="float32")


DOES_NOT_LOAD, OUT_OF_TIME = "does-not-load", "timed-out"
ENDED = ("child-died", "does-not-load", "input", "timed-out")  # a terabyte is denied by whichever library asks for it

# Stopped with one of which codes, made how, and called what.
BY_LOAD: dict[str, tuple[tuple[str, ...], Callable[[], bytes], str]] = {
    "wrong-shapes": ((DOES_NOT_LOAD,), lambda: other_weights(wrong_shapes), "model.keras"),
    "missing-layers": ((DOES_NOT_LOAD,), lambda: other_weights(no_layers), "model.keras"),
    "units-of-a-terabyte": (
        ENDED,
        lambda: keras_file(sequential(DENSE | {"config": DENSE["config"] | {"units": 10**11}})),
        "model.keras",
    ),
    "onnx-loop-2-62": ((OUT_OF_TIME,), onnx_loop, "model.onnx"),
    "onnx-expand-1-tb": (ENDED, onnx_expand, "model.onnx"),
    "tile-to-1-tb": (ENDED, tile_to_a_terabyte, "model.zip"),
    "endless-graph": ((OUT_OF_TIME,), endless_graph, "model.zip"),
    "endless-tflite": ((OUT_OF_TIME,), endless_tflite, "model.tflite"),
}


def file_of(content: bytes, name: str, folder: Path) -> Made:
    return written(content, name)(folder)
