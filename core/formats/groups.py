"""Groups of formats by what they are for, in the order in which pages show them."""

from collections.abc import Iterable
from typing import NamedTuple

from core.formats.base import Format


class FormatGroup(NamedTuple):
    """A purpose in a sentence, and the keys of the formats that serve it."""

    title: str
    purpose: str
    keys: tuple[str, ...]


# Each format of ours stands in exactly one of these; a test holds it.
FORMAT_GROUPS = (
    FormatGroup(
        "Keep training",
        "The whole model, its optimizer included, to go on where training stopped.",
        ("keras", "keras_dir", "checkpoint", "orbax"),
    ),
    FormatGroup(
        "Serve",
        "A graph that answers on a server, without the code that built it.",
        ("saved_model", "keras_export", "openvino", "openvino_fp16", "openvino_int8"),
    ),
    FormatGroup(
        "Phone and browser",
        "Small files for runtimes without TensorFlow, some in fewer bits.",
        ("litert", "litert_fixed", "litert_float16", "litert_dynamic", "litert_int8", "litert_int4", "tfjs_graph"),
    ),
    FormatGroup(
        "Halves",
        "Weights without layers, or layers without weights: the other half comes from your code.",
        ("weights", "weights_sharded", "safetensors", "architecture"),
    ),
    FormatGroup(
        "Other runtimes",
        "Files that other runtimes, frameworks and compilers read, as they are and in fewer bits.",
        ("onnx", "onnx_external", "onnx_float16", "onnx_int8_dynamic", "onnx_int8", "stablehlo", "pt2"),
    ),
    FormatGroup(
        "Keras in fewer bits",
        "Still Keras layers, with kernels that are rounded.",
        ("keras_int8", "keras_int4", "keras_float8"),
    ),
    FormatGroup(
        "Only to compare",
        "Older ways, and one that runs whatever code stands in it: to see what they lose.",
        ("h5", "frozen_graph", "pickle"),
    ),
)
OTHERS = FormatGroup("Of other packages", "Formats that installed packages bring.", ())


def group_formats(formats: Iterable[Format]) -> list[tuple[FormatGroup, list[Format]]]:
    """Return the groups with their formats; those of third parties stand in a group of their own at the end."""
    by_key = {format_.key: format_ for format_ in formats}
    groups = [(group, [by_key.pop(key) for key in group.keys if key in by_key]) for group in FORMAT_GROUPS]
    return [(group, members) for group, members in (*groups, (OTHERS, list(by_key.values()))) if members]
