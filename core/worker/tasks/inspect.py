"""Tasks: describe the files of an artifact or one tensor of them, and compare the tensors of two artifacts.

The model is not run; what the files do not state is left out. Replies are validated by the schemas in
`core.introspection`.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np

from core.arrays import NUMERIC_KINDS, Arrays, hash_array, to_plain_array
from core.errors import InputError, UnknownName, WorkerError
from core.readers import open_contents
from core.readers.base import WEIGHTS, FileContents, StoredTensor, translated_read_errors
from core.tensors.matching import (
    DistanceReply,
    TensorIdentity,
    TensorMatch,
    apply_transposition,
    match_tensors,
    tensor_distance,
)
from core.tensors.splitting import find_splits
from core.tensors.statistics import StatisticsReply, compute_histogram, compute_statistics, preview_tensor
from core.worker.tasks.base import Reply, Report

PARTS = ("signatures", "layers", "config", "operators", "tensors")
MAX_TENSORS = 5_000  # tensors that are described of one artifact
MAX_CHUNK_BYTES = 4 * 2**20  # bytes of a tensor in one reply, at most

_loaded_tensor: list[np.ndarray] = []


class StoredTensorReply(TypedDict):
    """What is known of a tensor without reading its values; of one side of a diff also its name in the run, and without
    a partner the matched tensor of the file with the same bits."""

    key: str
    name: str
    group: str
    note: str
    scaled: bool
    shape: list[int]
    dtype: str
    alias: NotRequired[str]
    copy_of: NotRequired[str]


class TensorSummaryReply(StoredTensorReply, total=False):
    """Also what its values are, or why they cannot be read; of one tensor alone its histogram and picture."""

    sha256: str
    bytes: int
    statistics: StatisticsReply
    problem: str
    histogram: dict[str, list[float]] | None
    look: str
    shown: str


class TensorPairReply(TypedDict):
    """Two matched tensors, what they were matched by, and their distance (None where no numbers can be compared)."""

    ours: StoredTensorReply
    theirs: StoredTensorReply
    by: str
    turned: str
    distance: DistanceReply | None


class SplitReply(TypedDict):
    """A tensor of one side ("ours" or "theirs") and its parts on the other, along an axis."""

    whole: StoredTensorReply
    parts: list[StoredTensorReply]
    whole_in: str
    axis: int


def describe_files(report: Report, arrays: Arrays, *, folder: str, part: str) -> Reply:
    """Describe one of `PARTS` of an artifact's files; None where they have no such part. Raises DoesNotLoad."""
    contents = open_contents(Path(folder))
    parts = [name for name in PARTS if getattr(contents, name) is not None]
    with translated_read_errors(Path(folder)):
        description = _describe_part(contents, part, report) if part in parts else None
    return {"kind": contents.kind, "parts": parts, "remarks": contents.remarks, "found": description}, None


def _describe_part(contents: FileContents, part: str, report: Report) -> Any:
    if part != "tensors":
        return to_jsonable(getattr(contents, part)())
    tensors = contents.list_tensors()
    rows = [summarize_tensor(tensor) for tensor in iterate_with_progress(tensors[:MAX_TENSORS], report)]
    return {"of": len(tensors), "rows": rows}


def iterate_with_progress(
    tensors: list[StoredTensor], report: Report, start: float = 0.0, span: float = 1.0
) -> Iterator[StoredTensor]:
    """Yield each tensor after a report of progress, which runs from `start` to `start + span`, in fractions of 1."""
    for index, tensor in enumerate(tensors):
        report({"done": start + span * index / len(tensors), "note": tensor.name})
        yield tensor


def summarize_tensor(tensor: StoredTensor) -> TensorSummaryReply:
    """Metadata, statistics and hash of one tensor; the hash as in a run's fingerprints."""
    metadata = tensor_metadata(tensor)
    try:
        values = tensor.read()
    except (ValueError, OSError, KeyError, TypeError) as error:
        return {**metadata, "problem": str(error)[:200]}
    statistics = compute_statistics(to_plain_array(values))
    return {**metadata, "sha256": hash_array(values), "bytes": int(values.nbytes), "statistics": statistics}


