"""NNCF, OpenVINO's quantizer: it rewrites a float IR in integers."""

from pathlib import Path
from typing import Any

from core.arrays import Arrays
from core.errors import CannotSave
from core.runtimes.batch_adapter import adapted_predictor
from core.runtimes.openvino import PACKAGES, adapt_compiled_model, compile_model, import_openvino

QUANTIZER_PACKAGES = PACKAGES | {"nncf": "nncf"}
SMALL_TYPES = ("i8", "u8", "i4", "u4")


def quantize(path: Path, samples: Arrays) -> Any:
    """A quantised model of OpenVINO from a float IR; `samples` (batch first) show the ranges.

    Raises CannotSave of a file that is quantised already, and where nothing could be quantised.
    """
    model = import_openvino().Core().read_model(path)
    if _count_small_constants(model):
        raise CannotSave(
            "These OpenVINO files are quantised already, and what was rounded once is not rounded again.",
            cure="Keep the files as they are, or quantise the model that they were made from.",
        )
    import nncf

    calls = list_calls(path, samples)
    quantized = nncf.quantize(model, nncf.Dataset(calls), subset_size=len(calls))
    if not _count_small_constants(quantized):
        raise CannotSave(
            "Nothing in this model could be quantised, so the files would be those of plain OpenVINO IR.",
            cure="Choose plain OpenVINO IR: the quantizer knows no reduced form for this model's operations.",
        )
    return quantized


def list_calls(path: Path, samples: Arrays) -> list[Arrays]:
    """Samples under the names and in the dtypes that a file takes, in one call where it takes any number of rows.

    Between calls NNCF averages the ranges: row by row it cuts the extremes off.
    """
    calls: list[Arrays] = []
    model = compile_model(path)
    predictor = adapted_predictor(model, adapt_compiled_model(model, calls.append))
    inputs = predictor.prepare_inputs(samples)
    predictor.predict_fn(inputs)
    return calls


def _count_small_constants(model: Any) -> int:
    """How many constants with several axes are integers of 8 bits or fewer."""
    constants = [node for node in model.get_ops() if node.get_type_name() == "Constant"]
    ports = [node.output(0) for node in constants]
    return sum(port.get_element_type().get_type_name() in SMALL_TYPES and len(port.shape) > 1 for port in ports)
