"""Search a run's tensors by value in the bytes of a file, all in one pass.

Eight telling bytes of each tensor, its anchor, are searched first; only where an anchor stands is the whole compared.
The values of a run are read in place: a snapshot of gigabytes takes no memory.
"""

import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.lib.stride_tricks import sliding_window_view

from core.arrays import fingerprint_arrays
from core.errors import Damaged
from core.library.records import Run
from core.size_breakdown.byte_ranges import map_file, member_start
from core.worker.live_models import VARIABLES_FILE


class RunTensor(NamedTuple):
    """One variable of a run; `group` is "weights" or "optimizer state"."""

    group: str
    name: str
    values: np.ndarray


def load_run_tensors(snapshot: Path, run: Run) -> list[RunTensor]:
    """Load the variables of a demo's run by their recorded names; random state is left out.

    Raises Damaged when the snapshot does not hold them.
    """
    try:
        values = _read_npz_arrays(snapshot / VARIABLES_FILE)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        cure = "Train the demo again."
        raise Damaged("The values of this run cannot be read.", cure=cure, detail=str(error)) from error
    recorded = [("weights", tensor) for tensor in run.weights] + [
        ("optimizer state", tensor) for tensor in run.optimizer
    ]
    if [list(value.shape) for value in values] == [tensor["shape"] for _, tensor in recorded]:
        pairs = zip(recorded, values, strict=True)
        return [RunTensor(group, tensor["name"], value) for (group, tensor), value in pairs]
    return _match_by_hash(recorded, values)


def _match_by_hash(recorded: Sequence[tuple[str, Mapping[str, Any]]], values: list[np.ndarray]) -> list[RunTensor]:
    """Where random state is among the values, their order does not tell which is which."""
    by_key: dict[tuple[Any, ...], list[np.ndarray]] = {}
    for value in values:
        by_key.setdefault(_tensor_key(fingerprint_arrays([("", value)])[0]), []).append(value)
    return [
        RunTensor(group, tensor["name"], equal.pop(0))
        for group, tensor in recorded
        if (equal := by_key.get(_tensor_key(tensor)))
    ]