def tensor_metadata(tensor: StoredTensor) -> StoredTensorReply:
    return {
        "key": tensor.key,
        "name": tensor.name,
        "group": tensor.group,
        "note": tensor.note,
        "scaled": tensor.read_dequantized is not None,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
    }


def describe_tensor(report: Report, arrays: Arrays, *, folder: str, key: str, scaled: bool = False) -> Reply:
    """Describe one tensor: its summary, a histogram, and the values of its preview.

    With `scaled`, a quantised tensor is dequantised first. Raises UnknownName, DoesNotLoad.
    """
    tensor = find_tensor(Path(folder), key)
    with translated_read_errors(Path(folder)):
        values = to_plain_array(tensor.read_values(scaled))
    preview = preview_tensor(values)
    facts = summarize_tensor(tensor) | {"statistics": compute_statistics(values)}
    facts["histogram"] = compute_histogram(values)
    return facts | {"look": preview.kind, "shown": preview.description}, {"picture": preview.values}


def find_tensor(folder: Path, key: str) -> StoredTensor:
    """Return the tensor at an address. Raises UnknownName, DoesNotLoad."""
    for tensor in _list_tensors(folder):
        if tensor.key == key:
            return tensor
    raise UnknownName("There is no such tensor.", received=key, cure="Choose one from the list of its weights.")


def _list_tensors(folder: Path) -> list[StoredTensor]:
    contents = open_contents(folder)
    with translated_read_errors(folder):
        return contents.list_tensors()


def load_tensor(report: Report, arrays: Arrays, *, folder: str, key: str, scaled: bool = False) -> Reply:
    """Load one tensor for `read_tensor_chunk`; returns its dtype, shape and bytes, in C order.

    Raises InputError for a tensor of objects, UnknownName, DoesNotLoad.
    """
    tensor = find_tensor(Path(folder), key)
    with translated_read_errors(Path(folder)):
        values = np.asarray(to_plain_array(tensor.read_values(scaled)), order="C")
    if values.dtype.hasobject:
        raise InputError("This tensor holds objects, which no NPY file should.", cure="Choose another one.")
    _loaded_tensor[:] = [values]
    return {"dtype": values.dtype.str, "shape": list(values.shape), "bytes": int(values.nbytes)}, None


def read_tensor_chunk(report: Report, arrays: Arrays, *, start: int, count: int) -> Reply:
    """Return `count` bytes of the loaded tensor, from `start` on, as the array "bytes" (uint8)."""
    if not _loaded_tensor or count > MAX_CHUNK_BYTES:
        raise WorkerError("This process holds no such tensor.", cure="Begin again.")
    return {}, {"bytes": _loaded_tensor[-1].reshape(-1).view("uint8")[start : start + count]}


