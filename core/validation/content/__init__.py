"""Look into a file from outside, in a confined child: what must be parsed by a library that the file may crash.

Nothing is run and no model is built. Each format has a short module; each gives facts for JSON or raises Refused.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.arrays import Arrays
from core.errors import Refused
from core.validation import refused
from core.validation.content.hdf5 import inspect_architecture, inspect_h5, inspect_keras, inspect_weights
from core.validation.content.litert import inspect_litert
from core.validation.content.onnx import inspect_onnx
from core.validation.content.openvino import inspect_openvino
from core.validation.content.saved_model import inspect_checkpoint, inspect_saved_model

INSPECTORS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "keras": inspect_keras,
    "h5": inspect_h5,
    "weights": inspect_weights,
    "architecture": inspect_architecture,
    "saved_model": inspect_saved_model,
    "checkpoint": inspect_checkpoint,
    "litert": inspect_litert,
    "onnx": inspect_onnx,
    "openvino": inspect_openvino,
}
# What it means where a library stumbles over a file.
BROKEN = {
    "keras": "h5-broken",
    "h5": "h5-broken",
    "weights": "h5-broken",
    "architecture": "json-text",
    "saved_model": "saved-model-broken",
    "checkpoint": "variables",
    "litert": "tflite-broken",
    "onnx": "onnx-broken",
    "openvino": "xml",
}


def inspect_brought(report: Any, arrays: Arrays, *, format: str, folder: str) -> tuple[dict[str, Any], None]:
    """Look into what the gate laid out in `folder`; gives what was seen, and under "checked" what was checked.

    Raises Refused.
    """
    try:
        return INSPECTORS[format](Path(folder)), None
    except Refused:
        raise
    except Exception as error:
        raise refused(BROKEN[format]) from error
