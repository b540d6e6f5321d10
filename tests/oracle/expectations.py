"""What every model of the tables must give in every format: the rules, and the table of what is not as they say.

`expected_verdicts.json` was found by `tests/oracle/tabulate.py`, read, and corrected where the product was wrong.
"""

import json
import re
from pathlib import Path

from core.formats import all_formats
from tests.oracle.judge import Judgement
from tests.oracle.models import is_layer
from tests.oracle.product import Said

FOUND = Path(__file__).with_name("expected_verdicts.json")
CLOSE, CHANGED, LOADS, REFUSED, DOES_NOT_LOAD = "close", "changed", "loads", "refused", "does-not-load"
NUMBERS_IN_FEWER_BITS = {
    "keras_int8", "keras_int4", "keras_float8", "litert_float16", "litert_dynamic", "litert_int8", "litert_int4",
    "onnx_float16", "onnx_int8_dynamic", "onnx_int8", "openvino_fp16", "openvino_int8",
}  # fmt: skip
# Tried with the architectures and with drawn models, not with each layer class alone: most begin with the file of
# another format, which is. Formats of environments have `tests/formats/test_environment_formats.py`.
OF_ARCHITECTURES = {
    "keras_float8", "litert_int4", "litert_fixed", "onnx_external", "onnx_float16", "onnx_int8_dynamic", "onnx_int8",
    "openvino_int8", "stablehlo",
}  # fmt: skip
FOREIGN_TEXT = "The library said"
HALVES = {"weights", "checkpoint", "weights_sharded", "safetensors"}
# Of a tf.Module, or of layers that Keras cannot rebuild: the judge alone has their code.
NO_LAYERS = (
    "A checkpoint holds values",
    "These are weights alone",
    "The constructor of the class",
    "Keras cannot write",
)


def format_keys(model: str) -> list[str]:
    """Every format in which a model is tried, the architecture first, since halves go into it; `.h5` last, whose save
    was seen to change the live model."""
    left_out = OF_ARCHITECTURES if is_layer(model) else set()
    keys = [format_.key for format_ in all_formats() if not format_.environment and format_.key not in left_out]
    return sorted(keys, key=lambda key: (key == "h5", key != "architecture"))


def default_expectation(format_key: str) -> str:
    """What a format gives of most models: numbers in fewer bits may change any answer, and by how much the tables do
    not say; an architecture without its weights answers something else."""
    if format_key in NUMBERS_IN_FEWER_BITS:
        return LOADS
    return CHANGED if format_key == "architecture" else CLOSE


def classify(format_key: str, said: Said) -> str:
    """A verdict as the tables have it, with the reason where there are no answers."""
    if said["verdict"] in (REFUSED, DOES_NOT_LOAD):
        return f"{said['verdict']}: {_without_counters(said['reason'])}"
    if format_key in NUMBERS_IN_FEWER_BITS:
        return LOADS
    return CLOSE if said["verdict"] in ("bit-identical", "rounding") else CHANGED


def _without_counters(reason: str) -> str:
    """A sentence in which layers are called as in a process that made none before."""
    return re.sub(r"(?:_\d+)+(?=[/'])", "", reason)


def read_expected(model: str) -> dict[str, str]:
    """The expectation of each format for a model of the tables."""
    found = json.loads(FOUND.read_text(encoding="utf-8")).get(model, {})
    return {key: default_expectation(key) for key in format_keys(model)} | found


def is_met(expected: str, found: str) -> bool:
    """Whether a verdict is the expected one, and its reason a sentence of our own."""
    return found == expected and FOREIGN_TEXT not in found


def list_disagreements(format_key: str, said: Said, judgement: Judgement) -> list[str]:
    """Where the product and the second judge do not say the same of a copy."""
    if format_key in HALVES and said["reason"].startswith(NO_LAYERS):
        return []
    loads = said["verdict"] not in (REFUSED, DOES_NOT_LOAD)
    if loads == bool(judgement["error"]):
        return [f"{said['verdict']} ({said['reason']}) against {judgement['error'] or 'it loads'}"]
    if not loads:
        return []
    is_close = classify(format_key, said) == CLOSE or said["verdict"] in ("bit-identical", "rounding")
    words = []
    if is_close == (judgement["answers"] == "changed"):
        words.append(f"{said['verdict']} against answers that are {judgement['answers']}")
    is_said = "also gives" in said["words"]["signatures"] or "left scalars" in said["remark"]
    if judgement["surplus"] and not is_said:
        words.append(f"nothing is said of the answers {judgement['surplus'][:3]}, which the model does not give")
    parts = {"weights": "weights"}
    if format_key != "safetensors":  # which has no place for an optimizer: what is there came from code
        parts["optimizer"] = "optimizer"
    if format_key not in HALVES:  # their settings and layers come from the architecture
        parts |= {"compile": "settings", "architecture": "structure"}
    for column, part in parts.items():
        differences, state = judgement[part], said["cells"][column]  # type: ignore[literal-required]
        if differences is not None and state != "not applicable" and (state == "kept") == bool(differences):
            words.append(f"{column} {state} ({said['words'][column]}) against {differences[:3] or 'no difference'}")
    return words
