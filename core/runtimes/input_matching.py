"""Match the inputs that are given with those that a model takes."""

from typing import NamedTuple

import numpy as np

from core.arrays import Arrays, to_plain_array
from core.errors import InputError
from core.runtimes.specs import Spec


class InputMatch(NamedTuple):
    """Which input goes where, and why: by "name", or by "shape" or "order" where they were renamed."""

    input_name: str
    spec: Spec
    by: str


def match_inputs(inputs: Arrays, specs: tuple[Spec, ...]) -> list[InputMatch]:
    """Match the inputs with the model's own.

    By name; else by shape and kind, where only one reading is possible; else in the order in which they are given, if
    every one fits its place: whether that was right, only the predictions can tell. Raises InputError when the number
    of inputs does not fit, or their order does not.
    """
    specs = _leave_out_optional(inputs, specs)
    if len(inputs) != len(specs):
        raise InputError(
            f"This model takes {len(specs)} inputs ({', '.join(spec.name for spec in specs)}).",
            received=f"{len(inputs)} ({', '.join(inputs)})",
            cure="Give one array for each of its inputs; none of them can be left out.",
        )
    if all(spec.name in inputs for spec in specs):
        return [InputMatch(spec.name, spec, "name") for spec in specs]
    if len(specs) == 1:
        return [InputMatch(next(iter(inputs)), specs[0], "shape")]
    if matches := _match_inputs_by_shape(inputs, specs) or _match_inputs_by_order(inputs, specs):
        return matches
    raise InputError(
        "The inputs were renamed, and do not fit in the order in which they are given.",
        received=", ".join(f"{name} {array.shape}" for name, array in inputs.items()),
        cure=f"Name them {', '.join(spec.name for spec in specs)}.",
    )


def _leave_out_optional(inputs: Arrays, specs: tuple[Spec, ...]) -> tuple[Spec, ...]:
    """The inputs of a model without optional ones that are not given."""
    missing = len(specs) - len(inputs)
    absent = [spec for spec in specs if spec.is_optional and spec.name not in inputs]
    return tuple(spec for spec in specs if spec not in absent[-missing:]) if 0 < missing <= len(absent) else specs


def _match_inputs_by_shape(inputs: Arrays, specs: tuple[Spec, ...]) -> list[InputMatch]:
    fitting = {spec: [name for name, array in inputs.items() if _is_compatible(array, spec)] for spec in specs}
    one_each = all(len(names) == 1 for names in fitting.values())
    if not one_each or len({names[0] for names in fitting.values()}) < len(specs):
        return []
    return [InputMatch(names[0], spec, "shape") for spec, names in fitting.items()]


def _match_inputs_by_order(inputs: Arrays, specs: tuple[Spec, ...]) -> list[InputMatch]:
    matches = [InputMatch(name, spec, "order") for name, spec in zip(inputs, specs, strict=True)]
    return matches if all(_is_compatible(inputs[match.input_name], match.spec) for match in matches) else []


def _is_compatible(array: np.ndarray, spec: Spec) -> bool:
    return _has_compatible_shape(array, spec) and _has_compatible_kind(array, spec)


def _has_compatible_shape(array: np.ndarray, spec: Spec) -> bool:
    if spec.shape is None or array.ndim != len(spec.shape):
        return spec.shape is None
    return all(want is None or want == have for want, have in zip(spec.shape[1:], array.shape[1:], strict=True))


def _has_compatible_kind(array: np.ndarray, spec: Spec) -> bool:
    """Whether both are text or both are numbers; an array of objects may be either."""
    return array.dtype.kind == "O" or (array.dtype.kind in "SUT") == (spec.dtype == "object")


def cast_input(array: np.ndarray, spec: Spec) -> np.ndarray:
    if not _has_compatible_shape(array, spec):
        cure = "Reshape the rows, or choose a model that takes such rows."
        raise InputError(f"The input '{spec.name}' must have the shape {spec.shape}.", received=array.shape, cure=cure)
    is_text = spec.dtype == "object"
    is_cut = array.dtype.kind == "c" and not spec.dtype.startswith("complex")  # NumPy drops imaginary parts
    try:
        fitting = None if is_cut else to_plain_array(array) if is_text else np.asarray(array, dtype=spec.dtype)
    except (TypeError, ValueError):
        fitting = None
    if fitting is None or not _has_compatible_kind(array, spec):
        wanted = "text" if is_text else "real numbers" if is_cut else "numbers"
        raise InputError(
            f"The input '{spec.name}' takes {wanted}.",
            received=f"an array of dtype {array.dtype}",
            cure="Give values of that kind.",
        )
    return fitting
