"""Match the tensors that came back with those of the run by their fingerprints: dtype, shape and hash of the bits.

A tensor whose bits did not come back may stand there in another form: merged with its adapters, set to zero, or as
integers."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from core.arrays import hash_array
from core.runtimes.model_settings import ModelSettings
from core.runtimes.traits import Count, Hash

# Keras names the adapters of "dense/kernel" "dense/lora_kernel_a" and "dense/lora_kernel_b".
ADAPTER_PATTERN = re.compile(r"(?P<layer>(?:.*/)?)lora_(?P<kind>\w+)_[ab](?::0)?")
MERGED, ZEROED, FOLDED = "merged", "zeroed", "folded"
INTEGERS = ("int8", "uint8", "int4", "uint4")
PACKED = "packed"  # behind the dtype, where several numbers share a byte
Tensor = Mapping[str, Any]  # a fingerprint
MAX_TEXT_LENGTH = 2000  # characters of each text that are stored of a reply


class TensorReply(BaseModel):
    """One tensor by the hash of its bits, as a child reports it: one of an untrusted file may report anything."""

    name: str = Field(max_length=MAX_TEXT_LENGTH)
    dtype: str = Field(max_length=40)
    shape: list[Count]
    sha256: Hash


class SurplusTensors(BaseModel):
    """Tensors of a copy beyond those of the run: `copies` have the bits of one of the run's, `others` of none."""

    copies: list[str] = Field(default_factory=list)
    others: list[str] = Field(default_factory=list)
    values: int = 0  # in all of them

    def __bool__(self) -> bool:
        return bool(self.copies or self.others)


class TensorMatchCount(BaseModel):
    """How many of the run's tensors came back with equal bits, the names of the others, and what came beside them.

    `values` counts the numbers in all tensors of the copy, `values_of` those of the run; None in older records.
    `rearranged` says that the numbers which are missing may stand in tensors of other shapes: there are as many;
    `forms` in which form some of them came back (see `find_changed_forms`); `turned` are tensors beside those that came
    back whose axes are as long in another order, as those of a second, transposed copy are.
    """

    found: int
    of: int
    missing: list[str] = Field(default_factory=list)
    surplus: SurplusTensors = Field(default_factory=SurplusTensors)
    values: int | None = None
    values_of: int | None = None
    rearranged: bool = False
    forms: dict[str, str] = Field(default_factory=dict)
    turned: list[str] = Field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        return self.found == self.of


class OriginalFingerprint(BaseModel):
    """What a copy is verified against: variables by hash, settings, whether predictions are classes, and as what
    pictures they are drawn, (height, width)."""

    weights: Sequence[Mapping[str, Any]]
    optimizer: Sequence[Mapping[str, Any]]
    classes: bool | None = None
    settings: ModelSettings | None = None
    output_image_shape: tuple[int, int] | None = None


def match_fingerprints(
    original: Sequence[Mapping[str, Any]], reloaded: Sequence[Mapping[str, Any]] | None
) -> TensorMatchCount | None:
    """Count the original's tensors whose dtype, shape and bits came back.

    Formats rename variables, so names are ignored, and each reloaded tensor is matched once. None where the original
    has no tensors, or where the format hides its variables.
    """
    if not original or reloaded is None:
        return None
    available = Counter(map(_tensor_key, reloaded))
    missing = []
    for tensor in original:
        if available[_tensor_key(tensor)]:
            available[_tensor_key(tensor)] -= 1
        else:
            missing.append(tensor)
    leftovers = _leftovers(reloaded, available)
    return TensorMatchCount(
        found=len(original) - len(missing),
        of=len(original),
        missing=[tensor["name"] for tensor in missing],
        surplus=find_surplus(original, leftovers),
        rearranged=_is_rearranged(missing, leftovers),
        forms=find_changed_forms(missing, leftovers),
        turned=_find_turned(original, missing, leftovers),
        values=count_values(reloaded),
        values_of=count_values(original),
    )


def _leftovers(reloaded: Sequence[Mapping[str, Any]], available: Counter[Any]) -> list[Mapping[str, Any]]:
    """The reloaded tensors that were matched with none; of several with the same bits the last ones."""
    left = []
    for tensor in reversed(reloaded):
        if available[_tensor_key(tensor)]:
            available[_tensor_key(tensor)] -= 1
            left.append(tensor)
    return left[::-1]


def _is_rearranged(missing: Sequence[Mapping[str, Any]], leftovers: Sequence[Mapping[str, Any]]) -> bool:
    """Whether as many numbers are missing as stand in other tensors of the same dtypes, and of other shapes."""
    dtypes = {tensor["dtype"] for tensor in missing}
    others = [tensor for tensor in leftovers if tensor["dtype"] in dtypes]
    shapes, other_shapes = (sorted(tuple(tensor["shape"]) for tensor in side) for side in (missing, others))
    return shapes != other_shapes and count_values(missing) == count_values(others)


def _find_turned(*sides: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of leftovers that may be a second, transposed copy of a tensor of the run: of the run's tensors, those that
    are missing, and the leftovers."""
    original, missing, leftovers = ([each for each in side if _has_axes_to_turn(each)] for side in sides)
    known, places = set(map(_axes_key, original)), Counter(map(_axes_key, missing))
    turned = []
    for tensor in leftovers:
        places[_axes_key(tensor)] -= 1  # the first ones may be those that are missing, in another form
        if _axes_key(tensor) in known and places[_axes_key(tensor)] < 0:
            turned.append(tensor["name"])
    return turned


def _has_axes_to_turn(tensor: Mapping[str, Any]) -> bool:
    return sum(size > 1 for size in tensor["shape"]) > 1


def _axes_key(tensor: Mapping[str, Any]) -> tuple[Any, ...]:
    return tensor["dtype"], tuple(sorted(tensor["shape"]))


def find_surplus(original: Sequence[Mapping[str, Any]], tensors: Sequence[Mapping[str, Any]]) -> SurplusTensors:
    """Tell second copies of the original's tensors from others."""
    known = set(map(_tensor_key, original))
    copies = [tensor["name"] for tensor in tensors if _tensor_key(tensor) in known]
    others = [tensor["name"] for tensor in tensors if _tensor_key(tensor) not in known]
    return SurplusTensors(copies=copies, others=others, values=count_values(tensors))


def count_values(tensors: Sequence[Mapping[str, Any]]) -> int:
    """How many numbers the tensors of some fingerprints hold."""
    return sum(math.prod(tensor["shape"]) for tensor in tensors)


def _tensor_key(tensor: Mapping[str, Any]) -> tuple[Any, ...]:
    return tensor["dtype"], tuple(tensor["shape"]), tensor["sha256"]


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
    """Whether integers may be a float tensor: of its shape, or with one axis half as long, two in a byte.

    The latter only where it is called the same, as Keras does: a point of zero has half the length of a bias of two.
    """
    shape, whole = list(stored["shape"]), list(original["shape"])
    is_named_alike = _last_name(stored) == _last_name(original)
    if shape == whole or len(shape) != len(whole) or not is_named_alike:
        return shape == whole
    changed = [(a, b) for a, b in zip(shape, whole, strict=True) if a != b]
    return len(changed) == 1 and changed[0][0] == -(-changed[0][1] // 2)


def _last_name(tensor: Tensor) -> str:
    return str(tensor["name"]).rsplit("/", 1)[-1]
