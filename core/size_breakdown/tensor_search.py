"""Find a run's tensors in a file by value.

A run's tensors looked for by value in the bytes of a file: all of them in one pass, however many they are.

Eight telling bytes of each tensor, its anchor, are looked for first; only where an anchor stands is the whole compared.

The values that a run kept, read in place: a snapshot of gigabytes takes no memory.
"""

import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.lib.stride_tricks import sliding_window_view

from core.errors import Damaged
from core.library.records import Run
from core.runtimes.reference import fingerprint_arrays
from core.size_breakdown.byte_ranges import map_file, member_start
from core.worker.model_loading import VARIABLES_FILE

MIN_TENSOR_BYTES = 16  # bytes: a shorter tensor is found by chance
MIN_DISTINCT_BYTES = 5  # different bytes that an anchor has at least; a repeated float32 has four
ANCHOR_BYTES = 8  # bytes
SAMPLE_VALUES = 64  # values that are looked at for an anchor, in up to eight places
CHUNK_BYTES = 2**20  # bytes that are looked through at a time
BLOCK_VALUES = 2**20  # values that are compared at a time
MAX_PLACES_PER_ANCHOR = (
    200  # places of one anchor that are compared in full; only a tensor that repeats itself has more
)
MAX_HITS_PER_CHUNK = 4096
# Orders of axes in which other runtimes keep kernels, by the number of axes; Keras has (height, width, in, out).
AXIS_ORDERS = {2: [(1, 0)], 3: [(2, 0, 1), (2, 1, 0)], 4: [(3, 0, 1, 2), (3, 2, 0, 1), (2, 3, 0, 1), (3, 2, 1, 0)]}


class RunTensor(NamedTuple):
    """One variable of a run: "weights" or "optimizer state", its name, its values."""

    group: str
    name: str
    values: np.ndarray


class TensorPattern(NamedTuple):
    """One tensor in one form: `view` in C order, cast to `dtype`, is what a file holds.

    `anchor` are eight of its bytes as a little-endian number, `offset` bytes from its beginning.
    """

    tensor: RunTensor
    form: str
    view: np.ndarray
    dtype: np.dtype
    anchor: int
    offset: int

    @property
    def bytes(self) -> int:
        return self.view.size * self.dtype.itemsize


class PatternMatch(NamedTuple):
    """A needle that stands at `start` ... `stop`, in bytes."""

    start: int
    stop: int
    pattern: TensorPattern


def make_patterns(tensor: RunTensor) -> list[TensorPattern]:
    """The forms in which a tensor can be told from other bytes; none where it is too short or too uniform.

    Weights are looked for as stored, with the axes turned, and both of these in float16; optimizer state as stored.
    """
    forms = _tensor_forms(tensor.values) if tensor.group == "weights" else [("", tensor.values, tensor.values.dtype)]
    found = ((form, view, dtype, _choose_anchor(view, dtype)) for form, view, dtype in forms)
    return [TensorPattern(tensor, form, view, dtype, *anchor) for form, view, dtype, anchor in found if anchor]


def _tensor_forms(values: np.ndarray) -> Iterator[tuple[str, np.ndarray, np.dtype]]:
    half = np.dtype(np.float16)
    widths = [("", values.dtype)]
    if values.dtype.kind == "f" and values.dtype.itemsize > half.itemsize:
        widths.append(("in float16", half))
    for width, dtype in widths:
        yield width, values, dtype
        for axes in AXIS_ORDERS.get(values.ndim, ()):
            yield ", ".join(filter(None, ("transposed", width))), values.transpose(axes), dtype


