"""Tasks that use the loaded model: predict, activations, dataset rows.

What a child tells of a file from outside that it has loaded for the first time.

A predictor that a child holds: loaded once, then asked as often as one likes. One for each child.

What a child that holds a predictor can be asked of its inside: which tensors there are, and each one by one.

The data of a demo, some rows at a time, for whoever wants more of it than the rows that a run keeps.
"""

from pathlib import Path
from typing import Any

from core.runtimes.adapters import selectable_signatures
from core.runtimes.base import ModelFile, NamedArrays, Predictor
from core.runtimes.litert import FILE as LITERT
from core.runtimes.litert import open_interpreter
from core.runtimes.reference import count_nonfinite, fingerprint_arrays
from core.runtimes.saved_model import signature_names
from core.runtimes.traits import describe_model

# Of these there is a function that answers, and no model with layers.
GRAPH_KINDS = {"saved_model": "module", "onnx": "onnx", "litert": "litert", "openvino": "openvino"}


def describe_imported(predictor: Predictor, folder: Path, format: str) -> dict[str, Any]:
    """Kind, size, summary, inputs and weights by hash, as `describe` gives them of a live model; also the remark, and
    the names of the signatures that a person may choose from."""
    facts = (
        _describe_graph_file(predictor, folder, GRAPH_KINDS[format])
        if format in GRAPH_KINDS
        else describe_model(predictor.model)
    )
    return facts | {"remark": predictor.remark, "signatures": _list_signature_names(folder, format)}


def _describe_graph_file(predictor: Predictor, folder: Path, kind: str) -> dict[str, Any]:
    weights = predictor.weights() if predictor.weights else []
    size = sum(array.nbytes for _, array in weights)
    return {
        "kind": kind,
        "parameters": int(sum(array.size for _, array in weights)),
        "summary": _format_weights_table(weights),
        "inputs": [spec.to_json() for spec in predictor.inputs],
        "weight_bytes": size or ModelFile(kind, folder).size_bytes,
        "not_finite": count_nonfinite(weights),
        "weights": fingerprint_arrays(weights),
        "optimizer": [],
        "traits": {},
    }


def _format_weights_table(weights: NamedArrays) -> str:
    rows = [f"{name:<48}{array.shape!s:<24}{array.size:>12,}" for name, array in weights]
    return "\n".join([f"{'Tensor':<48}{'Shape':<24}{'Values':>12}", *rows])


def _list_signature_names(folder: Path, format: str) -> list[str]:
    if format == "saved_model":
        return selectable_signatures(signature_names(folder))
    if format == "litert":
        return selectable_signatures(open_interpreter((folder / LITERT).read_bytes()).get_signature_list())
    return []
