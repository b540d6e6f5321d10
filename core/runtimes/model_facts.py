"""What a run records of a live model."""

from pathlib import Path
from typing import NotRequired, TypedDict

from core.arrays import Fingerprint, NamedArrays, fingerprint_arrays
from core.runtimes.base import Model, Predictor
from core.runtimes.litert import FILE as LITERT
from core.runtimes.litert_contents import count_parameters
from core.runtimes.live import live_predictor
from core.runtimes.model_kinds import ModelFile, model_kind
from core.runtimes.reference import count_nonfinite
from core.runtimes.specs import InputSpec
from core.runtimes.traits import Traits, collect_traits


class ModelFacts(TypedDict):
    """What a `Run` records of its model, under the names of its fields; of what was never run the last are missing."""

    kind: str
    parameters: int
    summary: str
    inputs: list[InputSpec]
    weight_bytes: int
    weights: list[Fingerprint]
    optimizer: list[Fingerprint]
    call_rows: NotRequired[int | None]
    remembers: NotRequired[bool]
    not_finite: NotRequired[dict[str, int]]
    traits: NotRequired[Traits]


def describe_model(model: Model) -> ModelFacts:
    """What a `Run` records of a live model, under the names of its fields."""
    predictor = live_predictor(model)
    weights, optimizer = (read() if read else [] for read in (predictor.weights, predictor.optimizer_state))
    return {
        "kind": model_kind(model),
        "parameters": int(sum(array.size for _, array in weights)),
        "summary": summarize_model(model, weights),
        "inputs": [spec.to_json() for spec in predictor.inputs],
        "call_rows": predictor.call_rows,
        "remembers": predictor.state is not None,
        "weight_bytes": sum(array.nbytes for _, array in weights),
        "not_finite": count_nonfinite(weights),
        "weights": fingerprint_arrays(weights),
        "optimizer": fingerprint_arrays(optimizer),
        "traits": collect_traits(model),
    }


def summarize_model(model: Model, weights: NamedArrays) -> str:
    """`model.summary()` for Keras; for a tf.Module, its variables as a table of the same kind."""
    if model_kind(model) == "keras":
        lines: list[str] = []
        model.summary(print_fn=lambda line, **_: lines.append(line), line_length=80)
        return "\n".join(lines)
    rows = [f"{name:<40}{array.shape!s:<20}{array.size:>12,}" for name, array in weights]
    heading = [
        f"tf.Module: {getattr(model, 'name', type(model).__name__)}",
        f"{'Variable':<40}{'Shape':<20}{'Values':>12}",
    ]
    return "\n".join([*heading, *rows, f"{sum(array.size for _, array in weights):>72,}"])


def describe_graph_file(predictor: Predictor, folder: Path, kind: str) -> ModelFacts:
    weights = predictor.weights() if predictor.weights else []
    learned = [array for _, array in weights if array.dtype.kind in "fc" or array.dtype.name in ("int8", "uint8")]
    # The other integers of a graph are sizes and axes.
    count = count_parameters(folder / LITERT) if kind == "litert" else sum(array.size for array in learned)
    return {
        "kind": kind,
        "parameters": int(count),
        "summary": _format_weights_table(weights),
        "inputs": [spec.to_json() for spec in predictor.inputs],
        "call_rows": predictor.call_rows,
        "remembers": predictor.state is not None,
        "weight_bytes": sum(array.nbytes for _, array in weights) or ModelFile(kind, folder).size_bytes,
        "not_finite": count_nonfinite(weights),
        "weights": fingerprint_arrays(weights),
        "optimizer": [],
        "traits": {},
    }


def _format_weights_table(weights: NamedArrays) -> str:
    rows = [f"{name:<48}{array.shape!s:<24}{array.size:>12,}" for name, array in weights]
    return "\n".join([f"{'Tensor':<48}{'Shape':<24}{'Values':>12}", *rows])
