"""Bad LiteRT, ONNX and OpenVINO files."""

from collections.abc import Callable
from typing import Any

from tests.factories.untrusted_files import (
    encode_field,
    encode_uint32,
    make_zip,
    overwrite,
    register_invalid,
    single_file_upload,
)

# LiteRT


def make_tflite(change: Callable[[Any], None] = lambda model: None) -> bytes:
    """A LiteRT file of one addition, after `change` has changed it."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model, graph, operator, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorT(), schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.ADD
    numbers = schema.BufferT()
    numbers.data = [0] * 12
    graph.tensors = [make_tflite_tensor(name, [1, 3], index) for index, name in ((0, b"x"), (1, b"bias"), (0, b"y"))]
    graph.inputs, graph.outputs, graph.operators = [0], [2], [operator]
    operator.inputs, operator.outputs = [0, 1], [2]
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [schema.BufferT(), numbers]
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def make_tflite_tensor(name: bytes, shape: list[int], buffer: int) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    t = schema.TensorT()
    t.name, t.shape, t.buffer, t.type = name, shape, buffer, schema.TensorType.FLOAT32
    return t


def use_custom_operation(name: bytes) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        model.operatorCodes[0].builtinCode = model.operatorCodes[0].deprecatedBuiltinCode = 32
        model.operatorCodes[0].customCode = name

    return change


def set_attribute(path: str, value: Any) -> Callable[[Any], None]:
    """A change of one part of the model: "subgraphs.0.tensors.1.buffer"."""

    def change(model: Any) -> None:
        *way, last = path.split(".")
        for step in way:
            model = model[int(step)] if step.isdigit() else getattr(model, step)
        if last.isdigit():
            model[int(last)] = value
        else:
            setattr(model, last, value)

    return change


def register_invalid_tflite(
    id_: str, rule: str, change: Callable[[Any], None] = lambda model: None, **limits: int
) -> None:
    register_invalid(
        f"tflite-{id_}",
        "litert",
        rule,
        lambda folder: single_file_upload(make_tflite(change), "model.tflite")(folder),
        **limits,
    )


register_invalid_tflite("custom", "tflite-operation", use_custom_operation(b"MyOperation"))
register_invalid_tflite("flex", "tflite-operation", use_custom_operation(b"FlexMyOperation"))
register_invalid_tflite("code-unknown", "tflite-operation", set_attribute("operatorCodes.0.builtinCode", 9_999))
register_invalid_tflite("no-subgraph", "tflite-empty", set_attribute("subgraphs", []))
register_invalid_tflite("no-output", "tflite-empty", set_attribute("subgraphs.0.outputs", []))
register_invalid_tflite("version", "tflite-broken", set_attribute("version", 2))
register_invalid_tflite("opcode", "tflite-operation", set_attribute("subgraphs.0.operators.0.opcodeIndex", 7))
register_invalid_tflite("buffer", "tflite-tensor", set_attribute("subgraphs.0.tensors.1.buffer", 7))
register_invalid_tflite("output-nowhere", "tflite-tensor", set_attribute("subgraphs.0.outputs", [9]))
register_invalid_tflite("input-minus", "tflite-tensor", set_attribute("subgraphs.0.operators.0.inputs", [-7, 1]))
register_invalid_tflite("dimension", "tflite-tensor", MAX_DIMENSION=2)
register_invalid_tflite("dimension-minus", "tflite-tensor", set_attribute("subgraphs.0.tensors.0.shape", [1, -3]))
register_invalid_tflite("elements", "tflite-tensor", MAX_ELEMENTS=2)
register_invalid_tflite("numbers-missing", "tflite-tensor", set_attribute("subgraphs.0.tensors.1.shape", [1, 300]))
register_invalid_tflite(
    "signature-minus", "tflite-tensor", set_attribute("subgraphs.0.tensors.0.shapeSignature", [-9, 3])
)


def write_buffer_outside_file(model: Any) -> None:
    model.buffers[1].data, model.buffers[1].offset, model.buffers[1].size = None, 4096, 12


register_invalid_tflite("buffer-behind", "tflite-tensor", write_buffer_outside_file)
register_invalid(
    "tflite-8-bytes", "litert", "tflite-broken", single_file_upload(encode_uint32(16) + b"TFL3", "model.tflite")
)
register_invalid(
    "tflite-root-nowhere",
    "litert",
    "tflite-broken",
    single_file_upload(encode_uint32(0x7FFFFFFF) + b"TFL3" + bytes(64), "model.tflite"),
)
register_invalid(
    "tflite-cut",
    "litert",
    "tflite-broken",
    lambda folder: single_file_upload(make_tflite()[:40], "model.tflite")(folder),
)


# ONNX


def make_onnx_model(nodes: list[Any] | None = None, initializers: list[Any] = (), **more: Any) -> Any:
    import onnx
    from onnx import helper

    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 3])
    y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 3])
    nodes = [helper.make_node("Relu", ["x"], ["y"])] if nodes is None else nodes
    graph = helper.make_graph(nodes, "small", [x], more.pop("outputs", [y]), initializer=list(initializers))
    return helper.make_model(graph, **{"opset_imports": [helper.make_opsetid("", 17)], "ir_version": 8} | more)


def register_invalid_onnx(id_: str, rule: str, make: Callable[[], Any], **limits: int) -> None:
    def maker(folder: Any) -> Any:
        made = make()
        return single_file_upload(made if isinstance(made, bytes) else made.SerializeToString(), "model.onnx")(folder)

    register_invalid(f"onnx-{id_}", "onnx", rule, maker, **limits)


def make_external_initializer(place: str) -> Any:
    """An initializer whose numbers lie in another file."""
    import onnx

    proto = onnx.TensorProto(name="w", data_type=1, dims=[3], data_location=onnx.TensorProto.EXTERNAL)
    proto.external_data.add(key="location", value=place)
    return proto


def adding(numbers: Any) -> Any:
    """A model that adds these numbers, which are called w."""
    from onnx import helper

    return make_onnx_model([helper.make_node("Add", ["x", "w"], ["y"])], [numbers])


for id_, place in {
    "way-up": "../w.bin",
    "absolute": "/w.bin",
    "below": "weights/w.bin",
    "itself": "model.onnx",
}.items():
    register_invalid_onnx(
        f"external-{id_}", "onnx-outside", lambda place=place: adding(make_external_initializer(place))
    )
register_invalid_onnx("external-missing", "onnx-external", lambda: adding(make_external_initializer("w.bin")))


def register_invalid_onnx_folder(id_: str, rule: str, files: dict[str, bytes], **facts: str) -> None:
    """Register a zip of an ONNX file whose numbers lie in `w.bin`, with these files beside it."""

    def maker(folder: Any) -> Any:
        numbers = make_external_initializer("w.bin")
        for key, value in facts.items():
            numbers.external_data.add(key=key, value=value)
        model = adding(numbers).SerializeToString()
        return single_file_upload(make_zip({"model.onnx": model} | files), "model.zip")(folder)

    register_invalid(f"onnx-folder-{id_}", "onnx", rule, maker)


NUMBERS = {"w.bin": bytes(12)}
register_invalid_onnx_folder("more", "zip-member", NUMBERS | {"more.bin": b"x"})
register_invalid_onnx_folder("below", "zip-member", {"weights/w.bin": bytes(12)})
register_invalid_onnx_folder("two", "zip-member", NUMBERS | {"other.onnx": b"x"})
register_invalid_onnx_folder("short", "onnx-size", {"w.bin": bytes(8)})
register_invalid_onnx_folder("offset", "onnx-size", NUMBERS, offset="4")
register_invalid_onnx_folder("offset-minus", "onnx-size", NUMBERS, offset="-4")
register_invalid_onnx_folder("length", "onnx-size", NUMBERS, length="8")


def make_nested_external_tensor() -> Any:
    from onnx import helper

    constant = helper.make_node("Constant", [], ["c"], value=make_external_initializer("w.bin"))
    body = helper.make_graph([constant], "body", [], [])
    return make_onnx_model([helper.make_node("If", ["x"], ["y"], then_branch=body, else_branch=body)])


def make_onnx_model_with_operation(domain: str, operation: str) -> Any:
    from onnx import helper

    return make_onnx_model([helper.make_node(operation, ["x"], ["y"], domain=domain)])


def make_nested_graphs(depth: int) -> bytes:
    """A graph in a node in a graph, so many times, written by hand: no library writes as deep."""
    graph = b""
    for _ in range(depth):
        attribute = encode_field(1, "body") + encode_field(6, graph) + encode_field(20, 5)
        graph = encode_field(1, encode_field(4, "Loop") + encode_field(5, attribute))
    output = encode_field(12, encode_field(1, "y"))
    return encode_field(1, 8) + encode_field(8, encode_field(2, 17)) + encode_field(7, graph + output)


def make_sized_initializer(**settings: Any) -> Any:
    import onnx

    return make_onnx_model(initializers=[onnx.TensorProto(name="w", **settings)])


register_invalid_onnx("external-deep", "onnx-external", make_nested_external_tensor)
register_invalid_onnx("domain", "onnx-domain", lambda: make_onnx_model_with_operation("other.example", "Relu"))
register_invalid_onnx("domain-aten", "onnx-domain", lambda: make_onnx_model_with_operation("org.pytorch.aten", "ATen"))
register_invalid_onnx(
    "domain-microsoft", "onnx-domain", lambda: make_onnx_model_with_operation("com.microsoft", "Snpe")
)
register_invalid_onnx("no-outputs", "onnx-empty", lambda: make_onnx_model(outputs=[]))
register_invalid_onnx("no-graph", "onnx-empty", lambda: encode_field(1, 8) + encode_field(8, encode_field(2, 17)))
register_invalid_onnx("nested", "onnx-broken", lambda: make_nested_graphs(4), MAX_ONNX_DEPTH=2)
register_invalid_onnx("nested-60", "onnx-broken", lambda: make_nested_graphs(60))
register_invalid_onnx(
    "raw-short", "onnx-size", lambda: make_sized_initializer(data_type=1, dims=[300], raw_data=bytes(12))
)
register_invalid_onnx(
    "elements",
    "onnx-size",
    lambda: make_sized_initializer(data_type=1, dims=[30, 10], raw_data=bytes(1200)),
    MAX_ELEMENTS=200,
)
register_invalid_onnx("too-few", "onnx-size", lambda: make_sized_initializer(data_type=1, dims=[300], float_data=[1.0]))
register_invalid_onnx("minus", "onnx-size", lambda: make_sized_initializer(data_type=1, dims=[-3], raw_data=b""))
register_invalid_onnx("dtype", "onnx-size", lambda: make_sized_initializer(data_type=99, dims=[1], raw_data=b"x"))
register_invalid_onnx("cut", "unlike", lambda: make_onnx_model().SerializeToString()[:-9])
register_invalid_onnx("noise-inside", "onnx-broken", lambda: encode_field(1, 8) + encode_field(7, b"\xff" * 64))


# OpenVINO

VALID_XML = b"""<?xml version="1.0"?>
<net name="small" version="11"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="?,3" element_type="f32"/>
<output><port id="0" precision="FP32"><dim>-1</dim><dim>3</dim></port></output></layer>
<layer id="1" name="w" type="Const" version="opset1"><data offset="0" size="12" shape="3" element_type="f32"/>
<output><port id="0" precision="FP32"><dim>3</dim></port></output></layer>
<layer id="2" name="add" type="Add" version="opset1"><data auto_broadcast="numpy"/>
<input><port id="0"><dim>-1</dim><dim>3</dim></port><port id="1"><dim>3</dim></port></input>
<output><port id="2" precision="FP32"><dim>-1</dim><dim>3</dim></port></output></layer>
<layer id="3" name="y" type="Result" version="opset1">
<input><port id="0"><dim>-1</dim><dim>3</dim></port></input></layer>
</layers><edges>
<edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>
<edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
<edge from-layer="2" from-port="2" to-layer="3" to-port="0"/>
</edges></net>
"""
DOCTYPE = VALID_XML.replace(b"<net", b'<!DOCTYPE net [<!ENTITY a "small">]><net', 1)
OF_A_FILE = VALID_XML.replace(b"<net", b'<!DOCTYPE net [<!ENTITY a SYSTEM "other.xml">]><net', 1)


def register_invalid_openvino(
    id_: str,
    rule: str,
    xml: bytes,
    numbers: bytes = bytes(12),
    limits: dict[str, int] | None = None,
    **more: bytes,
) -> None:
    members = {"model.xml": xml, "model.bin": numbers} | more
    register_invalid(
        f"openvino-{id_}", "openvino", rule, single_file_upload(make_zip(members), "model.zip"), **(limits or {})
    )


register_invalid_openvino("doctype", "xml", DOCTYPE)
register_invalid_openvino("entity-of-a-file", "xml", OF_A_FILE)
register_invalid_openvino("80-kib", "xml", VALID_XML + b" " * (80 << 10), limits={"MAX_XML_BYTES": 64 << 10})
register_invalid_openvino("no-xml", "xml", b"\x89PNG")
register_invalid_openvino("cut", "xml", VALID_XML[:200])
register_invalid_openvino("other-root", "xml", VALID_XML.replace(b"<net", b"<svg").replace(b"</net", b"</svg"))
register_invalid_openvino("utf16", "xml", VALID_XML.decode().encode("utf-16"))
register_invalid_openvino("encoding", "xml", VALID_XML.replace(b'"1.0"?', b'"1.0" encoding="ISO-8859-1"?'))
register_invalid_openvino("deep", "xml", VALID_XML, limits={"MAX_XML_DEPTH": 5})
register_invalid_openvino(
    "extension", "openvino-operation", VALID_XML.replace(b'"Add" version="opset1"', b'"Add" version="extension"')
)
register_invalid_openvino(
    "own-opset", "openvino-operation", VALID_XML.replace(b'"Add" version="opset1"', b'"MyOperation" version="my_opset"')
)
register_invalid_openvino("offset", "openvino-offset", overwrite(VALID_XML, b'offset="0"', b'offset="9"'))
register_invalid_openvino("offset-minus", "openvino-offset", VALID_XML.replace(b'offset="0"', b'offset="-4"'))
register_invalid_openvino("size", "openvino-offset", VALID_XML.replace(b'size="12"', b'size="16"'))
register_invalid_openvino("offset-text", "openvino-offset", VALID_XML.replace(b'offset="0"', b'offset="here"'))
register_invalid_openvino("no-result", "openvino-empty", VALID_XML.replace(b'"Result"', b'"Sink"'))
register_invalid_openvino("more", "zip-member", VALID_XML, **{"more.txt": b"x"})
register_invalid(
    "openvino-no-bin", "openvino", "zip-missing", single_file_upload(make_zip({"model.xml": VALID_XML}), "model.zip")
)
