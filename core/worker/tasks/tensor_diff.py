"""Task: match the tensors of two artifacts, and measure how far each is from its partner.

The reply is validated by the schemas in `core.introspection.diff`.
"""

import math
from pathlib import Path
from typing import TypedDict

import numpy as np

from core.arrays import NUMERIC_KINDS, Arrays, hash_array, to_plain_array
from core.readers.base import WEIGHTS, translated_read_errors
from core.tensors.matching import TensorIdentity, TensorMatch, apply_transposition, find_splits, match_tensors
from core.tensors.statistics import DistanceReply, tensor_distance
from core.worker.tasks.base import Reply, Report
from core.worker.tasks.inspect import (
    MAX_TENSORS,
    StoredTensorReply,
    iterate_with_progress,
    list_tensors,
    tensor_metadata,
)


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
        self.tensors = list_tensors(folder)[:MAX_TENSORS]
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
