"""In which other form a tensor came back whose bits did not: merged with its adapters, set to zero, or as integers."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from core.arrays import hash_array

# Keras names the adapters of "dense/kernel" "dense/lora_kernel_a" and "dense/lora_kernel_b".
ADAPTER_PATTERN = re.compile(r"(?P<layer>(?:.*/)?)lora_(?P<kind>\w+)_[ab](?::0)?")
MERGED, ZEROED, FOLDED = "merged", "zeroed", "folded"
INTEGERS = ("int8", "uint8", "int4", "uint4")
PACKED = "packed"  # behind the dtype, where several numbers share a byte

Tensor = Mapping[str, Any]  # a fingerprint


def find_changed_forms(missing: Sequence[Tensor], leftovers: Sequence[Tensor]) -> dict[str, str]:
    """The form of the original's tensors that are missing, by name, where one is recognised.

    "merged" with its adapters; an adapter that is "zeroed", or "folded" into what it adapts; "int8", "uint8 packed" and
    so on for numbers that are stored as integers.

    Args:
        missing: Fingerprints of the original's tensors without an equal.
        leftovers: Those of the copy that equal none of the original's.
    """
    forms = dict(_find_adapters(missing, leftovers))
    left = [tensor for tensor in leftovers if tensor["dtype"] in INTEGERS]
    for tensor in missing:
        if tensor["name"] in forms or not str(tensor["dtype"]).startswith(("float", "bfloat")):
            continue
        if stored := next((each for each in left if _holds(each, tensor)), None):
            left.remove(stored)
            packed = f" {PACKED}" if math.prod(stored["shape"]) < math.prod(tensor["shape"]) else ""
            forms[tensor["name"]] = f"{stored['dtype']}{packed}"
    return forms


def _find_adapters(missing: Sequence[Tensor], leftovers: Sequence[Tensor]) -> Iterator[tuple[str, str]]:
    names = {tensor["name"] for tensor in missing}
    for tensor in missing:
        if match := ADAPTER_PATTERN.fullmatch(tensor["name"]):
            yield tensor["name"], ZEROED if any(_is_zeroed(each, tensor) for each in leftovers) else FOLDED
            if (adapted := f"{match['layer']}{match['kind']}") in names:
                yield adapted, MERGED


def _is_zeroed(tensor: Tensor, original: Tensor) -> bool:
    if (tensor["dtype"], list(tensor["shape"])) != (original["dtype"], list(original["shape"])):
        return False
    try:
        return bool(tensor["sha256"] == hash_array(np.zeros(original["shape"], original["dtype"])))
    except TypeError:  # a dtype that NumPy does not know
        return False


def _holds(stored: Tensor, original: Tensor) -> bool:
    """Whether integers may be a float tensor: of its shape, or with one axis half as long, two in a byte."""
    shape, whole = list(stored["shape"]), list(original["shape"])
    if shape == whole or len(shape) != len(whole):
        return shape == whole
    changed = [(a, b) for a, b in zip(shape, whole, strict=True) if a != b]
    return len(changed) == 1 and changed[0][0] == -(-changed[0][1] // 2)
