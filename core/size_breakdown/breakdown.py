"""Where the bytes of an artifact go: its weights, its optimizer state, the graph, and what only holds them together.

One mechanism for all formats: the values that the run kept are looked for in the bytes of each file (see
`core.size_breakdown.tensor_search`). What is not found is named by the kind of file that it stands in.
"""

from collections import Counter
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import NamedTuple

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
GROUPS = (
    WEIGHTS,
    OPTIMIZER,
    GRAPH,
    CONVERTED_GRAPH,
    UNKNOWN_GRAPH,
    CONVERTED_DATA,
    UNKNOWN_DATA,
    METADATA,
    STRUCTURE,
    NOT_SEARCHED,
    SAVED_BY_COMPRESSION,
)
MAX_SEARCHED_BYTES = 2**30  # bytes of one artifact that are looked through
# Bytes of one member that are unpacked into memory. Keras stores and does not compress; whoever sends a model may have
# packed a thousandfold.
MAX_UNPACKED_BYTES = 64 * 2**20
GRAPH_SUFFIXES = {".pb", ".tflite", ".onnx", ".xml"}
METADATA_SUFFIXES = {".json", ".index", ".txt", ".yaml", ".yml", ".md"}
CONTENTS_BY_SUFFIX = {
    ".h5": "HDF5 names, settings and tables",
    ".pb": "operations and signatures",
    ".tflite": "operations and signatures",
    ".onnx": "operations and names",
    ".xml": "operations and names",
    ".safetensors": "names, dtypes and shapes",
    ".data": "object graph, counters and small tensors",
}


class SizePart(NamedTuple):
    """Some bytes of an artifact: what they are for, what they are, how many, and in which of its files.

    Only a part of the group "saved by compression" has fewer than none: what compression took off.
    """

    group: str
    name: str
    bytes: int
    where: str


class SizeBreakdown(NamedTuple):
    """All parts, the largest first, adding up to the bytes on disk; and in sentences what could not be told."""

    parts: list[SizePart]
    notes: list[str]


class _UnmatchedBytes(NamedTuple):
    """Bytes in which no tensor was found: of a graph, metadata or data, in which file or member, at which path."""

    kind: str
    name: str
    bytes: int
    where: str


def list_size_parts(library: Library, artifact_id: str) -> list[SizePart]:
    """The parts of an artifact, adding up to its bytes on disk. Raises UnknownName, UnreadableRecord, Damaged."""
    return break_down_sizes(library, artifact_id).parts


def break_down_sizes(library: Library, artifact_id: str) -> SizeBreakdown:
    """The parts of an artifact, and what could not be told of it. Raises UnknownName, UnreadableRecord, Damaged."""
    artifact = library.artifact(artifact_id)
    folder, run = library.verified_folder(artifact_id), library.run(artifact.run)
    kept = _load_tensors(library, run)
    search = _ByteAccounting(kept)
    # The smallest first: where the limit ends the search, it ends in the largest file.
    for entry in sorted(artifact.files, key=lambda one: one.bytes):
        search.add_file(folder / entry.path, entry.path)
    parts = sorted(search.parts(), key=lambda part: (-part.bytes, part.where, part.name))
    return SizeBreakdown(parts, search.notes() if kept else [_no_values_note(run)])


def _load_tensors(library: Library, run: Run) -> list[RunTensor]:
    """The run's tensors; none where it keeps no values, or they are damaged."""
    try:
        return load_run_tensors(library.snapshot(run.id), run) if run.demo else []
    except Damaged:
        return []


def _no_values_note(run: Run) -> str:
    how = "brought in" if run.trust == "brought in" else "added from a notebook"
    why = "has no values that can be read" if run.demo else f"was {how} and keeps no single values"
    return f"The run {why}, so nothing could be looked for: bytes are named by the kind of file that they lie in."


