"""Validate the content of an untrusted file, in a sandboxed child, with the libraries that must parse it.

Nothing is run and no model is built. Each format has a short module whose functions return facts or raise Refused.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.arrays import Arrays
from core.errors import Refused
from core.validation import limits, refusal
from core.validation.content.facts import ContentFacts
from core.validation.content.hdf5 import validate_h5, validate_shards, validate_weights_h5
from core.validation.content.keras import validate_architecture, validate_keras
from core.validation.content.litert import validate_litert
from core.validation.content.onnx import validate_onnx
from core.validation.content.openvino import validate_openvino
from core.validation.content.saved_model import validate_checkpoint, validate_saved_model

# By format: what validates it, and the rule that is broken where a library stumbles over the file.
VALIDATORS: dict[str, tuple[Callable[[Path], ContentFacts], str]] = {
    "keras": (validate_keras, "h5-broken"),
    "h5": (validate_h5, "h5-broken"),
    "weights": (validate_weights_h5, "h5-broken"),
    "weights_sharded": (validate_shards, "h5-broken"),
    "architecture": (validate_architecture, "json-text"),
    "saved_model": (validate_saved_model, "saved-model-broken"),
    "checkpoint": (validate_checkpoint, "variables"),
    "litert": (validate_litert, "tflite-broken"),
    "onnx": (validate_onnx, "onnx-broken"),
    "openvino": (validate_openvino, "xml"),
}


def validate_content(
    report: Any, arrays: Arrays, *, format: str, folder: str, bounds: dict[str, int] | None = None
) -> tuple[ContentFacts, None]:
    """Validate the files that an upload was laid out as.

    `bounds` are the limits of the app, as `core.validation.limits.current_limits` gives them. Raises Refused.
    """
    limits.apply_limits(bounds or {})
    validate, rule = VALIDATORS[format]
    try:
        return validate(Path(folder)), None
    except Refused:
        raise
    except Exception as error:
        raise refusal(rule) from error
