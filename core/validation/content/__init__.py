"""Look into a file from outside, in a confined child: what a library must parse that may stumble over it.

Nothing is run and no model is built. Each format has a short module; each gives facts for JSON or raises Refused.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.arrays import Arrays
from core.errors import Refused
from core.validation import limits, refusal
from core.validation.content.hdf5 import validate_architecture, validate_h5, validate_keras, validate_weights_h5
from core.validation.content.litert import validate_litert
from core.validation.content.onnx import validate_onnx
from core.validation.content.openvino import validate_openvino
from core.validation.content.saved_model import validate_checkpoint, validate_saved_model

CONTENT_VALIDATORS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "keras": validate_keras,
    "h5": validate_h5,
    "weights": validate_weights_h5,
    "architecture": validate_architecture,
    "saved_model": validate_saved_model,
    "checkpoint": validate_checkpoint,
    "litert": validate_litert,
    "onnx": validate_onnx,
    "openvino": validate_openvino,
}
# What it means where a library stumbles over a file.
BROKEN_FILE_RULES = {
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


def validate_content(
    report: Any, arrays: Arrays, *, format: str, folder: str, bounds: dict[str, int] | None = None
) -> tuple[dict[str, Any], None]:
    """Look into what the gate laid out in `folder`; gives what was seen, and under "checked" what was checked.

    `bounds` are the limits of the app, as `core.validation.limits.current_limits` gives them. Raises Refused.
    """
    limits.apply_limits(bounds or {})
    try:
        return CONTENT_VALIDATORS[format](Path(folder)), None
    except Refused:
        raise
    except Exception as error:
        raise refusal(BROKEN_FILE_RULES[format]) from error