def _tensor_key(fingerprint: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(fingerprint["shape"]), fingerprint["sha256"]


def _read_npz_arrays(path: Path) -> list[np.ndarray]:
    """Map the arrays of an uncompressed .npz file, in the order of their numbers."""
    data, arrays = map_file(path), {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for member in archive.infolist():
            start = member_start(data, member)
            file.seek(start)
            read = npy.read_array_header_1_0 if npy.read_magic(file) == (1, 0) else npy.read_array_header_2_0
            shape, is_fortran, dtype = read(file)
            raw = data[file.tell() : start + member.file_size]
            arrays[int(Path(member.filename).stem)] = raw.view(dtype).reshape(shape, order="F" if is_fortran else "C")
    return [arrays[number] for number in sorted(arrays)]


MIN_TENSOR_BYTES = 16  # a shorter tensor is found by chance
MIN_DISTINCT_BYTES = 5  # of an anchor; a repeated float32 has four
ANCHOR_BYTES = 8
SAMPLE_VALUES = 64  # in which an anchor is chosen, at up to eight places
CHUNK_BYTES = 2**20
BLOCK_VALUES = 2**20  # that are compared at a time
MAX_PLACES_PER_ANCHOR = 200  # that are compared in full; only a tensor that repeats itself has more
MAX_HITS_PER_CHUNK = 4096
# Orders of axes in which other runtimes store kernels, by the number of axes; Keras has (height, width, in, out).
AXIS_ORDERS: dict[int, list[tuple[int, ...]]] = {
    2: [(1, 0)],
    3: [(2, 0, 1), (2, 1, 0)],
    4: [(3, 0, 1, 2), (3, 2, 0, 1), (2, 3, 0, 1), (3, 2, 1, 0)],
}


class TensorPattern(NamedTuple):
    """One tensor in one form: a file holds `view` in C order, cast to `dtype`.

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
    """A pattern and the bytes [start, stop) where it stands."""

    start: int
    stop: int
    pattern: TensorPattern


def make_patterns(tensor: RunTensor) -> list[TensorPattern]:
    """Return the forms to search a tensor in; none where it is too short or too uniform.

    Weights are searched as stored, transposed, and both of these in float16; optimizer state as stored.
    """
    patterns = []
    for form, view, dtype in _searched_encodings(tensor):
        if anchor := _choose_anchor(view, dtype):
            patterns.append(TensorPattern(tensor, form, view, dtype, *anchor))
    return patterns


def _searched_encodings(tensor: RunTensor) -> Iterator[tuple[str, np.ndarray, np.dtype]]:
    values, half = tensor.values, np.dtype(np.float16)
    if tensor.group != "weights":
        yield "", values, values.dtype
        return
    widths = [("", values.dtype)]
    if values.dtype.kind == "f" and values.dtype.itemsize > half.itemsize:
        widths.append(("in float16", half))
    for width, dtype in widths:
        yield width, values, dtype
        for axes in AXIS_ORDERS.get(values.ndim, ()):
            yield ", ".join(filter(None, ("transposed", width))), values.transpose(axes), dtype


def _choose_anchor(view: np.ndarray, dtype: np.dtype) -> tuple[int, int] | None:
    """The eight bytes with most different ones, and where they begin; None without enough."""
    if view.size * dtype.itemsize < MIN_TENSOR_BYTES:
        return None
    best = (MIN_DISTINCT_BYTES - 1, 0, 0)  # different bytes, value, offset
    for start in sorted({view.size * eighth // 8 for eighth in range(8)}):
        values = _flatten(view)[start : start + SAMPLE_VALUES]
        if (values == values[0]).all() or len(raw := _encode_values(values, dtype)) < ANCHOR_BYTES:
            continue
        windows = sliding_window_view(raw, ANCHOR_BYTES)
        distinct = _count_distinct_bytes(windows)
        at = int(distinct.argmax())
        value = int.from_bytes(windows[at].tobytes(), "little")
        best = max(best, (int(distinct[at]), value, start * dtype.itemsize + at), key=lambda anchor: anchor[0])
        if best[0] >= ANCHOR_BYTES - 1:
            break
    return best[1:] if best[0] >= MIN_DISTINCT_BYTES else None


def _count_distinct_bytes(windows: np.ndarray) -> np.ndarray:
    """Different bytes of each window (rows); 0 where it begins with zeros: files have many."""
    distinct = (np.diff(np.sort(windows, axis=1), axis=1) > 0).sum(axis=1) + 1
    return np.where(windows[:, :2].any(axis=1), distinct, 0)


def _flatten(view: np.ndarray) -> "np.ndarray | np.flatiter[np.ndarray]":
    """The values in C order, without a copy."""
    return view.reshape(-1) if view.flags.c_contiguous else view.flat


def _encode_values(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if values.dtype != dtype:
        with np.errstate(over="ignore"):  # a weight beyond 65,504 is infinite in float16, in the file too
            values = values.astype(dtype)
    return np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)


def find_patterns(data: np.ndarray, patterns: list[TensorPattern]) -> Iterator[PatternMatch]:
    """Find every place in `data` (uint8, one axis) where a pattern stands, longest first.

    Matches may overlap, and equal patterns match at the same place.
    """
    by_anchor: dict[int, list[TensorPattern]] = {}
    for pattern in patterns:
        by_anchor.setdefault(pattern.anchor, []).append(pattern)
    counts: Counter[int] = Counter()
    candidates = []
    for at, anchor in _find_anchors(data, sorted(by_anchor)):
        counts[anchor] += 1
        if counts[anchor] <= MAX_PLACES_PER_ANCHOR:
            candidates += [(at - pattern.offset, pattern) for pattern in by_anchor[anchor]]
    for start, pattern in sorted(candidates, key=lambda candidate: (-candidate[1].bytes, candidate[0])):
        if _matches_at(data, start, pattern):
            yield PatternMatch(start, start + pattern.bytes, pattern)


def _find_anchors(data: np.ndarray, anchors: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Where any of the anchors stands, and which."""
    known = np.array(list(anchors), "<u8")
    if not len(known):
        return
    # Two bytes are looked up in a table, at a cost that does not depend on the number of anchors.
    is_prefix = np.zeros(2**16, bool)
    is_prefix[(known & 0xFFFF).astype(int)] = True
    for start in range(0, len(data), CHUNK_BYTES):
        chunk = data[start : start + CHUNK_BYTES + ANCHOR_BYTES - 1]
        for at, anchor in _find_anchors_in_chunk(chunk, is_prefix, known):
            yield start + at, anchor


def _find_anchors_in_chunk(chunk: np.ndarray, is_prefix: np.ndarray, anchors: np.ndarray) -> Iterator[tuple[int, int]]:
    last = len(chunk) - ANCHOR_BYTES
    for shift in (0, 1):
        pairs = chunk[shift : shift + (len(chunk) - shift) // 2 * 2].view("<u2")
        at = shift + 2 * np.flatnonzero(is_prefix.take(pairs))
        at = at[at <= last]
        words = chunk[at[:, None] + np.arange(ANCHOR_BYTES)].view("<u8").reshape(-1)
        nearest = np.minimum(np.searchsorted(anchors, words), len(anchors) - 1)
        hits = np.flatnonzero(anchors[nearest] == words)[:MAX_HITS_PER_CHUNK]
        yield from zip(at[hits].tolist(), words[hits].tolist(), strict=True)


def _matches_at(data: np.ndarray, start: int, pattern: TensorPattern) -> bool:
    if start < 0 or start + pattern.bytes > len(data):
        return False
    values, width = _flatten(pattern.view), pattern.dtype.itemsize
    first = 0
    while first < pattern.view.size:
        last = first + (BLOCK_VALUES if first else SAMPLE_VALUES)  # most mismatches show at once
        raw = _encode_values(values[first:last], pattern.dtype)
        if not np.array_equal(raw, data[start + first * width : start + first * width + len(raw)]):
            return False
        first = last
    return True
