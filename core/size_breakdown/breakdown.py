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
from core.size_breakdown.byte_ranges import Claims, Region, mapped, regions, unpacked, zeros_in
from core.size_breakdown.tensor_search import Found, Tensor, find, needles, tensors

WEIGHTS, OPTIMIZER = "weights", "optimizer state"
GRAPH, METADATA, STRUCTURE = "graph", "metadata", "structure and padding"
CONVERTED_GRAPH, CONVERTED_DATA = "graph and converted weights", "structure and converted weights"
UNKNOWN_GRAPH, UNKNOWN_DATA = "graph and weights", "weights and structure"
WITH = {
    (GRAPH, "converted weights"): CONVERTED_GRAPH,
    (STRUCTURE, "converted weights"): CONVERTED_DATA,
    (GRAPH, "weights"): UNKNOWN_GRAPH,
    (STRUCTURE, "weights"): UNKNOWN_DATA,
}
UNSEARCHED, SAVED = "not searched", "saved by compression"
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
    UNSEARCHED,
    SAVED,
)
SEARCHED = 2**30  # bytes of one artifact that are looked through
# Bytes of one member that are unpacked into memory. Keras stores and does not compress; whoever sends a model may have
# packed a thousandfold.
UNPACKED = 64 * 2**20
IS_GRAPH = {".pb", ".tflite", ".onnx", ".xml"}
IS_METADATA = {".json", ".index", ".txt", ".yaml", ".yml", ".md"}
HOLDS = {
    ".h5": "HDF5 names, settings and tables",
    ".pb": "operations and signatures",
    ".tflite": "operations and signatures",
    ".onnx": "operations and names",
    ".xml": "operations and names",
    ".safetensors": "names, dtypes and shapes",
    ".data": "object graph, counters and small tensors",
}


class Part(NamedTuple):
    """Some bytes of an artifact: what they are for, what they are, how many, and in which of its files.

    Only a part of the group "saved by compression" has fewer than none: what compression took off.
    """

    group: str
    name: str
    bytes: int
    where: str


class Account(NamedTuple):
    """All parts, the largest first, adding up to the bytes on disk; and in sentences what could not be told."""

    parts: list[Part]
    notes: list[str]


class _Rest(NamedTuple):
    """Bytes in which no tensor was found: of a graph, metadata or data, in which file or member, at which path."""

    kind: str
    name: str
    bytes: int
    where: str


def content(library: Library, artifact_id: str) -> list[Part]:
    """The parts of an artifact, adding up to its bytes on disk. Raises UnknownName, UnreadableRecord, Damaged."""
    return account(library, artifact_id).parts


def account(library: Library, artifact_id: str) -> Account:
    """The parts of an artifact, and what could not be told of it. Raises UnknownName, UnreadableRecord, Damaged."""
    artifact = library.artifact(artifact_id)
    folder, run = library.files(artifact_id), library.run(artifact.run)
    kept = _kept(library, run)
    search = _Search(kept)
    # The smallest first: where the limit ends the search, it ends in the largest file.
    for entry in sorted(artifact.files, key=lambda one: one.bytes):
        search.file(folder / entry.path, entry.path)
    parts = sorted(search.parts(), key=lambda part: (-part.bytes, part.where, part.name))
    return Account(parts, search.notes() if kept else [_no_values(run)])


def _kept(library: Library, run: Run) -> list[Tensor]:
    """The run's tensors; none where it keeps no values, or they are damaged."""
    try:
        return tensors(library.snapshot(run.id), run) if run.demo else []
    except Damaged:
        return []


def _no_values(run: Run) -> str:
    how = "brought in" if run.trust == "brought in" else "added from a notebook"
    why = "has no values that can be read" if run.demo else f"was {how} and keeps no single values"
    return f"The run {why}, so nothing could be looked for: bytes are named by the kind of file that they lie in."


