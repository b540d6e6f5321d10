"""Operations that OpenVINO computes otherwise than the runtime that its files come from, each with a sentence on it.

What was seen, with versions, is in `findings/openvino_*.sh` and `findings/softplus_*.sh`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple


class KnownOperation(NamedTuple):
    """An operation by its name in OpenVINO, by what it is answered otherwise, and what is said of it."""

    name: str
    is_meant: Callable[[dict[str, Any]], bool]
    sentence: str


KNOWN_OPERATIONS = (
    KnownOperation(
        "ScatterNDUpdate",
        lambda attributes: attributes.get("reduction", "none") == "none",
        "Where several numbers go to one place (tf.scatter_nd), OpenVINO keeps the last; TensorFlow adds them up.",
    ),
    KnownOperation(
        "LRN",
        lambda attributes: True,
        "OpenVINO cuts the bias of a local response normalisation down to a whole number, and reads an odd "
        "depth_radius of TensorFlow as the even one below it.",
    ),
    KnownOperation(
        "Unique",
        lambda attributes: not attributes.get("sorted", True),
        "Where different numbers are listed as they come (tf.unique), OpenVINO gives the first one and zeros, and for "
        "counts the same.",
    ),
    KnownOperation(
        "SoftPlus",
        lambda attributes: True,
        "OpenVINO's softplus of -20 is below 0, where it should be just above: a logarithm of that is NaN.",
    ),
)


def describe_operations(model: Any) -> list[str]:
    """Sentences on the operations of a model that was read; of a compiled one they are not known."""
    operations = [(op.get_type_name(), op.get_attributes()) for op in getattr(model, "get_ops", list)()]
    return [
        known.sentence
        for known in KNOWN_OPERATIONS
        if any(name == known.name and known.is_meant(attributes) for name, attributes in operations)
    ]
