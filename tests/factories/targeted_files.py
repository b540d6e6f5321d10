"""Invalid uploads that are aimed at something: a secret file, a canary, a socket; and files that break no rule of ours,
which Keras itself refuses in plain words when it loads them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.factories.invalid_hdf5_files import make_invalid_hdf5 as made_h5
from tests.factories.invalid_runtime_files import adding, make_external_initializer
from tests.factories.invalid_saved_models import make_asset
from tests.factories.saved_model_parts import (
    FLOAT,
    make_meta_graph,
    make_node,
    make_saved_model,
    text_constant_attributes,
    zip_saved_model,
)
from tests.factories.untrusted_files import (
    Upload,
    encode_field,
    layer_config,
    make_hdf5,
    make_keras_file,
    sequential_config,
    single_file_upload,
    write_dense_weights,
)


class Targets(NamedTuple):
    """What an untrusted file would touch if it could."""

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
    """A SavedModel that names an operation which writes files, and a place for it, but nothing to write."""
    nodes = (
        make_node("place", "Const", **text_constant_attributes(str(place))),
        make_node("write", "WriteFile", "place"),
    )
    return zip_saved_model(make_saved_model(make_meta_graph(*nodes)))


def make_table_reader(place: Path) -> bytes:
    """A SavedModel that names a place outside for the words of a table, but not how they stand there."""
    nodes = (
        make_node("place", "Const", **text_constant_attributes(str(place))),
        make_node("i", "InitializeTableFromTextFileV2", "x", "place"),
    )
    return zip_saved_model(make_saved_model(make_meta_graph(*nodes)))


# Refused by which rule, made how, and called what.
TARGETED_FILES: dict[str, tuple[str, Callable[[Targets], bytes], str]] = {
    "words-of-a-secret": ("config-path", lambda traps: make_vocabulary_reader(str(traps.secret)), "model.keras"),
    "words-from-a-url": ("config-url", lambda traps: make_vocabulary_reader(traps.url), "model.keras"),
    "h5-link-to-a-secret": ("h5-link", lambda traps: make_linked_h5(traps.secret), "model.weights.h5"),
    "writes-a-canary": ("operation", lambda traps: make_file_writer(traps.canary), "model.zip"),
    "table-of-a-secret": ("asset-name", lambda traps: make_table_reader(traps.secret), "model.zip"),
    "asset-above": (
        "asset-name",
        lambda _: zip_saved_model(make_saved_model(make_meta_graph(more=make_asset("../secret.txt")))),
        "model.zip",
    ),
    "onnx-beside-a-secret": (
        "onnx-outside",
        lambda traps: adding(make_external_initializer(str(traps.secret))).SerializeToString(),
        "model.onnx",
    ),
    "a-url-as-its-text": ("unlike", lambda traps: traps.url.encode(), "model.onnx"),
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


# Broken off by Keras, made how, and called what.
STOPPED_AT_LOAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "wrong-shapes": (lambda: make_keras_file_with_weights(write_wrong_shapes), "model.keras"),
    "missing-layers": (lambda: make_keras_file_with_weights(write_no_layers), "model.keras"),
}


def write_upload(content: bytes, name: str, folder: Path) -> Upload:
    return single_file_upload(content, name)(folder)
