"""Bad LiteRT, ONNX and OpenVINO files."""

from collections.abc import Callable
from typing import Any

from tests.gate.makers import bad, field, little, patched, written, zipped

# LiteRT


def tflite(change: Callable[[Any], None] = lambda model: None) -> bytes:
    """A LiteRT file of one addition, after `change` has changed it."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model, graph, operator, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorT(), schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.ADD
    numbers = schema.BufferT()
    numbers.data = [0] * 12
    graph.tensors = [tensor(name, [1, 3], index) for index, name in ((0, b"x"), (1, b"bias"), (0, b"y"))]
    graph.inputs, graph.outputs, graph.operators = [0], [2], [operator]
    operator.inputs, operator.outputs = [0, 1], [2]
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [schema.BufferT(), numbers]
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def tensor(name: bytes, shape: list[int], buffer: int) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    one = schema.TensorT()
    one.name, one.shape, one.buffer, one.type = name, shape, buffer, schema.TensorType.FLOAT32
    return one


def custom(name: bytes) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        model.operatorCodes[0].builtinCode = model.operatorCodes[0].deprecatedBuiltinCode = 32
        model.operatorCodes[0].customCode = name

    return change


def setting(path: str, value: Any) -> Callable[[Any], None]:
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


def lite(id_: str, rule: str, change: Callable[[Any], None]) -> None:
    bad(f"tflite-{id_}", "litert", rule, lambda folder: written(tflite(change), "model.tflite")(folder))


lite("custom", "tflite-operation", custom(b"MyOperation"))
lite("flex", "tflite-operation", custom(b"FlexWriteFile"))
lite("code-unknown", "tflite-operation", setting("operatorCodes.0.builtinCode", 9_999))
lite("no-subgraph", "tflite-empty", setting("subgraphs", []))
lite("no-output", "tflite-empty", setting("subgraphs.0.outputs", []))
lite("version", "tflite-broken", setting("version", 2))
lite("opcode", "tflite-operation", setting("subgraphs.0.operators.0.opcodeIndex", 7))
lite("buffer", "tflite-tensor", setting("subgraphs.0.tensors.1.buffer", 7))
lite("output-nowhere", "tflite-tensor", setting("subgraphs.0.outputs", [9]))
lite("input-minus", "tflite-tensor", setting("subgraphs.0.operators.0.inputs", [-7, 1]))
lite("dimension-10-9", "tflite-tensor", setting("subgraphs.0.tensors.0.shape", [1, 10**9]))
lite("dimension-minus", "tflite-tensor", setting("subgraphs.0.tensors.0.shape", [1, -3]))
lite("elements", "tflite-tensor", setting("subgraphs.0.tensors.0.shape", [10**6, 10**6]))
lite("numbers-missing", "tflite-tensor", setting("subgraphs.0.tensors.1.shape", [1, 300]))
lite("signature-minus", "tflite-tensor", setting("subgraphs.0.tensors.0.shapeSignature", [-9, 3]))


def behind(model: Any) -> None:
    model.buffers[1].data, model.buffers[1].offset, model.buffers[1].size = None, 10**9, 12


lite("buffer-behind", "tflite-tensor", behind)
bad("tflite-8-bytes", "litert", "tflite-broken", written(little(16) + b"TFL3", "model.tflite"))
bad("tflite-root-nowhere", "litert", "tflite-broken", written(little(0x7FFFFFFF) + b"TFL3" + bytes(64), "model.tflite"))
bad("tflite-cut", "litert", "tflite-broken", lambda folder: written(tflite()[:40], "model.tflite")(folder))


# ONNX


def onnx_model(nodes: list[Any] | None = None, initializers: list[Any] = (), **more: Any) -> Any:
    import onnx
    from onnx import helper

    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 3])
    y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 3])
    nodes = [helper.make_node("Relu", ["x"], ["y"])] if nodes is None else nodes
    graph = helper.make_graph(nodes, "small", [x], more.pop("outputs", [y]), initializer=list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], **more)


def onnx_file(id_: str, rule: str, make: Callable[[], Any]) -> None:
    def maker(folder: Any) -> Any:
        made = make()
        return written(made if isinstance(made, bytes) else made.SerializeToString(), "model.onnx")(folder)

    bad(f"onnx-{id_}", "onnx", rule, maker)


def outside(place: str) -> Any:
    """An initializer whose numbers lie in another file."""
    import onnx

    one = onnx.TensorProto(name="w", data_type=1, dims=[3], data_location=onnx.TensorProto.EXTERNAL)
    one.external_data.add(key="location", value=place)
    return one


for id_, place in {
    "way-up": "../secret",
    "absolute": "/etc/passwd",
    "proc": "/proc/self/environ",
    "beside": "w.bin",
}.items():
    onnx_file(f"external-{id_}", "onnx-external", lambda place=place: onnx_model(initializers=[outside(place)]))


def external_deep() -> Any:
    from onnx import helper

    constant = helper.make_node("Constant", [], ["c"], value=outside("/etc/passwd"))
    body = helper.make_graph([constant], "body", [], [])
    return onnx_model([helper.make_node("If", ["x"], ["y"], then_branch=body, else_branch=body)])


def with_node(domain: str, operation: str) -> Any:
    from onnx import helper

    return onnx_model([helper.make_node(operation, ["x"], ["y"], domain=domain)])


def nested(depth: int) -> bytes:
    """A graph in a node in a graph, so many times, written by hand: no library writes as deep."""
    graph = b""
    for _ in range(depth):
        attribute = field(1, "body") + field(6, graph) + field(20, 5)
        graph = field(1, field(4, "Loop") + field(5, attribute))
    output = field(12, field(1, "y"))
    return field(1, 8) + field(8, field(2, 17)) + field(7, graph + output)


def sized(**settings: Any) -> Any:
    import onnx

    return onnx_model(initializers=[onnx.TensorProto(name="w", **settings)])


onnx_file("external-deep", "onnx-external", external_deep)
onnx_file("domain", "onnx-domain", lambda: with_node("evil.example", "Relu"))
onnx_file("domain-aten", "onnx-domain", lambda: with_node("org.pytorch.aten", "ATen"))
onnx_file("domain-microsoft", "onnx-domain", lambda: with_node("com.microsoft", "Snpe"))
onnx_file("no-outputs", "onnx-empty", lambda: onnx_model(outputs=[]))
onnx_file("no-graph", "onnx-empty", lambda: field(1, 8) + field(8, field(2, 17)))
onnx_file("nested-5000", "onnx-broken", lambda: nested(5_000))
onnx_file("nested-40", "onnx-broken", lambda: nested(60))
onnx_file("raw-short", "onnx-size", lambda: sized(data_type=1, dims=[300], raw_data=bytes(12)))
onnx_file("claims-1-tb", "onnx-size", lambda: sized(data_type=1, dims=[10**9, 250], raw_data=bytes(12)))
onnx_file("claims-many", "onnx-size", lambda: sized(data_type=1, dims=[10**9], float_data=[1.0]))
onnx_file("minus", "onnx-size", lambda: sized(data_type=1, dims=[-3], raw_data=b""))
onnx_file("dtype", "onnx-size", lambda: sized(data_type=99, dims=[1], raw_data=b"x"))
onnx_file("cut", "unlike", lambda: onnx_model().SerializeToString()[:-9])
onnx_file("noise-inside", "onnx-broken", lambda: field(1, 8) + field(7, b"\xff" * 64))


# OpenVINO

GOOD_XML = b"""<?xml version="1.0"?>
<net name="small" version="11"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="?,3" element_type="f32"/></layer>
<layer id="1" name="w" type="Const" version="opset1"><data offset="0" size="12" shape="3" element_type="f32"/></layer>
<layer id="2" name="add" type="Add" version="opset1"><data auto_broadcast="numpy"/></layer>
<layer id="3" name="y" type="Result" version="opset1"/>
</layers><edges/></net>
"""
LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><net>&b;</net>"""
SECRET = b"""<?xml version="1.0"?><!DOCTYPE net [<!ENTITY s SYSTEM "file:///etc/passwd">]><net name="&s;"/>"""