def _choose_anchor(view: np.ndarray, dtype: np.dtype) -> tuple[int, int] | None:
    """The most telling eight bytes of a tensor and where they begin; None where none tell enough."""
    if view.size * dtype.itemsize < MIN_TENSOR_BYTES:
        return None
    best = (MIN_DISTINCT_BYTES - 1, 0, 0)
    for start in sorted({view.size * eighth // 8 for eighth in range(8)}):
        values = _flatten(view)[start : start + SAMPLE_VALUES]
        if (values == values[0]).all() or len(raw := _encode_values(values, dtype)) < ANCHOR_BYTES:
            continue
        windows = sliding_window_view(raw, ANCHOR_BYTES)
        telling = _count_distinct_bytes(windows)
        at = int(telling.argmax())
        value = int.from_bytes(windows[at].tobytes(), "little")
        best = max(best, (int(telling[at]), value, start * dtype.itemsize + at), key=lambda one: one[0])
        if best[0] >= ANCHOR_BYTES - 1:
            break
    return best[1:] if best[0] >= MIN_DISTINCT_BYTES else None


def _count_distinct_bytes(windows: np.ndarray) -> np.ndarray:
    """How many different bytes each window has; none where it begins with zeros, as half of every file does."""
    different = (np.diff(np.sort(windows, axis=1), axis=1) > 0).sum(axis=1) + 1
    return np.where(windows[:, :2].any(axis=1), different, 0)


def _flatten(view: np.ndarray) -> np.ndarray | np.flatiter:
    """The values in C order, without a copy of them."""
    return view.reshape(-1) if view.flags.c_contiguous else view.flat


def _encode_values(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if values.dtype != dtype:
        with np.errstate(over="ignore"):  # a weight beyond 65,504 is infinite in float16, in the file too
            values = values.astype(dtype)
    return np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)


def find_patterns(data: np.ndarray, patterns: list[TensorPattern]) -> Iterator[PatternMatch]:
    """Every place in `data` (uint8, one axis) where a needle stands whole, longest needles first.

    Needles may overlap, and equal ones stand at the same place.
    """
    by_anchor: dict[int, list[TensorPattern]] = {}
    for needle in patterns:
        by_anchor.setdefault(needle.anchor, []).append(needle)
    times: Counter[int] = Counter()
    possible = []
    for at, anchor in _find_anchors(data, sorted(by_anchor)):
        times[anchor] += 1
        if times[anchor] <= MAX_PLACES_PER_ANCHOR:
            possible += [(at - needle.offset, needle) for needle in by_anchor[anchor]]
    for start, needle in sorted(possible, key=lambda one: (-one[1].bytes, one[0])):
        if _matches_at(data, start, needle):
            yield PatternMatch(start, start + needle.bytes, needle)


def _find_anchors(data: np.ndarray, anchors: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Where any of the anchors stands, and which."""
    known = np.array(list(anchors), "<u8")
    if not len(known):
        return
    # Two bytes are looked up in a table, at a cost that does not depend on how many anchors there are.
    begins = np.zeros(2**16, bool)
    begins[(known & 0xFFFF).astype(int)] = True
    for start in range(0, len(data), CHUNK_BYTES):
        piece = data[start : start + CHUNK_BYTES + ANCHOR_BYTES - 1]
        for at, anchor in _find_anchors_in_chunk(piece, begins, known):
            yield start + at, anchor


def _find_anchors_in_chunk(
    chunk: np.ndarray, is_anchor_prefix: np.ndarray, anchors: np.ndarray
) -> Iterator[tuple[int, int]]:
    last = len(chunk) - ANCHOR_BYTES
    for shift in (0, 1):
        pairs = chunk[shift : shift + (len(chunk) - shift) // 2 * 2].view("<u2")
        at = shift + 2 * np.flatnonzero(is_anchor_prefix.take(pairs))
        at = at[at <= last]
        words = chunk[at[:, None] + np.arange(ANCHOR_BYTES)].view("<u8").reshape(-1)
        nearest = np.minimum(np.searchsorted(anchors, words), len(anchors) - 1)
        hit = np.flatnonzero(anchors[nearest] == words)[:MAX_HITS_PER_CHUNK]
        yield from zip(at[hit].tolist(), words[hit].tolist(), strict=True)


def _matches_at(data: np.ndarray, start: int, pattern: TensorPattern) -> bool:
    if start < 0 or start + pattern.bytes > len(data):
        return False
    values, width = _flatten(pattern.view), pattern.dtype.itemsize
    first = 0
    while first < pattern.view.size:
        last = first + (BLOCK_VALUES if first else SAMPLE_VALUES)  # most mistakes show at once
        held = _encode_values(values[first:last], pattern.dtype)
        if not np.array_equal(held, data[start + first * width : start + first * width + len(held)]):
            return False
        first = last
    return True


def load_run_tensors(snapshot: Path, run: Run) -> list[RunTensor]:
    """The variables of a run that a demo made, with the names that its record gives them; random state is left out.

    Raises Damaged when the snapshot does not hold them.
    """
    try:
        values = _read_npz_arrays(snapshot / VARIABLES_FILE)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise Damaged(
            "The values of this run cannot be read.", cure="Train the demo again.", detail=str(error)
        ) from error
    expected = [("weights", one) for one in run.weights] + [("optimizer state", one) for one in run.optimizer]
    if [list(one.shape) for one in values] == [one["shape"] for _, one in expected]:
        return [RunTensor(group, one["name"], value) for (group, one), value in zip(expected, values, strict=True)]
    return _pair_by_hash(expected, values)


def _pair_by_hash(expected: list[tuple[str, dict]], values: list[np.ndarray]) -> list[RunTensor]:
    """Where there is random state among the values, the order alone does not say which is which."""
    waiting: dict[tuple, list[np.ndarray]] = {}
    for value in values:
        waiting.setdefault(_tensor_key(fingerprint_arrays([("", value)])[0]), []).append(value)
    return [
        RunTensor(group, one["name"], found.pop(0))
        for group, one in expected
        if (found := waiting.get(_tensor_key(one), []))
    ]


def _tensor_key(fingerprint: Mapping[str, Any]) -> tuple:
    return tuple(fingerprint["shape"]), fingerprint["sha256"]


def _read_npz_arrays(path: Path) -> list[np.ndarray]:
    """The arrays of an .npz file whose members are stored as they are, in the order of their numbers."""
    data = map_file(path)
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        found = {}
        for member in archive.infolist():
            start = member_start(data, member)
            file.seek(start)
            read = npy.read_array_header_1_0 if npy.read_magic(file) == (1, 0) else npy.read_array_header_2_0
            shape, turned, dtype = read(file)
            raw = data[file.tell() : start + member.file_size]
            found[int(Path(member.filename).stem)] = raw.view(dtype).reshape(shape, order="F" if turned else "C")
    return [found[index] for index in sorted(found)]
