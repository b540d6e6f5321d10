"""Where the bytes of an artifact go: weights, optimizer state, graph, metadata, padding.

One mechanism for all formats: the run's values are searched in the bytes of each file (see
`core.size_breakdown.tensor_search`). Bytes in which no tensor is found are named by the kind of file.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from zipfile import ZipInfo

import numpy as np

from core.errors import Damaged
from core.library.library import Library
from core.library.records import Run
from core.size_breakdown.byte_ranges import (
    ByteRange,
    ClaimedRanges,
    count_zero_padding,
    decompress_member,
    map_file,
    split_file,
)
from core.size_breakdown.tensor_search import PatternMatch, RunTensor, find_patterns, load_run_tensors, make_patterns
from core.text.labels import pluralize

WEIGHTS, OPTIMIZER = "weights", "optimizer state"
GRAPH, METADATA, STRUCTURE = "graph", "metadata", "structure and padding"
CONVERTED_GRAPH, CONVERTED_DATA = "graph and converted weights", "structure and converted weights"
UNKNOWN_GRAPH, UNKNOWN_DATA = "graph and weights", "weights and structure"
MIXED_GROUPS = {
    (GRAPH, "converted weights"): CONVERTED_GRAPH,
    (STRUCTURE, "converted weights"): CONVERTED_DATA,
    (GRAPH, "weights"): UNKNOWN_GRAPH,
    (STRUCTURE, "weights"): UNKNOWN_DATA,
}
NOT_SEARCHED, SAVED_BY_COMPRESSION = "not searched", "saved by compression"
GROUPS: tuple[str, ...] = (WEIGHTS, OPTIMIZER, GRAPH, CONVERTED_GRAPH, UNKNOWN_GRAPH, CONVERTED_DATA, UNKNOWN_DATA)
GROUPS += (METADATA, STRUCTURE, NOT_SEARCHED, SAVED_BY_COMPRESSION)
MAX_SEARCHED_BYTES = 2**30  # bytes of one artifact
# Bytes of one member that are decompressed into memory. Keras does not compress; an untrusted file may be compressed a
# thousandfold.
MAX_UNPACKED_BYTES = 64 * 2**20
MISSING_NOTES = {
    WEIGHTS: "Weights found: {} of {}, as trained, transposed or in float16. What is missing was left out or "
    "converted: to integers with a scale, or folded into something else.",
    OPTIMIZER: "Tensors of optimizer state found: {} of {}.",
}
GRAPH_SUFFIXES = {".pb", ".tflite", ".onnx", ".xml", ".mlirbc"}
METADATA_SUFFIXES = {".json", ".index", ".txt", ".yaml", ".yml", ".md"}
CONTENTS_BY_SUFFIX = {
    ".h5": "HDF5 names, settings and tables",
    ".pb": "operations and signatures",
    ".tflite": "operations and signatures",
    ".onnx": "operations and names",
    ".mlirbc": "operations",
    ".xml": "operations and names",
    ".safetensors": "names, dtypes and shapes",
    ".data": "object graph, counters and small tensors",
}
GROUP_MEANINGS = {
    "weights": "the numbers that were learned",
    "optimizer state": "what training needs to resume, and no answer ever reads",
    "graph": "the operations, so that it runs without the original code",
    "graph and converted weights": "operations, and weights in another form than they were trained in",
    "graph and weights": "operations and the learned numbers, which cannot be told apart here",
    "structure and converted weights": "what holds the numbers together, and weights in another form than trained",
    "weights and structure": "the learned numbers and what holds them together, which cannot be told apart here",
    "metadata": "text that describes the model and finds its parts",
    "structure and padding": "names, tables and gaps that hold the numbers together",
    "not searched": "too much to be looked through",
}


class SizePart(NamedTuple):
    """Some bytes of an artifact: what they are for, what they are, and in which of its files.

    Only a part of the group "saved by compression" is negative: what compression took off.
    """

    group: str
    name: str
    bytes: int
    where: str


class SizeBreakdown(NamedTuple):
    """All parts, the largest first, that add up to the bytes on disk, and notes on the unknown."""

    parts: list[SizePart]
    notes: list[str]


class _UnmatchedBytes(NamedTuple):
    """Bytes without a tensor: of a graph, metadata or data, in which file or member."""

    kind: str
    name: str
    bytes: int
    where: str


def break_down_sizes(library: Library, artifact_id: str) -> SizeBreakdown:
    """Account for every byte of an artifact. Raises UnknownName, UnreadableRecord, Damaged."""
    artifact = library.artifact(artifact_id)
    folder, run = library.verified_folder(artifact_id), library.run(artifact.run)
    tensors = _load_tensors(library, run)
    accounting = _ByteAccounting(tensors)
    # The smallest first: where the limit ends the search, it ends in the largest file.
    for entry in sorted(artifact.files, key=lambda entry: entry.bytes):
        accounting.add_file(folder / entry.path, entry.path)
    parts = sorted(accounting.parts(), key=lambda part: (-part.bytes, part.where, part.name))
    return SizeBreakdown(parts, accounting.notes() if tensors else [_no_values_note(run)])


def _load_tensors(library: Library, run: Run) -> list[RunTensor]:
    """The run's tensors; none where it has no values, or they are damaged."""
    try:
        return load_run_tensors(library.snapshot(run.id), run) if run.demo else []
    except Damaged:
        return []