def openvino(id_: str, rule: str, xml: bytes, numbers: bytes = bytes(12), **more: bytes) -> None:
    members = {"model.xml": xml, "model.bin": numbers} | more
    bad(f"openvino-{id_}", "openvino", rule, written(zipped(members), "model.zip"))


openvino("billion-laughs", "xml", LAUGHS)
openvino("entity-of-a-file", "xml", SECRET)
openvino("no-xml", "xml", b"\x89PNG")
openvino("cut", "xml", GOOD_XML[:200])
openvino("other-root", "xml", GOOD_XML.replace(b"<net", b"<svg").replace(b"</net", b"</svg"))
openvino("utf16", "xml", GOOD_XML.decode().encode("utf-16"))
openvino("encoding", "xml", GOOD_XML.replace(b'"1.0"?', b'"1.0" encoding="UTF-7"?'))
openvino("deep", "xml", b"<net>" + b"<a>" * 3_000 + b"</a>" * 3_000 + b"</net>")
openvino("extension", "openvino-operation", GOOD_XML.replace(b'"Add" version="opset1"', b'"Add" version="extension"'))
openvino("own-opset", "openvino-operation", GOOD_XML.replace(b'"Add" version="opset1"', b'"Evil" version="evil"'))
openvino("offset", "openvino-offset", patched(GOOD_XML, b'offset="0"', b'offset="9"'))
openvino("offset-minus", "openvino-offset", GOOD_XML.replace(b'offset="0"', b'offset="-4"'))
openvino("size", "openvino-offset", GOOD_XML.replace(b'size="12"', b'size="9999999999999"'))
openvino("offset-text", "openvino-offset", GOOD_XML.replace(b'offset="0"', b'offset="/etc/passwd"'))
openvino("no-result", "openvino-empty", GOOD_XML.replace(b'"Result"', b'"Sink"'))
openvino("more", "zip-member", GOOD_XML, **{"plugin.so": b"\x7fELF"})
bad("openvino-no-bin", "openvino", "zip-missing", written(zipped({"model.xml": GOOD_XML}), "model.zip"))
