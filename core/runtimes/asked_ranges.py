"""The range of numbers that each input of a loaded file asks for, by its first operations or its metadata."""

from collections.abc import Callable
from pathlib import Path

from core.runtimes import first_steps, litert, onnx, openvino, saved_model
from core.runtimes.base import Predictor
from core.runtimes.call_arguments import named_inputs
from core.runtimes.litert_contents import read_metadata_ranges
from core.runtimes.range_propagation import Range, find_range
from core.runtimes.signatures import choose_signature

PIXEL_RANGE = "Image.NominalPixelRange"  # in the metadata of an ONNX file
PIXEL_RANGES: dict[str, Range] = {
    "NominalRange_0_255": (0.0, 255.0),
    "NominalRange_16_235": (16.0, 235.0),
    "Normalized_0_1": (0.0, 1.0),
    "Normalized_1_1": (-1.0, 1.0),
}
RangesByInput = dict[str, Range | None]


def read_asked_ranges(predictor: Predictor, folder: Path, format_key: str, signature: str = "") -> dict[str, Range]:
    """The range by input, of those of which anything is said: a file that cannot be understood says nothing."""
    read = READERS.get(format_key, _read_keras)
    try:
        ranges = read(predictor, folder, signature)
    except Exception:  # noqa: BLE001  of an untrusted graph; what is not known is tried
        return {}
    names = {spec.name for spec in predictor.inputs}
    return {name: asked for name, asked in ranges.items() if asked and name in names}


def _read_keras(predictor: Predictor, _: Path, __: str) -> RangesByInput:
    steps = first_steps.steps_of_keras(predictor.model)
    return {name: find_range(steps, id(tensor)) for name, tensor in named_inputs(predictor.model).items()}


def _read_onnx(predictor: Predictor, folder: Path, _: str) -> RangesByInput:
    stated = PIXEL_RANGES.get(predictor.model.get_modelmeta().custom_metadata_map.get(PIXEL_RANGE, ""))
    steps = first_steps.steps_of_onnx(folder / onnx.FILE)
    pictures = [spec.name for spec in predictor.inputs if len(spec.shape or ()) == 4]
    ranges: RangesByInput = {spec.name: find_range(steps, spec.name) for spec in predictor.inputs}
    return ranges | (dict.fromkeys(pictures, stated) if stated else {})


def _read_litert(_: Predictor, folder: Path, signature: str) -> RangesByInput:
    content = (folder / litert.FILE).read_bytes()
    stated, steps = read_metadata_ranges(content), first_steps.steps_of_litert(content)
    interpreter = litert.open_interpreter(content)
    places = {detail["index"]: place for place, detail in enumerate(interpreter.get_input_details())}
    ranges: RangesByInput = {}
    for name, detail in litert.input_details(interpreter, signature).items():
        place = places.get(detail["index"], len(stated))
        ranges[name] = litert.quantized_range(detail) or (stated[place] if place < len(stated) else None)
        ranges[name] = ranges[name] or find_range(steps, detail["index"])
    return ranges


def _read_saved_model(_: Predictor, folder: Path, signature: str) -> RangesByInput:
    graph, signatures = saved_model.read_serving_graph(folder)
    steps = first_steps.steps_of_graph(graph)
    inputs = signatures[choose_signature(signatures, signature)[0]].inputs
    return {name: find_range(steps, first_steps.plain_name(info.name)) for name, info in inputs.items()}


def _read_openvino(_: Predictor, folder: Path, __: str) -> RangesByInput:
    model = openvino.import_openvino().Core().read_model(folder / openvino.FILE)
    steps = first_steps.steps_of_openvino(model)
    return {
        openvino.port_name(port, f"input_{at}"): find_range(steps, port.get_node().get_friendly_name())
        for at, port in enumerate(model.inputs)
    }


READERS: dict[str, Callable[[Predictor, Path, str], RangesByInput]] = {
    "onnx": _read_onnx,
    "litert": _read_litert,
    "saved_model": _read_saved_model,
    "openvino": _read_openvino,
}