class _ByteAccounting:
    """One look through the files of an artifact."""

    def __init__(self, tensors: list[RunTensor]):
        self._patterns_by_tensor = [(tensor, make_patterns(tensor)) for tensor in tensors]
        self._patterns = [needle for _, forms in self._patterns_by_tensor for needle in forms]
        self._match_counts: Counter[int] = Counter()
        self._search_budget = MAX_SEARCHED_BYTES
        self._duplicate_bytes = 0
        self._parts: list[SizePart] = []
        self._unmatched: list[_UnmatchedBytes] = []

    def add_file(self, path: Path, where: str) -> None:
        """Account for every byte of one file."""
        data = map_file(path)
        found = split_file(path, data)
        self._account_bytes(data, found, where)
        for region in found:
            if region.compressed_member:
                self._account_compressed(path, region, where)

    def _account_bytes(self, data: np.ndarray, byte_ranges: list[ByteRange], where: str) -> None:
        """Claim what is found, then name what is left by the region that it lies in; packed ones are left out."""
        claims = ClaimedRanges()
        for region in byte_ranges:
            if region.compressed_member:
                claims.claim(region.start, region.stop)
        end = min(len(data), self._search_budget)
        self._search_budget -= end
        for (start, stop), equal in groupby(find_patterns(data[:end], self._patterns), key=lambda one: one[:2]):
            if claims.claim(start, stop):
                self._add_match(stop - start, list(equal), where)
        for region in byte_ranges:
            self._account_unmatched(data, region, claims, end, where)

    def _add_match(self, count: int, matches: list[PatternMatch], where: str) -> None:
        """Of tensors with equal bits, the one that was found least often is the one that stands here."""
        tensor, form = min(
            ((one.pattern.tensor, one.pattern.form) for one in matches), key=lambda one: self._match_count(one[0])
        )
        self._match_counts[id(tensor)] += 1
        copy = "" if self._match_count(tensor) == 1 else f"copy {self._match_count(tensor)}"
        self._duplicate_bytes += count if copy else 0
        self._add_part(tensor.group, ", ".join(filter(None, (tensor.name, form, copy))), count, where)

    def _match_count(self, tensor: RunTensor) -> int:
        return self._match_counts[id(tensor)]

    def _account_unmatched(
        self, data: np.ndarray, byte_range: ByteRange, claims: ClaimedRanges, end: int, where: str
    ) -> None:
        zeros = rest = beyond = 0
        for start, stop in claims.gaps(byte_range.start, byte_range.stop):
            searched = max(min(stop, end), start)
            padding = count_zero_padding(data[start:searched])
            zeros, rest, beyond = zeros + padding, rest + searched - start - padding, beyond + stop - searched
        self._add_part(STRUCTURE, "runs of zeros", zeros, where)
        self._add_part(
            NOT_SEARCHED,
            f"{byte_range.name or PurePosixPath(where).name}: beyond the limit of the search",
            beyond,
            where,
        )
        if rest:
            self._unmatched.append(_UnmatchedBytes(_classify_member(byte_range.name), byte_range.name, rest, where))

    def _account_compressed(self, path: Path, byte_range: ByteRange, where: str) -> None:
        """Account for a compressed member as it is when read, and for what compression took off."""
        packed = byte_range.stop - byte_range.start
        try:
            data = decompress_member(path, byte_range.compressed_member, min(self._search_budget, MAX_UNPACKED_BYTES))
        except ValueError:
            return self._add_part(NOT_SEARCHED, f"{byte_range.name}: compressed, not unpacked", packed, where)
        self._account_bytes(data, [ByteRange(0, len(data), byte_range.name)], where)
        gain = packed - len(data)
        return self._add_part(
            SAVED_BY_COMPRESSION if gain < 0 else STRUCTURE, f"{byte_range.name}: compression", gain, where
        )

    def _add_part(self, group: str, name: str, count: int, where: str) -> None:
        if count:
            self._parts.append(SizePart(group, name, count, where))

    # What came of it

    def parts(self) -> list[SizePart]:
        """Everything that was accounted for, equal names in one file taken together."""
        named = [rest for rest in self._unmatched if rest.name]
        # Weights that were not found may be in the data, or in the graph where there is no other place.
        holder = STRUCTURE if any(rest.kind == STRUCTURE for rest in named) else GRAPH
        beside = self._mixed_content()
        total: Counter[tuple[str, str, str]] = Counter()
        for part in self._parts + [
            _make_unmatched_part(rest, beside if rest.kind == holder else "") for rest in self._unmatched
        ]:
            total[part.group, part.name, part.where] += part.bytes
        return [SizePart(group, name, count, where) for (group, name, where), count in total.items()]

    def _mixed_content(self) -> str:
        """What else may be where no tensor was found."""
        if not self._patterns_by_tensor:
            return "weights"
        return "converted weights" if self._unmatched_tensors(WEIGHTS) and not self._count_unsearched_bytes() else ""

    def _unmatched_tensors(self, group: str) -> list[RunTensor]:
        """Tensors that could have been found, and were not."""
        return [
            one
            for one, forms in self._patterns_by_tensor
            if forms and one.group == group and not self._match_count(one)
        ]

    def _count_unsearched_bytes(self) -> int:
        return sum(part.bytes for part in self._parts if part.group == NOT_SEARCHED)

    def notes(self) -> list[str]:
        """What was found more than once or not at all, and what was not looked for or looked through."""
        said = (
            self._duplicates_note(),
            self._missing_note(WEIGHTS),
            self._missing_note(OPTIMIZER),
            self._unsearchable_note(),
            self._unsearched_note(),
        )
        return [note for note in said if note]

    def _duplicates_note(self) -> str:
        return (
            f"{self._duplicate_bytes:,} bytes are further copies of what is there already."
            if self._duplicate_bytes
            else ""
        )

    def _missing_note(self, group: str) -> str:
        missing, of = (
            len(self._unmatched_tensors(group)),
            sum(bool(forms) for one, forms in self._patterns_by_tensor if one.group == group),
        )
        if not missing:
            return ""
        if group == OPTIMIZER:
            return f"Tensors of optimizer state found: {of - missing} of {of}."
        return (
            f"Weights found: {of - missing} of {of}, as trained, transposed or in float16. What is missing was left "
            "out or converted: to integers with a scale, or folded into something else."
        )

    def _unsearchable_note(self) -> str:
        vague = [tensor for tensor, forms in self._patterns_by_tensor if not forms]
        if not vague:
            return ""
        count = "1 tensor" if len(vague) == 1 else f"{len(vague)} tensors"
        size = sum(one.values.nbytes for one in vague)
        return f"Not looked for: {count} ({size:,} bytes), too small or too uniform to be told from other bytes."

    def _unsearched_note(self) -> str:
        if not (count := self._count_unsearched_bytes()):
            return ""
        return (
            f"Not looked through: {count:,} bytes, compressed in an unknown way or beyond the first "
            f"{MAX_SEARCHED_BYTES:,}."
        )


def _classify_member(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    if suffix in METADATA_SUFFIXES or name.startswith("fingerprint"):
        return METADATA
    return GRAPH if suffix in GRAPH_SUFFIXES else STRUCTURE


def _make_unmatched_part(unmatched: _UnmatchedBytes, mixed_content: str) -> SizePart:
    """What is left of a region; `beside` is what else it may hold."""
    if not unmatched.name:
        return SizePart(STRUCTURE, "headers and directory of the zip", unmatched.bytes, unmatched.where)
    holds = (
        ""
        if unmatched.kind == METADATA
        else CONTENTS_BY_SUFFIX.get(PurePosixPath(unmatched.name).suffix.split("-")[0], "what is left")
    )
    within = "" if holds and unmatched.name == PurePosixPath(unmatched.where).name else unmatched.name
    group = MIXED_GROUPS.get((unmatched.kind, mixed_content), unmatched.kind)
    return SizePart(
        group,
        ": ".join(filter(None, (within, holds + (f", {mixed_content}" if mixed_content else "")))),
        unmatched.bytes,
        unmatched.where,
    )
