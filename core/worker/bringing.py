"""What a child tells of a file from outside that it has loaded for the first time."""

from pathlib import Path
from typing import Any

from core.formats.contract import ModelFile, Named, Predictor
from core.formats.litert_runtime import FILE as LITERT
from core.formats.litert_runtime import open_interpreter
from core.formats.reference import describe, fingerprint, not_finite
from core.formats.session import signatures_in
from core.formats.signatures import offered

# Of these there is a function that answers, and no model with layers.
KINDS = {"saved_model": "module", "onnx": "onnx", "litert": "litert", "openvino": "openvino"}


def described(predictor: Predictor, folder: Path, format: str) -> dict[str, Any]:
    """Kind, size, summary, inputs and weights by hash, as `describe` gives them of a live model; also the remark, and
    the names of the signatures that a person may choose from."""
    facts = _of_file(predictor, folder, KINDS[format]) if format in KINDS else describe(predictor.model)
    return facts | {"remark": predictor.remark, "signatures": _signatures(folder, format)}


def _of_file(predictor: Predictor, folder: Path, kind: str) -> dict[str, Any]:
    weights = predictor.weights() if predictor.weights else []
    size = sum(array.nbytes for _, array in weights)
    return {
        "kind": kind,
        "parameters": int(sum(array.size for _, array in weights)),
        "summary": _table(weights),
        "inputs": [spec.to_json() for spec in predictor.inputs],
        "weight_bytes": size or ModelFile(kind, folder).bytes,
        "not_finite": not_finite(weights),
        "weights": fingerprint(weights),
        "optimizer": [],
        "traits": {},
    }


def _table(weights: Named) -> str:
    rows = [f"{name:<48}{array.shape!s:<24}{array.size:>12,}" for name, array in weights]
    return "\n".join([f"{'Tensor':<48}{'Shape':<24}{'Values':>12}", *rows])


def _signatures(folder: Path, format: str) -> list[str]:
    if format == "saved_model":
        return offered(signatures_in(folder))
    if format == "litert":
        return offered(open_interpreter((folder / LITERT).read_bytes()).get_signature_list())
    return []
