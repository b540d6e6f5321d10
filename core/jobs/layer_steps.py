"""Steps of a comparison layer by layer: each layer of one model, and how far its partner in another is from it."""

from typing import TypedDict, cast

import numpy as np

from core.activations.matching import Activation, ActivationDifference, compare_activations

PAIRED, UNPAIRED, NO_NUMBERS = "paired", "fused or missing", "no numbers"
LAYOUT_NOTE = "It is laid out otherwise."
HALF_PRECISION_NOTE = "In half precision a value is exact to about a thousandth."
UNRELATED_NEAR_SHARE = 0.5  # of two unrelated tensors fewer values than this share are near one another
RECOVERY_FACTOR = 30  # a difference of a whole layer that shrinks by more than this in the next was no difference


# A layer and its partner in the other model, with numbers of `ActivationDifference`: None where nothing was compared.
LayerStep = TypedDict(
    "LayerStep",
    {
        "layer": str,
        "class": str,
        "shape": list[int | None] | None,  # None for the batch
        "partner": str | None,
        "op": str | None,
        "state": str,
        "above": bool,  # whether the difference exceeds the tolerance
        "rows": int,
        "permutation": list[int] | None,
        "max_abs": float | None,
        "mean_abs": float | None,
        "relative": float | None,
        "near": float | None,
        "not_finite": int | None,
        "words": str,
    },
    total=False,
)
_METRICS = ("permutation", "max_abs", "mean_abs", "relative", "near", "not_finite")
_NOT_COMPARED = cast(LayerStep, dict.fromkeys(("partner", "op", *_METRICS)) | {"state": UNPAIRED, "above": False})


def new_step(tensor: Activation) -> LayerStep:
    """Return the step of a layer without a match."""
    shape = None if tensor.shape is None else [None, *tensor.shape[1:]]
    words = "It has no tensor of its own in the other copy: fused with a neighbour, or missing."
    return _NOT_COMPARED | {"layer": tensor.name, "class": tensor.op, "shape": shape, "words": words}


def with_difference(
    step: LayerStep, partner: Activation, values: np.ndarray | None, partner_values: np.ndarray | None, tolerance: float
) -> tuple[LayerStep, np.ndarray | None]:
    """Return a step with the difference of a layer's values, (rows, ...), from its partner's; None has no numbers.

    Beside it the partner's values laid out like the layer's; None where they are not compared.
    """
    if values is None or partner_values is None:
        return step | {"state": NO_NUMBERS, "words": "It gives no numbers for each row: words, or a shape."}, None
    step |= {"partner": partner.name, "op": partner.op, "shape": [None, *values.shape[1:]]}
    if values.size != partner_values.size:
        words = "The matching layer by structure gives another number of values, so they are not compared."
        return step | {"words": words}, None
    difference, laid_out = compare_activations(values, partner_values)
    notes = [_describe_difference(difference, tolerance)]
    axes = None if difference.axes is None else list(difference.axes)
    notes += [LAYOUT_NOTE] if axes is None or axes != sorted(axes) else []
    notes += [HALF_PRECISION_NOTE] if "float16" in (values.dtype.name, partner_values.dtype.name) else []
    step |= {
        "permutation": axes,
        "max_abs": difference.max_abs,
        "mean_abs": difference.mean_abs,
        "relative": difference.relative,
        "near": difference.near,
        "not_finite": difference.not_finite,
        "state": PAIRED,
        "above": difference.exceeds(tolerance),
        "rows": len(values),
        "words": " ".join(notes),
    }
    return step, laid_out


def _describe_difference(difference: ActivationDifference, tolerance: float) -> str:
    if difference.identical:
        return "The same to the last bit."
    if difference.not_finite:
        return f"{difference.not_finite:,} values are NaN or infinite in only one of the two."
    if difference.exceeds(tolerance):
        return "It differs by more than the tolerance."
    return "The same within the tolerance."


def unpair_unrelated(steps: list[LayerStep], tensors: list[Activation]) -> None:
    """Unpair what is nowhere near its partner while a layer that is computed from it is near its own: it was paired
    with an unrelated tensor, and has none of its own in the other copy."""
    successors: dict[str, list[int]] = {}
    for place, tensor in enumerate(tensors):
        for key in tensor.after:
            successors.setdefault(key, []).append(place)
    errors = [_relative_error(step) for step in steps]  # of each, or the least of what is computed from it
    for place in reversed(range(len(steps))):
        step, later = steps[place], successors.get(tensors[place].key, ())
        least = min((errors[successor] for successor in later), default=np.inf)
        is_far = step["above"] and step["near"] is not None and step["near"] < UNRELATED_NEAR_SHARE
        if is_far and least * RECOVERY_FACTOR < errors[place]:
            step.update(_NOT_COMPARED)
            step["words"] = "It has no tensor of its own in the other copy, and what is computed from it is sound."
        if step["state"] != PAIRED:
            errors[place] = least


def _relative_error(step: LayerStep) -> float:
    """The mean difference in units of the spread; infinite where it was not measured."""
    mean, relative, largest = step["mean_abs"], step["relative"], step["max_abs"]
    if mean is None or relative is None or largest is None:
        return np.inf
    return mean * relative / largest if largest else 0.0


def unpaired_predecessors(steps: list[LayerStep], tensors: list[Activation], first: int) -> list[str]:
    """Names of the layers without a partner right before the first that differs: the cause may lie in any of them."""
    places = {tensor.key: place for place, tensor in enumerate(tensors)}
    unpaired: set[int] = set()
    keys = list(tensors[first].after)
    while keys:
        place = places[keys.pop()]
        if place not in unpaired and steps[place]["state"] == UNPAIRED:
            unpaired.add(place)
            keys += tensors[place].after
    return [steps[place]["layer"] for place in sorted(unpaired)]