class _Search:
    """One look through the files of an artifact."""

    def __init__(self, kept: list[Tensor]):
        self._forms = [(tensor, needles(tensor)) for tensor in kept]
        self._needles = [needle for _, forms in self._forms for needle in forms]
        self._times: Counter[int] = Counter()
        self._left = SEARCHED
        self._again = 0
        self._found: list[Part] = []
        self._rests: list[_Rest] = []

    def file(self, path: Path, where: str) -> None:
        """Account for every byte of one file."""
        data = mapped(path)
        found = regions(path, data)
        self._stretch(data, found, where)
        for region in found:
            if region.packed:
                self._unpack(path, region, where)

    def _stretch(self, data: np.ndarray, within: list[Region], where: str) -> None:
        """Claim what is found, then name what is left by the region that it lies in; packed ones are left out."""
        claims = Claims()
        for region in within:
            if region.packed:
                claims.take(region.start, region.stop)
        end = min(len(data), self._left)
        self._left -= end
        for (start, stop), equal in groupby(find(data[:end], self._needles), key=lambda one: one[:2]):
            if claims.take(start, stop):
                self._tell(stop - start, list(equal), where)
        for region in within:
            self._rest(data, region, claims, end, where)

    def _tell(self, count: int, equal: list[Found], where: str) -> None:
        """Of tensors with equal bits, the one that was found least often is the one that stands here."""
        tensor, form = min(((one.needle.tensor, one.needle.form) for one in equal), key=lambda one: self._seen(one[0]))
        self._times[id(tensor)] += 1
        copy = "" if self._seen(tensor) == 1 else f"copy {self._seen(tensor)}"
        self._again += count if copy else 0
        self._keep(tensor.group, ", ".join(filter(None, (tensor.name, form, copy))), count, where)

    def _seen(self, tensor: Tensor) -> int:
        return self._times[id(tensor)]

    def _rest(self, data: np.ndarray, region: Region, claims: Claims, end: int, where: str) -> None:
        zeros = rest = beyond = 0
        for start, stop in claims.gaps(region.start, region.stop):
            searched = max(min(stop, end), start)
            padding = zeros_in(data[start:searched])
            zeros, rest, beyond = zeros + padding, rest + searched - start - padding, beyond + stop - searched
        self._keep(STRUCTURE, "runs of zeros", zeros, where)
        self._keep(
            UNSEARCHED, f"{region.name or PurePosixPath(where).name}: beyond the limit of the search", beyond, where
        )
        if rest:
            self._rests.append(_Rest(_kind(region.name), region.name, rest, where))

    def _unpack(self, path: Path, region: Region, where: str) -> None:
        """Account for a compressed member as it is when read, and for what compression took off."""
        packed = region.stop - region.start
        try:
            data = unpacked(path, region.packed, min(self._left, UNPACKED))
        except ValueError:
            return self._keep(UNSEARCHED, f"{region.name}: compressed, not unpacked", packed, where)
        self._stretch(data, [Region(0, len(data), region.name)], where)
        gain = packed - len(data)
        return self._keep(SAVED if gain < 0 else STRUCTURE, f"{region.name}: compression", gain, where)

    def _keep(self, group: str, name: str, count: int, where: str) -> None:
        if count:
            self._found.append(Part(group, name, count, where))

    # What came of it

    def parts(self) -> list[Part]:
        """Everything that was accounted for, equal names in one file taken together."""
        named = [rest for rest in self._rests if rest.name]
        # Weights that were not found may be in the data, or in the graph where there is no other place.
        holder = STRUCTURE if any(rest.kind == STRUCTURE for rest in named) else GRAPH
        beside = self._beside()
        total: Counter[tuple[str, str, str]] = Counter()
        for part in self._found + [_part(rest, beside if rest.kind == holder else "") for rest in self._rests]:
            total[part.group, part.name, part.where] += part.bytes
        return [Part(group, name, count, where) for (group, name, where), count in total.items()]

    def _beside(self) -> str:
        """What else may be where no tensor was found."""
        if not self._forms:
            return "weights"
        return "converted weights" if self._missing(WEIGHTS) and not self._unsearched() else ""

    def _missing(self, group: str) -> list[Tensor]:
        """Tensors that could have been found, and were not."""
        return [one for one, forms in self._forms if forms and one.group == group and not self._seen(one)]

    def _unsearched(self) -> int:
        return sum(part.bytes for part in self._found if part.group == UNSEARCHED)

    def notes(self) -> list[str]:
        """What was found more than once or not at all, and what was not looked for or looked through."""
        said = (self._more(), self._lost(WEIGHTS), self._lost(OPTIMIZER), self._vague(), self._beyond())
        return [note for note in said if note]

    def _more(self) -> str:
        return f"{self._again:,} bytes are further copies of what is there already." if self._again else ""

    def _lost(self, group: str) -> str:
        missing, of = len(self._missing(group)), sum(bool(forms) for one, forms in self._forms if one.group == group)
        if not missing:
            return ""
        if group == OPTIMIZER:
            return f"Tensors of optimizer state found: {of - missing} of {of}."
        return (
            f"Weights found: {of - missing} of {of}, as trained, transposed or in float16. What is missing was left "
            "out or converted: to integers with a scale, or folded into something else."
        )

    def _vague(self) -> str:
        vague = [tensor for tensor, forms in self._forms if not forms]
        if not vague:
            return ""
        count = "1 tensor" if len(vague) == 1 else f"{len(vague)} tensors"
        size = sum(one.values.nbytes for one in vague)
        return f"Not looked for: {count} ({size:,} bytes), too small or too uniform to be told from other bytes."

    def _beyond(self) -> str:
        if not (count := self._unsearched()):
            return ""
        return f"Not looked through: {count:,} bytes, compressed in an unknown way or beyond the first {SEARCHED:,}."


def _kind(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    if suffix in IS_METADATA or name.startswith("fingerprint"):
        return METADATA
    return GRAPH if suffix in IS_GRAPH else STRUCTURE


def _part(rest: _Rest, beside: str) -> Part:
    """What is left of a region; `beside` is what else it may hold."""
    if not rest.name:
        return Part(STRUCTURE, "headers and directory of the zip", rest.bytes, rest.where)
    holds = "" if rest.kind == METADATA else HOLDS.get(PurePosixPath(rest.name).suffix.split("-")[0], "what is left")
    within = "" if holds and rest.name == PurePosixPath(rest.where).name else rest.name
    group = WITH.get((rest.kind, beside), rest.kind)
    return Part(
        group, ": ".join(filter(None, (within, holds + (f", {beside}" if beside else "")))), rest.bytes, rest.where
    )
