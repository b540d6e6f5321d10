"""Bad inputs that are aimed at something: a secret file, a canary, a socket; and those that break no rule of gate or
inspector, so that only the confined process which loads them can stop them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.factories.invalid_hdf5_files import make_invalid_hdf5 as made_h5
from tests.factories.invalid_runtime_files import (
    make_external_initializer,
    make_onnx_model,
    make_tflite,
    make_tflite_tensor,
)
from tests.factories.invalid_saved_models import (
    FLOAT,
    make_asset,
    make_meta_graph,
    make_node,
    make_saved_model,
    text_constant_attributes,
    zip_saved_model,
)
from tests.factories.untrusted_files import (
    DENSE,
    Upload,
    encode_field,
    layer_config,
    make_hdf5,
    make_keras_file,
    sequential_config,
    single_file_upload,
    write_dense_weights,
)

INT32, BOOL = 3, 10  # TensorFlow's numbers of dtypes


class AttackTargets(NamedTuple):
    """What a stranger's file would touch if it could."""

    secret: Path
    canary: Path
    url: str


def make_vocabulary_reader(place: str) -> bytes:
    """A .keras file whose layer asks for its words elsewhere."""
    return make_keras_file(
        sequential_config(layer_config("keras.layers", "StringLookup", vocabulary=place, output_mode="int"))
    )


def make_linked_h5(place: Path) -> bytes:
    def link(file: Any) -> None:
        import h5py

        file["secret"] = h5py.ExternalLink(str(place), "/")

    return made_h5(link)


def make_file_writer(place: Path) -> bytes:
    """A SavedModel that writes a file when it is asked."""
    nodes = (
        make_node("place", "Const", **text_constant_attributes(str(place))),
        make_node("write", "WriteFile", "place", "place"),
    )
    return zip_saved_model(make_saved_model(make_meta_graph(*nodes)))


def make_table_reader(place: Path) -> bytes:
    """A SavedModel that fills a table from a file when it is loaded."""
    nodes = (
        make_node("place", "Const", **text_constant_attributes(str(place))),
        make_node("i", "InitializeTableFromTextFileV2", "x", "place"),
    )
    return zip_saved_model(make_saved_model(make_meta_graph(*nodes)))


# Refused by which rule, made how, and called what.
TARGETED_FILES: dict[str, tuple[str, Callable[[AttackTargets], bytes], str]] = {
    "words-of-a-secret": ("config-path", lambda traps: make_vocabulary_reader(str(traps.secret)), "model.keras"),
    "words-from-a-url": ("config-url", lambda traps: make_vocabulary_reader(traps.url), "model.keras"),
    "h5-link-to-a-secret": ("h5-link", lambda traps: make_linked_h5(traps.secret), "model.weights.h5"),
    "writes-a-canary": ("operation", lambda traps: make_file_writer(traps.canary), "model.zip"),
    "table-of-a-secret": ("asset-name", lambda traps: make_table_reader(traps.secret), "model.zip"),
    "asset-above": (
        "asset-name",
        lambda _: zip_saved_model(make_saved_model(make_meta_graph(more=make_asset("../../secret.txt")))),
        "model.zip",
    ),
    "onnx-beside-a-secret": (
        "onnx-external",
        lambda traps: make_onnx_model(initializers=[make_external_initializer(str(traps.secret))]).SerializeToString(),
        "model.onnx",
    ),
    "a-url-as-its-text": ("unlike", lambda traps: traps.url.encode(), "model.onnx"),
}


def integer_list_attributes(*values: int) -> dict[str, bytes]:
    """The attributes of a Const of a list of integers."""
    shape = encode_field(2, encode_field(2, encode_field(1, len(values))))
    return {
        "dtype": encode_field(6, INT32),
        "value": encode_field(8, encode_field(1, INT32) + shape + b"".join(encode_field(7, one) for one in values)),
    }


TRUE_CONSTANT = {
    "dtype": encode_field(6, BOOL),
    "value": encode_field(8, encode_field(1, BOOL) + encode_field(2, b"") + encode_field(11, 1)),
}
FLOAT_TYPE = {"T": encode_field(6, FLOAT)}


def make_output_signature(output: str) -> bytes:
    """A signature of three numbers to whatever `output` gives."""
    shape = encode_field(3, encode_field(2, encode_field(1, 2**64 - 1)) + encode_field(2, encode_field(1, 3)))
    x, y = encode_field(1, "x:0") + encode_field(2, FLOAT) + shape, encode_field(1, output) + encode_field(2, FLOAT)
    body = encode_field(1, encode_field(1, "x") + encode_field(2, x)) + encode_field(
        2, encode_field(1, "y") + encode_field(2, y)
    )
    return encode_field(
        5, encode_field(1, "serving_default") + encode_field(2, body + encode_field(3, "tensorflow/serving/predict"))
    )


def make_graph_archive(output: str, *nodes: bytes) -> bytes:
    return zip_saved_model(make_saved_model(make_meta_graph(*nodes, signatures=make_output_signature(output))))


def make_valid_graph() -> bytes:
    return make_graph_archive("z:0", make_node("z", "Neg", "x", **FLOAT_TYPE))


