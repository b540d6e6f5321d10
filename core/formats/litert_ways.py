"""The ways to ask a LiteRT file: through a signature, or by the places of its tensors; in floats or in integers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.errors import CannotSave
from core.formats.contract import Arrays, Spec
from core.formats.signatures import choose_signature, remarks

Detail = dict[str, Any]
NO_SIGNATURE = "The file has no signature: its inputs and outputs go by the names of its tensors."


@dataclass(frozen=True)
class Way:
    """How a file is asked: the details of its inputs and outputs by name, and what answers arrays in their dtypes."""

    inputs: dict[str, Detail]
    outputs: dict[str, Detail]
    call: Callable[[Arrays], Arrays]
    remark: str = ""


def way_through(interpreter: Any, asked: str = "") -> Way:
    """The way through the signature that was chosen (see `choose_signature`), or by place where the file has none."""
    names = interpreter.get_signature_list()
    if not names:
        return _by_place(interpreter)
    name, remark = choose_signature(names, asked)
    ask = interpreter.get_signature_runner(name)
    return Way(ask.get_input_details(), ask.get_output_details(), lambda inputs: ask(**inputs), remark)


def _by_place(interpreter: Any) -> Way:
    inputs = {one["name"]: one for one in interpreter.get_input_details()}
    outputs = {one["name"]: one for one in interpreter.get_output_details()}

    def call(given: Arrays) -> Arrays:
        for name, array in given.items():
            interpreter.resize_tensor_input(inputs[name]["index"], array.shape)
        interpreter.allocate_tensors()
        for name, array in given.items():
            interpreter.set_tensor(inputs[name]["index"], array)
        interpreter.invoke()
        return {name: interpreter.get_tensor(one["index"]) for name, one in outputs.items()}

    return Way(inputs, outputs, call, NO_SIGNATURE)


def in_floats(way: Way, specs: tuple[Spec, ...]) -> tuple[tuple[Spec, ...], Way]:
    """The same asked and answering in floats, where the file computes in integers with a scale and a zero point."""
    taken = {name: one for name, one in way.inputs.items() if _is_scaled(one)}
    given = {name: one for name, one in way.outputs.items() if _is_scaled(one)}
    if not taken and not given:
        return specs, way

    def call(inputs: Arrays) -> Arrays:
        asked = {name: _quantized(array, taken[name]) if name in taken else array for name, array in inputs.items()}
        answers = way.call(asked)
        return {name: _widened(array, given[name]) if name in given else array for name, array in answers.items()}

    freed = tuple(replace(spec, dtype="float32") if spec.name in taken else spec for spec in specs)
    return freed, replace(way, call=call, remark=remarks(way.remark, *_said(taken, given)))


def require_floats(interpreter: Any, to: str) -> None:
    """Raises CannotSave where a file is asked in integers that stand for floats: a converter would leave the scale to
    whoever asks, and answers would be others."""
    way = way_through(interpreter)
    scaled = [name for name, one in (way.inputs | way.outputs).items() if _is_scaled(one)]
    if scaled:
        raise CannotSave(
            f"“{scaled[0]}” of this file is integers with a scale of their own, which {to} would take without it.",
            cure="Convert the model that it was quantised from.",
        )


def _is_scaled(detail: Detail) -> bool:
    scales = detail["quantization_parameters"]["scales"]
    return np.dtype(detail["dtype"]).kind in "iu" and len(scales) == 1 and scales[0] > 0


def _scale(detail: Detail) -> tuple[float, int]:
    found = detail["quantization_parameters"]
    return float(found["scales"][0]), int(found["zero_points"][0])


def _quantized(array: np.ndarray, detail: Detail) -> np.ndarray:
    scale, zero = _scale(detail)
    bounds = np.iinfo(detail["dtype"])
    steps = np.round(np.nan_to_num(array.astype("float64") / scale)) + zero
    return np.clip(steps, bounds.min, bounds.max).astype(detail["dtype"])


def _widened(array: np.ndarray, detail: Detail) -> np.ndarray:
    scale, zero = _scale(detail)
    return ((array.astype("float64") - zero) * scale).astype("float32")


def _said(taken: dict[str, Detail], given: dict[str, Detail]) -> list[str]:
    return [_of_input(*one) for one in taken.items()] + [_of_output(*one) for one in given.items()]


def _of_input(name: str, detail: Detail) -> str:
    scale, zero = _scale(detail)
    bounds = np.iinfo(detail["dtype"])
    ends = f"{(bounds.min - zero) * scale:.4g} to {(bounds.max - zero) * scale:.4g}"
    dtype = np.dtype(detail["dtype"]).name
    return f"Its input “{name}” takes {dtype}: values from {ends} are rounded to steps of {scale:.3g} (zero at {zero})."


def _of_output(name: str, detail: Detail) -> str:
    scale, zero = _scale(detail)
    dtype = np.dtype(detail["dtype"]).name
    return f"Its output “{name}” is {dtype}, widened by steps of {scale:.3g} (zero at {zero})."
