"""The LiteRT quantizer: it rewrites a float file in fewer bits."""

from pathlib import Path
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.errors import CannotSave
from core.runtimes.base import Model
from core.runtimes.litert import (
    PACKAGES,
    accepts_batches,
    is_quantized_file,
    litert_predictor,
    open_interpreter,
)
from core.runtimes.litert_contents import remembers
from core.runtimes.model_kinds import model_kind

QUANTIZER_PACKAGES = PACKAGES | {"ai_edge_quantizer": "ai-edge-quantizer"}
# What the quantizer says of a tensor that it cannot read: text or a variable, and one that only a loop computes.
UNREADABLE_TENSOR = "Could not create PyBytes"
UNREACHED_TENSOR = "Tensor data is null"


def quantize(model: Model, path: Path, recipe: list[dict[str, Any]], samples: Arrays | None = None) -> None:
    """Quantise a float LiteRT file in place.

    Args:
        model: What the file was made from.
        path: The file.
        recipe: What becomes of which operation, as the LiteRT quantizer takes it.
        samples: Inputs by name to calibrate on, batch first.

    Raises CannotSave when nothing in the file could be quantised.
    """
    from ai_edge_quantizer.quantizer import Quantizer

    content = path.read_bytes()
    if samples and not open_interpreter(content).get_signature_list():
        cure = "Choose dynamic range, which needs no measuring."
        raise CannotSave("The quantizer measures ranges through a signature, and this file has none.", cure=cure)
    content = _state_sizes(content, samples) if samples else content
    quantizer = Quantizer(content, recipe)
    calibration = _measure_ranges(quantizer, content, samples) if samples else None
    result = quantizer.quantize(calibration, enable_progress_bar=False, enable_progress_report=False)
    path.write_bytes(result.quantized_model)
    if _count_reduced_tensors(path.read_bytes()) == _count_reduced_tensors(content):
        kept = "Keep the file as it is" if model_kind(model) == "litert" else "Choose plain LiteRT"
        raise CannotSave(
            "Nothing in this model could be quantised, so the file would be the plain LiteRT file.",
            cure=f"{kept}: the quantizer knows no reduced form for this model's operations.",
        )


def require_unquantized(path: Path) -> None:
    """Require a LiteRT file in floats to quantise: of another the quantizer would drop the scales, or round twice.

    Raises CannotSave.
    """
    if is_quantized_file(open_interpreter(path.read_bytes())):
        raise CannotSave(
            "This LiteRT file is quantised already, and what was rounded once is not rounded again.",
            cure="Keep the file as it is, or quantise the model that it was made from.",
        )


def _state_sizes(content: bytes, samples: Arrays) -> bytes:
    """A LiteRT file whose free sizes begin with those of the samples: they stay free.

    The converter states 1 for each, and the runtime plans the whole model for that before anything is asked: one that
    makes pictures smaller has nothing left of a picture of one pixel, and XNNPACK does not take it.
    """
    from ai_edge_litert import schema_py_generated as schema

    inputs, data = litert_predictor(content).prepare_inputs(samples), bytearray(content)
    model = schema.Model.GetRootAs(data, 0)
    signature = model.SignatureDefs(0)
    graph = model.Subgraphs(signature.SubgraphIndex())
    for entry in map(signature.Inputs, range(signature.InputsLength())):
        tensor = graph.Tensors(entry.TensorIndex())
        for axis in range(1, tensor.ShapeSignatureLength()):
            if tensor.ShapeSignature(axis) < 0:
                tensor.ShapeAsNumpy()[axis] = inputs[entry.Name().decode()].shape[axis]  # writes into `data`
    return bytes(data)


def _measure_ranges(quantizer: Any, content: bytes, samples: Arrays) -> Any:
    try:
        calls = _calibration_calls(content, samples)
        if not remembers(content):
            return quantizer.calibrate({None: calls})
        # Each row by an interpreter of its own, which remembers nothing of those before it.
        return _join_ranges([quantizer.calibrate({None: [call]}) for call in calls])
    except (RuntimeError, ValueError) as error:
        if UNREADABLE_TENSOR in str(error):
            what = "handles text" if _handles_text(content) else "keeps values in variables"
        elif UNREACHED_TENSOR in str(error):
            what = "has loops, such as those of recurrent layers"
        else:
            raise
        raise CannotSave(
            f"The quantizer cannot measure the ranges of a model that {what}.",
            cure="Choose dynamic range, which needs no calibration.",
            detail=str(error),
        ) from error


def _join_ranges(measured: list[dict[str, Any]]) -> dict[str, Any]:
    """The ranges of each tensor over several measurements, from the lowest to the highest number."""
    joined = dict(measured[0])
    for name, ends_here in joined.items():
        others = [other[name] for other in measured if name in other]
        ends = {end: choose for end, choose in (("min", np.minimum), ("max", np.maximum)) if end in ends_here}
        joined[name] = {
            **ends_here,
            **{end: choose.reduce([each[end] for each in others]) for end, choose in ends.items()},
        }
    return joined


def _handles_text(content: bytes) -> bool:
    return any(np.dtype(detail["dtype"]).kind in "SU" for detail in open_interpreter(content).get_tensor_details())


def _calibration_calls(content: bytes, samples: Arrays) -> list[Arrays]:
    """Samples under the names and dtypes that the file takes, in one call where it takes batches.

    Between calls the quantizer averages the ranges: row by row it cuts the extremes off, and is 14 times as far off.
    """
    inputs = litert_predictor(content).prepare_inputs(samples)
    if accepts_batches(content, ""):
        return [inputs]
    rows = len(next(iter(inputs.values())))
    return [{name: array[row : row + 1] for name, array in inputs.items()} for row in range(rows)]


def _count_reduced_tensors(content: bytes) -> int:
    """How many tensors of a LiteRT file have fewer bits than float32: float16, int8 or int4."""
    small = {"float16", "int8", "int4"}
    return sum(np.dtype(detail["dtype"]).name in small for detail in open_interpreter(content).get_tensor_details())
