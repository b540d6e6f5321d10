"""SavedModels and their parts, written as protocol buffers by hand: TensorFlow is not needed to make them."""

from collections.abc import Iterable

from tests.factories.untrusted_files import (
    encode_field,
    encode_map_entry,
    make_zip,
)

FLOAT, STRING = 1, 7  # TensorFlow's numbers of dtypes


def function_attribute(name: str) -> bytes:
    """An attribute that names a function."""
    return encode_field(10, encode_field(1, name))


def text_constant_attributes(text: str) -> dict[str, bytes]:
    """The attributes of a Const of one text."""
    tensor = encode_field(1, STRING) + encode_field(2, b"") + encode_field(8, text)
    return {"dtype": encode_field(6, STRING), "value": encode_field(8, tensor)}


def make_node(name: str, op: str, *inputs: str, **attributes: bytes) -> bytes:
    """A NodeDef."""
    parts = [encode_field(1, name), encode_field(2, op), *(encode_field(3, item) for item in inputs)]
    return b"".join([*parts, *(encode_map_entry(5, key, value) for key, value in attributes.items())])


def make_function_library(**functions: Iterable[bytes]) -> bytes:
    """Functions by name, each with its nodes."""
    made = [
        encode_field(1, encode_field(1, encode_field(1, name)) + b"".join(encode_field(3, item) for item in body))
        for name, body in functions.items()
    ]
    return encode_field(2, b"".join(made))


GOOD_NODES = (
    make_node("x", "Placeholder", dtype=encode_field(6, FLOAT)),
    make_node("y", "Identity", "x", T=encode_field(6, FLOAT)),
)
NO_SIGNATURE = b""


def make_signature(output: str = "y:0") -> bytes:
    def tensor(name: str) -> bytes:
        return encode_field(1, name) + encode_field(2, FLOAT)

    body = (
        encode_map_entry(1, "x", tensor("x:0"))
        + encode_map_entry(2, "y", tensor(output))
        + encode_field(3, "tensorflow/serving/predict")
    )
    return encode_map_entry(5, "serving_default", body)


def make_saver(save: str = "save", restore: str = "restore", filename: str = "file:0") -> bytes:
    return encode_field(3, encode_field(1, filename) + encode_field(2, save) + encode_field(3, restore))


def make_meta_graph(
    *nodes: bytes,
    functions: bytes = b"",
    tags: tuple[str, ...] = ("serve",),
    signatures: bytes | None = None,
    more: bytes = b"",
) -> bytes:
    """One MetaGraphDef."""
    graph = b"".join(encode_field(1, node) for node in (*GOOD_NODES, *nodes)) + functions
    info = b"".join(encode_field(4, tag) for tag in tags) + encode_field(5, "1.15.0")
    return (
        encode_field(1, info) + encode_field(2, graph) + (make_signature() if signatures is None else signatures) + more
    )


def make_saved_model(*graphs: bytes) -> bytes:
    return encode_field(1, 1) + b"".join(encode_field(2, graph) for graph in graphs)


def zip_saved_model(content: bytes, **more: bytes) -> bytes:
    """The zip of a SavedModel; further files by name, with "__" for "/"."""
    return make_zip({"saved_model.pb": content} | {name.replace("__", "/"): raw for name, raw in more.items()})


GOOD_SAVED_MODEL = zip_saved_model(make_saved_model(make_meta_graph()))
