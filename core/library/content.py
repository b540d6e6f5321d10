"""Where the bytes of an artifact go: its weights, its optimizer state, the graph, and what only holds them together.

One mechanism for all formats: the values that the run kept are looked for in the bytes of each file (see
`core.library.searching`). What is not found is named by the kind of file that it stands in.
"""

import zipfile
import zlib
from bisect import bisect, insort
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from core.errors import Damaged
from core.library.library import Library
from core.library.records import Run
from core.library.searching import Found, Tensor, find, needles
from core.library.values import mapped, member_start, tensors

WEIGHTS, OPTIMIZER = "weights", "optimizer state"
GRAPH, METADATA, STRUCTURE = "graph", "metadata", "structure and padding"
CONVERTED_GRAPH, CONVERTED_DATA = "graph and converted weights", "structure and converted weights"
UNKNOWN_GRAPH, UNKNOWN_DATA = "graph and weights", "weights and structure"
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
PADDING = 64  # zero bytes in a row that nobody has claimed
CHUNK = 2**22
IS_GRAPH = {".pb", ".tflite", ".onnx", ".xml"}
IS_METADATA = {".json", ".index", ".txt", ".yaml", ".yml", ".md"}
HOLDS = {
    ".h5": "HDF5 structure: names, settings, tables",
    ".pb": "graph: operations and signatures",
    ".tflite": "graph: operations and signatures",
    ".onnx": "graph: operations and names",
    ".xml": "graph: operations and names",
    ".safetensors": "header: names, dtypes, shapes",
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


class _Region(NamedTuple):
    """A file, a member of a zip, or what lies between members (then without a name)."""

    start: int
    stop: int
    name: str = ""
    packed: zipfile.ZipInfo | None = None


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
    why = "has no values that can be read" if run.demo else "was added from a notebook and keeps no single values"
    return f"The run {why}, so nothing could be looked for: bytes are named by the kind of file that they lie in."


class _Search:
    """One look through the files of an artifact."""

    def __init__(self, kept: list[Tensor]):
        self._forms = [(tensor, needles(tensor)) for tensor in kept]
        self._needles = [needle for _, forms in self._forms for needle in forms]
        self._times: Counter[int] = Counter()
        self._left = SEARCHED
        self._found: list[Part] = []
        self._rests: list[_Rest] = []

    def file(self, path: Path, where: str) -> None:
        """Account for every byte of one file."""
        data = mapped(path)
        regions = _regions(path, data)
        self._stretch(data, regions, where)
        for region in regions:
            if region.packed:
                self._unpack(path, region, where)

    def _stretch(self, data: np.ndarray, regions: list[_Region], where: str) -> None:
        """Claim what is found, then name what is left by the region that it lies in; packed ones are left out."""
        claims = _Claims()
        for region in regions:
            if region.packed:
                claims.take(region.start, region.stop)
        end = min(len(data), self._left)
        self._left -= end
        for (start, stop), equal in groupby(find(data[:end], self._needles), key=lambda one: one[:2]):
            if claims.take(start, stop):
                self._tell(stop - start, list(equal), where)
        for region in regions:
            self._rest(data, region, claims, end, where)

    def _tell(self, count: int, equal: list[Found], where: str) -> None:
        """Of tensors with equal bits, the one that was found least often is the one that stands here."""
        tensor, form = min(((one.needle.tensor, one.needle.form) for one in equal), key=lambda one: self._seen(one[0]))
        self._times[id(tensor)] += 1
        copy = "" if self._seen(tensor) == 1 else f"copy {self._seen(tensor)}"
        self._keep(tensor.group, ", ".join(filter(None, (tensor.name, form, copy))), count, where)

    def _seen(self, tensor: Tensor) -> int:
        return self._times[id(tensor)]

    def _rest(self, data: np.ndarray, region: _Region, claims: "_Claims", end: int, where: str) -> None:
        zeros = rest = beyond = 0
        for start, stop in claims.gaps(region.start, region.stop):
            searched = max(min(stop, end), start)
            padding = _zeros(data[start:searched])
            zeros, rest, beyond = zeros + padding, rest + searched - start - padding, beyond + stop - searched
        self._keep(STRUCTURE, "padding: zeros", zeros, where)
        self._keep(UNSEARCHED, f"{region.name}: beyond the limit of the search", beyond, where)
        if rest:
            self._rests.append(_Rest(_kind(region.name), region.name, rest, where))

    def _unpack(self, path: Path, region: _Region, where: str) -> None:
        """Account for a compressed member as it is when read, and for what compression took off."""
        packed = region.stop - region.start
        try:
            data = _unpacked(path, region.packed, self._left)
        except (OSError, ValueError, RuntimeError, NotImplementedError, EOFError, zipfile.BadZipFile, zlib.error):
            return self._keep(UNSEARCHED, f"{region.name}: compressed, not unpacked", packed, where)
        self._stretch(data, [_Region(0, len(data), region.name)], where)
        gain = packed - len(data)
        return self._keep(SAVED if gain < 0 else STRUCTURE, f"{region.name}: compression", gain, where)

    def _keep(self, group: str, name: str, count: int, where: str) -> None:
        if count:
            self._found.append(Part(group, name, count, where))

    # What came of it

    def parts(self) -> list[Part]:
        """Everything that was accounted for, equal names in one file taken together."""
        data_holds = any(rest.kind == STRUCTURE and rest.name for rest in self._rests)
        holder = STRUCTURE if data_holds else GRAPH
        total: Counter[tuple[str, str, str]] = Counter()
        for part in self._found + [self._named(rest, rest.kind == holder and bool(rest.name)) for rest in self._rests]:
            total[part.group, part.name, part.where] += part.bytes
        return [Part(group, name, count, where) for (group, name, where), count in total.items()]

    def _named(self, rest: _Rest, may_hold: bool) -> Part:
        """Where weights were not found, they may be in the data, or in the graph where there is no other place."""
        group = rest.kind
        if may_hold and not self._forms:
            group = UNKNOWN_GRAPH if rest.kind == GRAPH else UNKNOWN_DATA
        elif may_hold and self._missing(WEIGHTS):
            group = CONVERTED_GRAPH if rest.kind == GRAPH else CONVERTED_DATA
        return Part(group, _words(rest), rest.bytes, rest.where)

    def _missing(self, group: str) -> list[Tensor]:
        """Tensors that could have been found, and were not."""
        return [one for one, forms in self._forms if forms and one.group == group and not self._seen(one)]

    def notes(self) -> list[str]:
        """What was not found, and what could not be looked for."""
        return [note for note in (self._lost(WEIGHTS), self._lost(OPTIMIZER), self._vague()) if note]

    def _lost(self, group: str) -> str:
        missing, of = self._missing(group), [one for one, forms in self._forms if forms and one.group == group]
        if not missing:
            return ""
        if group == OPTIMIZER:
            return f"{len(missing)} of {len(of)} tensors of optimizer state are not in the files."
        return (
            f"{len(missing)} of {len(of)} weights are not in the files as trained, transposed or in float16: they were "
            "left out or converted (to integers with a scale, or folded into one another)."
        )

    def _vague(self) -> str:
        vague = [tensor for tensor, forms in self._forms if not forms]
        if not vague:
            return ""
        count, size = len(vague), sum(one.values.nbytes for one in vague)
        return f"{count} tensors ({size:,} bytes) are too small or too uniform to be found: they count with the rest."


class _Claims:
    """Stretches of bytes that are accounted for; no two overlap."""

    def __init__(self) -> None:
        self._taken: list[tuple[int, int]] = []

    def take(self, start: int, stop: int) -> bool:
        """Claim a stretch, if all of it is free."""
        at = bisect(self._taken, (start, start))
        if any(left < stop and start < right for left, right in self._taken[max(at - 1, 0) : at + 1]):
            return False
        insort(self._taken, (start, stop))
        return True

    def gaps(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """The free stretches between two places."""
        for left, right in [*self._taken, (stop, stop)]:
            if start < min(left, stop):
                yield start, min(left, stop)
            start = max(start, right)


def _regions(path: Path, data: np.ndarray) -> list[_Region]:
    """The members of a zip and what lies between them; any other file is one region. Together they are the file."""
    tiles, end = [], 0
    for region in sorted(_members(path, data)):
        if end <= region.start <= region.stop <= len(data):
            tiles += [_Region(end, region.start), region]
            end = region.stop
    return [*tiles, _Region(end, len(data))] if tiles else [_Region(0, len(data), path.name)]


def _members(path: Path, data: np.ndarray) -> Iterator[_Region]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return
    for member in members:
        start = member_start(data, member)
        packed = None if member.compress_type == zipfile.ZIP_STORED else member
        yield _Region(start, start + member.compress_size, member.filename, packed)


def _unpacked(path: Path, member: zipfile.ZipInfo, most: int) -> np.ndarray:
    """The bytes of a compressed member. Raises ValueError when they are more than `most`, or than the zip says."""
    if member.file_size > most:
        raise ValueError("beyond the limit of the search")
    with zipfile.ZipFile(path) as archive, archive.open(member) as file:
        data = file.read(member.file_size + 1)
    if len(data) != member.file_size:
        raise ValueError("not the size that the zip says")
    return np.frombuffer(data, np.uint8)


def _zeros(data: np.ndarray) -> int:
    """How many bytes stand in long runs of zeros, to eight bytes."""
    count = 0
    for start in range(0, len(data) // 8 * 8, CHUNK):
        words = data[start : min(start + CHUNK, len(data) // 8 * 8)].view("<u8")
        edges = np.flatnonzero(np.diff(np.concatenate(([False], words == 0, [False]))))
        lengths = (edges[1::2] - edges[::2]) * 8
        count += int(lengths[lengths >= PADDING].sum())
    return count


def _kind(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    if suffix in IS_METADATA or name.startswith("fingerprint"):
        return METADATA
    return GRAPH if suffix in IS_GRAPH else STRUCTURE


def _words(rest: _Rest) -> str:
    if not rest.name:
        return "headers and directory of the zip"
    suffix = PurePosixPath(rest.name).suffix
    holds = "" if rest.kind == METADATA else HOLDS.get(suffix.split("-")[0], "what is left")
    within = "" if rest.name == PurePosixPath(rest.where).name and holds else rest.name
    return ": ".join(filter(None, (within, holds)))
