"""The formats, written down: a new one is one file here and one line in `FORMATS`.

Third parties add theirs without touching this file, through the entry-point group `roundtrip.formats`; each entry
names a `Format`.
"""

from collections.abc import Iterator
from importlib.metadata import entry_points
from itertools import chain

from core.errors import UnknownName
from core.formats import (
    architecture,
    checkpoint,
    frozen_graph,
    h5,
    keras,
    keras_dir,
    keras_export,
    keras_int4,
    keras_int8,
    litert,
    litert_dynamic,
    litert_float16,
    litert_int8,
    onnx,
    openvino,
    openvino_fp16,
    pickle,
    safetensors,
    saved_model,
    weights,
    weights_sharded,
)
from core.formats.contract import Format

FORMATS: tuple[Format, ...] = (
    saved_model.FORMAT,
    keras_export.FORMAT,
    keras.FORMAT,
    h5.FORMAT,
    weights.FORMAT,
    architecture.FORMAT,
    checkpoint.FORMAT,
    keras_dir.FORMAT,
    weights_sharded.FORMAT,
    safetensors.FORMAT,
    keras_int8.FORMAT,
    keras_int4.FORMAT,
    frozen_graph.FORMAT,
    onnx.FORMAT,
    litert.FORMAT,
    litert_float16.FORMAT,
    litert_dynamic.FORMAT,
    litert_int8.FORMAT,
    openvino.FORMAT,
    openvino_fp16.FORMAT,
    pickle.FORMAT,
)


def all_formats() -> tuple[Format, ...]:
    """Ours, then those of third parties, in the order of their names."""
    return FORMATS + tuple(_others())


def _others() -> Iterator[Format]:
    for entry in sorted(entry_points(group="roundtrip.formats"), key=lambda entry: entry.name):
        yield entry.load()


def get_format(key: str) -> Format:
    """The format of that key.

    Raises UnknownName with the keys that exist.
    """
    # Chained, not joined: a format of ours is found without a search through every installed package (11 ms).
    for candidate in chain(FORMATS, _others()):
        if candidate.key == key:
            return candidate
    raise UnknownName(
        "There is no such format.",
        received=key,
        cure=f"Choose from {', '.join(one.key for one in all_formats())}.",
    )