def to_jsonable(value: Any) -> Any:
    """Return a value as JSON: text for bytes, for numbers that are not finite, and for other types."""
    if isinstance(value, dict):
        return {str(name): to_jsonable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_jsonable(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def diff_artifacts(
    report: Report,
    arrays: Arrays,
    *,
    ours: str,
    theirs: str,
    ours_names: dict[str, list[str]],
    theirs_names: dict[str, list[str]],
) -> Reply:
    """Match the tensors of two folders, and measure how far each is from its partner.

    `..._names` are the names of the tensors in each artifact's run, by hash. Quantised tensors are dequantised. At most
    two tensors are in memory beside what the readers hold. Raises DoesNotLoad.
    """
    left, right = _ArtifactTensors(Path(ours)), _ArtifactTensors(Path(theirs))
    identities = left.identify(ours_names, report, 0.0), right.identify(theirs_names, report, 0.3)
    matches = match_tensors(*identities, left.read_values, right.read_values)
    pairs = []
    for index, match in enumerate(matches):
        report({"done": 0.6 + 0.4 * index / len(matches), "note": left.tensors[match.left].name})
        pairs.append(_describe_pair(match, left, right))
    placed = {match.left for match in matches}, {match.right for match in matches}
    splits = [
        *_find_split_tensors(left, right, placed, "ours"),
        *_find_split_tensors(right, left, placed[::-1], "theirs"),
    ]
    return {
        "pairs": pairs,
        "splits": splits,
        "only_ours": left.describe_unmatched(placed[0]),
        "only_theirs": right.describe_unmatched(placed[1]),
        "values_ours": left.count_weights(),
        "values_theirs": right.count_weights(),
    }, None


def _find_split_tensors(
    side: "_ArtifactTensors", other: "_ArtifactTensors", placed: tuple[set[int], ...], whole_in: str
) -> list[SplitReply]:
    """Describe the tensors of one side that stand in parts on the other; all of them are placed then."""
    unmatched = [
        {at: tensor for at, tensor in enumerate(tensors.identities) if at not in taken}
        for tensors, taken in zip((side, other), placed, strict=True)
    ]
    splits = list(find_splits(unmatched[0], unmatched[1], side.read_values, other.read_values))
    placed[0].update(split.whole for split in splits)
    placed[1].update(part for split in splits for part in split.parts)
    return [
        SplitReply(
            whole=side.describe(split.whole),
            parts=[other.describe(part) for part in split.parts],
            whole_in=whole_in,
            axis=split.axis,
        )
        for split in splits
    ]


class _ArtifactTensors:
    """The tensors of one artifact."""

    def __init__(self, folder: Path):
        self._folder = folder
        self.tensors = _list_tensors(folder)[:MAX_TENSORS]
        self.identities: list[TensorIdentity] = []

    def identify(self, names_by_hash: dict[str, list[str]], report: Report, start: float) -> list[TensorIdentity]:
        """Hash each tensor and give it its name in the run; tensors with equal bits take the names in turn."""
        names = {digest: iter(aliases) for digest, aliases in names_by_hash.items()}
        for tensor in iterate_with_progress(self.tensors, report, start, 0.3):
            with translated_read_errors(self._folder):
                digest = hash_array(tensor.read())
            alias = next(names.get(digest, iter(())), "")
            identity = TensorIdentity(tensor.name, alias, tensor.shape, tensor.dtype, digest, tensor.group)
            self.identities.append(identity)
        return self.identities

    def read_values(self, index: int) -> np.ndarray:
        with translated_read_errors(self._folder):
            return to_plain_array(self.tensors[index].read_values(dequantize=True))

    def describe(self, index: int) -> StoredTensorReply:
        return tensor_metadata(self.tensors[index]) | {"alias": self.identities[index].alias}

    def count_weights(self) -> int:
        """How many numbers the weights hold, second copies included."""
        return sum(math.prod(tensor.shape) for tensor in self.tensors if tensor.group == WEIGHTS)

    def describe_unmatched(self, matched: set[int]) -> list[StoredTensorReply]:
        """Describe the tensors without a partner; `copy_of` names a matched tensor of the file with the same bits."""
        copies: dict[str, str] = {}
        for index in sorted(matched):
            identity = self.identities[index]
            copies.setdefault(identity.digest, identity.alias or identity.name)
        unmatched = [index for index in range(len(self.tensors)) if index not in matched]
        return [self.describe(at) | {"copy_of": copies.get(self.identities[at].digest, "")} for at in unmatched]


def _describe_pair(match: TensorMatch, left: _ArtifactTensors, right: _ArtifactTensors) -> TensorPairReply:
    return {
        "ours": left.describe(match.left),
        "theirs": right.describe(match.right),
        "by": match.by,
        "turned": match.transposition,
        "distance": _pair_distance(match, left, right),
    }


def _pair_distance(match: TensorMatch, left: _ArtifactTensors, right: _ArtifactTensors) -> DistanceReply | None:
    """Return None where no numbers can be compared: text, or integers whose scale is unknown."""
    values, partner = left.read_values(match.left), right.read_values(match.right)
    kinds = values.dtype.kind, partner.dtype.kind
    is_whole = [kind in "biu" for kind in kinds]
    if not all(kind in NUMERIC_KINDS for kind in kinds) or is_whole[0] != is_whole[1]:
        same = values.shape == partner.shape and bool(np.array_equal(values, partner))
        return {"equal": True, "changed": 0, "lost": 0} if same else None
    return tensor_distance(apply_transposition(values, match.transposition, partner.shape), partner)