def _no_values_note(run: Run) -> str:
    origin = "imported" if run.trust == "brought in" else "added from a notebook"
    why = "has no values that can be read" if run.demo else f"was {origin} and keeps no single values"
    return f"The run {why}, so nothing could be looked for: bytes are named by the kind of file that they lie in."


class _ByteAccounting:
    """One search through the files of an artifact."""

    def __init__(self, tensors: list[RunTensor]):
        self._patterns_by_tensor = [(tensor, make_patterns(tensor)) for tensor in tensors]
        self._patterns = [pattern for _, patterns in self._patterns_by_tensor for pattern in patterns]
        self._match_counts: Counter[int] = Counter()  # by the identity of a tensor
        self._search_budget = MAX_SEARCHED_BYTES
        self._duplicate_bytes = 0
        self._parts: list[SizePart] = []
        self._unmatched: list[_UnmatchedBytes] = []

    def add_file(self, path: Path, where: str) -> None:
        """Account for every byte of one file."""
        data = map_file(path)
        byte_ranges = split_file(path, data)
        self._account_bytes(data, byte_ranges, where)
        for byte_range in byte_ranges:
            if byte_range.compressed_member:
                self._account_compressed(path, byte_range, byte_range.compressed_member, where)

    def _account_bytes(self, data: np.ndarray, byte_ranges: list[ByteRange], where: str) -> None:
        """Claim what is found, then name the rest by its range; compressed members are left out."""
        claims = ClaimedRanges()
        for byte_range in byte_ranges:
            if byte_range.compressed_member:
                claims.claim(byte_range.start, byte_range.stop)
        end = min(len(data), self._search_budget)
        self._search_budget -= end
        matches = find_patterns(data[:end], self._patterns)
        for (start, stop), equal in groupby(matches, key=lambda match: match[:2]):
            if claims.claim(start, stop):
                self._add_match(stop - start, list(equal), where)
        for byte_range in byte_ranges:
            self._account_unmatched(data, byte_range, claims, end, where)

    def _add_match(self, count: int, matches: list[PatternMatch], where: str) -> None:
        """Count a match; of tensors with equal bits, for the one that was found least often."""
        pattern = min((match.pattern for match in matches), key=lambda pattern: self._match_counts[id(pattern.tensor)])
        self._match_counts[id(pattern.tensor)] += 1
        times = self._match_counts[id(pattern.tensor)]
        self._duplicate_bytes += count if times > 1 else 0
        name = (pattern.tensor.name, pattern.form, f"copy {times}" if times > 1 else "")
        self._add_part(pattern.tensor.group, ", ".join(filter(None, name)), count, where)

    def _account_unmatched(
        self, data: np.ndarray, byte_range: ByteRange, claims: ClaimedRanges, end: int, where: str
    ) -> None:
        zeros = rest = beyond = 0
        for start, stop in claims.gaps(byte_range.start, byte_range.stop):
            searched = max(min(stop, end), start)
            padding = count_zero_padding(data[start:searched])
            zeros, rest, beyond = zeros + padding, rest + searched - start - padding, beyond + stop - searched
        file = byte_range.name or PurePosixPath(where).name
        self._add_part(STRUCTURE, "runs of zeros", zeros, where)
        self._add_part(NOT_SEARCHED, f"{file}: beyond the limit of the search", beyond, where)
        if rest:
            self._unmatched.append(_UnmatchedBytes(_classify_member(byte_range.name), byte_range.name, rest, where))

    def _account_compressed(self, path: Path, byte_range: ByteRange, member: ZipInfo, where: str) -> None:
        """Account for a compressed member as it is when read, and for what compression took off."""
        compressed = byte_range.stop - byte_range.start
        try:
            data = decompress_member(path, member, min(self._search_budget, MAX_UNPACKED_BYTES))
        except ValueError:
            self._add_part(NOT_SEARCHED, f"{byte_range.name}: compressed, not unpacked", compressed, where)
            return
        self._account_bytes(data, [ByteRange(0, len(data), byte_range.name)], where)
        gain = compressed - len(data)
        group = SAVED_BY_COMPRESSION if gain < 0 else STRUCTURE
        self._add_part(group, f"{byte_range.name}: compression", gain, where)

    def _add_part(self, group: str, name: str, count: int, where: str) -> None:
        if count:
            self._parts.append(SizePart(group, name, count, where))

    # What came of it

    def parts(self) -> list[SizePart]:
        """Return everything that was accounted for, equal names in one file added up."""
        # Weights that were not found may be in the data, or in the graph where there is no other place.
        holder = STRUCTURE if any(rest.name and rest.kind == STRUCTURE for rest in self._unmatched) else GRAPH
        mixed = self._mixed_content()
        unmatched = [_name_unmatched(rest, mixed if rest.kind == holder else "") for rest in self._unmatched]
        total: Counter[tuple[str, str, str]] = Counter()
        for part in self._parts + unmatched:
            total[part.group, part.name, part.where] += part.bytes
        return [SizePart(group, name, count, where) for (group, name, where), count in total.items()]

    def _mixed_content(self) -> str:
        """What else may be where no tensor was found."""
        if not self._patterns_by_tensor:
            return "weights"
        missing = self._searchable_tensors(WEIGHTS, only_missing=True)
        return "converted weights" if missing and not self._unsearched_bytes() else ""

    def _searchable_tensors(self, group: str, only_missing: bool = False) -> list[RunTensor]:
        tensors = [tensor for tensor, patterns in self._patterns_by_tensor if patterns and tensor.group == group]
        return [tensor for tensor in tensors if not (only_missing and self._match_counts[id(tensor)])]

    def _unsearched_bytes(self) -> int:
        return sum(part.bytes for part in self._parts if part.group == NOT_SEARCHED)

    def notes(self) -> list[str]:
        """Say what was found more than once or not at all, and what was not searched."""
        return list(self._iterate_notes())

    def _iterate_notes(self) -> Iterator[str]:
        if self._duplicate_bytes:
            yield f"{self._duplicate_bytes:,} bytes are further copies of what is there already."
        for group, sentence in MISSING_NOTES.items():
            total = len(self._searchable_tensors(group))
            if missing := len(self._searchable_tensors(group, only_missing=True)):
                yield sentence.format(total - missing, total)
        if vague := [tensor for tensor, patterns in self._patterns_by_tensor if not patterns]:
            size = sum(tensor.values.nbytes for tensor in vague)
            yield (
                f"Not looked for: {pluralize(len(vague), 'tensor')} ({size:,} bytes), too small or too uniform to be "
                "told from other bytes."
            )
        if count := self._unsearched_bytes():
            yield (
                f"Not looked through: {count:,} bytes, compressed in an unknown way or beyond the first "
                f"{MAX_SEARCHED_BYTES:,}."
            )