def make_terabyte_tile() -> bytes:
    many = make_node("many", "Const", **integer_list_attributes(2**19, 2**19))
    return make_graph_archive(
        "z:0", many, make_node("z", "Tile", "x", "many", **FLOAT_TYPE, Tmultiples=encode_field(6, INT32))
    )


def make_endless_graph() -> bytes:
    """A loop of TensorFlow 1 whose condition is true."""
    return make_graph_archive(
        "exit:0",
        make_node("enter", "Enter", "x", **FLOAT_TYPE, frame_name=encode_field(2, "loop")),
        make_node("merge", "Merge", "enter", "next", **FLOAT_TYPE, N=encode_field(3, 2)),
        make_node("yes", "Const", "^merge", **TRUE_CONSTANT),
        make_node("go", "LoopCond", "yes"),
        make_node("switch", "Switch", "merge", "go", **FLOAT_TYPE),
        make_node("next", "NextIteration", "switch:1", **FLOAT_TYPE),
        make_node("exit", "Exit", "switch", **FLOAT_TYPE),
    )


def make_onnx_loop(times: int = 2**62) -> bytes:
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
    return make_onnx_model([loop], constants, ir_version=8).SerializeToString()


def make_terabyte_onnx_expand() -> bytes:
    """Three numbers become a terabyte."""
    from onnx import TensorProto, helper

    constant = helper.make_tensor("shape", TensorProto.INT64, [3], [2**19, 2**19, 3])
    nodes = [helper.make_node("Expand", ["x", "shape"], ["wide"])]
    nodes.append(helper.make_node("ReduceSum", ["wide"], ["y"]))
    return make_onnx_model(nodes, [constant], ir_version=8).SerializeToString()


def make_endless_tflite() -> bytes:
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
        go = make_tflite_tensor(b"go", [1], 2)
        go.type = schema.TensorType.BOOL
        condition.tensors, condition.inputs, condition.outputs = [make_tflite_tensor(b"a", [1, 3], 0), go], [0], [1]
        condition.operators = []
        body.tensors = [
            make_tflite_tensor(b"b", [1, 3], 0),
            make_tflite_tensor(b"one", [1, 3], 1),
            make_tflite_tensor(b"c", [1, 3], 0),
        ]
        body.inputs, body.outputs, addition = [0], [2], schema.OperatorT()
        addition.inputs, addition.outputs = [0, 1], [2]
        body.operators = [addition]
        model.subgraphs += [condition, body]
        loop.opcodeIndex, loop.inputs, loop.outputs = 1, [0], [2]
        loop.builtinOptionsType = schema.BuiltinOptions.WhileOptions
        loop.builtinOptions = schema.WhileOptionsT()
        loop.builtinOptions.condSubgraphIndex, loop.builtinOptions.bodySubgraphIndex = 1, 2

    return make_tflite(change)


def make_keras_file_with_weights(fill: Callable[[Any], None]) -> bytes:
    return make_keras_file(weights=make_hdf5(fill))


def write_wrong_shapes(file: Any) -> None:
    values = file.create_group("layers/dense/vars")
    values.create_dataset("0", data=[[1.0, 2.0]] * 4, dtype="float32")
    values.create_dataset("1", data=[0.0, 0.5], dtype="float32")


def write_no_layers(file: Any) -> None:
    file.create_group("layers")


def write_extra_layer(file: Any) -> None:
    write_dense_weights(file)
    values = file.create_group("layers/dense_1/vars")
    values.create_dataset("0", data=[[1.0]], dtype="float32")


DOES_NOT_LOAD, OUT_OF_TIME = "does-not-load", "timed-out"
RESOURCE_ERROR_CODES = (
    "child-died",
    "does-not-load",
    "input",
    "timed-out",
)  # a terabyte is denied by whichever library asks for it

# Stopped with one of which codes, made how, and called what.
STOPPED_AT_LOAD: dict[str, tuple[tuple[str, ...], Callable[[], bytes], str]] = {
    "wrong-shapes": ((DOES_NOT_LOAD,), lambda: make_keras_file_with_weights(write_wrong_shapes), "model.keras"),
    "missing-layers": ((DOES_NOT_LOAD,), lambda: make_keras_file_with_weights(write_no_layers), "model.keras"),
    "units-of-a-terabyte": (
        RESOURCE_ERROR_CODES,
        lambda: make_keras_file(sequential_config(DENSE | {"config": DENSE["config"] | {"units": 10**11}})),
        "model.keras",
    ),
    "onnx-loop-2-62": ((OUT_OF_TIME,), make_onnx_loop, "model.onnx"),
    "onnx-expand-1-tb": (RESOURCE_ERROR_CODES, make_terabyte_onnx_expand, "model.onnx"),
    "tile-to-1-tb": (RESOURCE_ERROR_CODES, make_terabyte_tile, "model.zip"),
    "endless-graph": ((OUT_OF_TIME,), make_endless_graph, "model.zip"),
    "endless-tflite": ((OUT_OF_TIME,), make_endless_tflite, "model.tflite"),
}


def write_upload(content: bytes, name: str, folder: Path) -> Upload:
    return single_file_upload(content, name)(folder)