def _classify_member(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    if suffix in METADATA_SUFFIXES or name.startswith("fingerprint"):
        return METADATA
    return GRAPH if suffix in GRAPH_SUFFIXES else STRUCTURE


def _name_unmatched(unmatched: _UnmatchedBytes, mixed_content: str) -> SizePart:
    """Name bytes without a tensor; `mixed_content` is what else they may hold."""
    kind, name, count, where = unmatched
    if not name:
        return SizePart(STRUCTURE, "headers and directory of the zip", count, where)
    suffix = PurePosixPath(name).suffix.split("-")[0]
    contents = "" if kind == METADATA else CONTENTS_BY_SUFFIX.get(suffix, "what is left")
    member = "" if contents and name == PurePosixPath(where).name else name
    details = contents + (f", {mixed_content}" if mixed_content else "")
    group = MIXED_GROUPS.get((kind, mixed_content), kind)
    return SizePart(group, ": ".join(filter(None, (member, details))), count, where)


def bytes_by_group(parts: list[SizePart]) -> dict[str, int]:
    """Return the bytes of each group that has any, the largest first, without what compression saved."""
    groups = [group for group in GROUPS if group != SAVED_BY_COMPRESSION]
    counts = {group: sum(part.bytes for part in parts if part.group == group) for group in groups}
    return {group: counts[group] for group in sorted(groups, key=lambda group: -counts[group]) if counts[group]}
