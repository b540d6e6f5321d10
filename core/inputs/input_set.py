"""Record, chunked writer, eviction.

The record of an input set: what was asked, kept once, and named by what it holds.

Input sets that nobody has used for long make room for new ones; they are work, not property.

Chunks of arrays written into a folder, a file for each array, in bounded memory.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from core.arrays import Arrays
from core.errors import InputError, RoundtripError
from core.inputs.npy import RowWriter
from core.inputs.source import require_size
from core.library import storage
from core.library.records import FileEntry
from core.record import Record
from core.settings import Settings

RECORD_FILE = "inputs.json"
# What of an origin makes another question of the same numbers: which run's rows they are decides what they are held
# against, and whose they are, so that nobody learns that another asked the same. Seeds and file names are news, and the
# same numbers are the same inputs however they came about.
IDENTITY_KEYS = ("kind", "run", "index", "owner")


class InputSet(Record):
    """Inputs that can be asked of any artifact, in the same order.

    `origin` says in `kind` how they came about ("held-out", "random", "file", "typed", "drawn", "found"), and what is
    needed to make them again; of held-out rows, `run` and `index` are the run and the rows of its reference. `words`
    says the same for people, and `notes` what was changed or found on the way. `columns` and `targets` name each array
    with its dtype ("object" is text) and its shape without the rows. Array number n of each is `input-n.npy` and
    `target-n.npy` in `files`.
    """

    id: str
    origin: dict[str, Any]
    words: str
    notes: list[str] = Field(default_factory=list)
    columns: list[dict[str, Any]]
    targets: list[dict[str, Any]] = Field(default_factory=list)
    rows: int
    files: list[FileEntry] = Field(default_factory=list)

    @property
    def owner(self) -> str | None:
        """The id of the person who alone sees it; None where it was nobody who signed in."""
        return self.origin.get("owner")

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.files)

    @property
    def kind(self) -> str:
        return self.origin["kind"]

    def members(self) -> dict[str, str]:
        """For each array its name with its role ("input:pixels"), and the file that holds it."""
        named = {f"input:{one['name']}": f"input-{at}.npy" for at, one in enumerate(self.columns)}
        return named | {f"target:{one['name']}": f"target-{at}.npy" for at, one in enumerate(self.targets)}


def input_set_id(columns: list[dict], targets: list[dict], entries: list[FileEntry], origin: dict[str, Any]) -> str:
    """ "i" and ten digits of a SHA-256 over names, arrays (dtype, shape, bytes) and origin: same inputs, same id."""
    kept = {key: origin[key] for key in IDENTITY_KEYS if key in origin}
    hashes = {one.path: one.sha256 for one in entries}
    text = json.dumps([columns, targets, hashes, kept], sort_keys=True)
    return "i" + hashlib.sha256(text.encode()).hexdigest()[:10]


DAY = 24 * 3600
HOUR = 3600
MIB = 2**20


def evict_input_sets(home: Path, config: Settings, newest_id: str) -> None:
    """Of more sets than are kept, forget those that were not used for a day; of more bytes, for an hour."""
    total = 0
    for at, (used, size, folder) in enumerate(sorted(_list_sets(home), reverse=True)):
        total += size
        age = time.time() - used
        crowded = at >= config.keep_inputs and age > DAY
        too_much = total > config.inputs_total_mib * MIB and age > HOUR
        if (crowded or too_much) and folder.name != newest_id:
            delete_input_set(home, folder)


def _list_sets(home: Path) -> Iterator[tuple[float, int, Path]]:
    """When each was used last, its bytes, and where it lies."""
    for folder in (home / "inputs").iterdir():
        with contextlib.suppress(OSError):  # gone just now
            record = folder / RECORD_FILE
            used = (record if record.exists() else folder).stat().st_mtime
            yield used, sum(one.stat().st_size for one in folder.iterdir()), folder


def delete_input_set(home: Path, folder: Path) -> None:
    """Delete a set: first out of its place, so that nobody finds half of it."""
    with contextlib.suppress(RoundtripError, OSError), storage.staging_folder(home) as staged:
        os.rename(folder, staged / folder.name)


MAX_NAME_LENGTH = 200


class WrittenArrays(NamedTuple):
    """What was written: name, dtype ("object" is text) and shape without the rows of each array, by role."""

    columns: list[dict[str, Any]]
    targets: list[dict[str, Any]]
    rows: int


def write_chunks(folder: Path, chunks: Iterable[Arrays], max_bytes: int) -> WrittenArrays:
    """Write arrays by name with role ("input:x", "target:y") as `input-0.npy`, `target-0.npy`, at most `most` bytes.

    Raises InputError when they are more, or have no rows; StorageFailed when the disk refuses.
    """
    writers: dict[str, RowWriter] = {}
    try:
        for chunk in chunks:
            if not writers:
                writers = _open_writers(folder, chunk)
            require_size(sum(writers[name].bytes_after(array) for name, array in chunk.items()), max_bytes)
            with storage.translate_disk_errors():
                for name, array in chunk.items():
                    writers[name].append(array)
    finally:
        with storage.translate_disk_errors():
            for one in writers.values():
                one.close()
    return _describe_arrays(writers)


def _open_writers(folder: Path, chunk: Arrays) -> dict[str, RowWriter]:
    writers: dict[str, RowWriter] = {}
    counts = {"input": 0, "target": 0}
    for name in chunk:
        role, _, bare = name.partition(":")
        if not bare.isprintable() or len(bare) > MAX_NAME_LENGTH:
            raise InputError("An array has a name that cannot be shown.", received=ascii(bare)[:80], cure="Rename it.")
        writers[name] = RowWriter(folder / f"{role}-{counts[role]}.npy")
        counts[role] += 1
    return writers


def _describe_arrays(writers: dict[str, RowWriter]) -> WrittenArrays:
    rows = next(iter(writers.values())).rows if writers else 0
    if not rows:
        raise InputError("There are 0 rows in it.", cure="Give at least one row.")
    facts = {"input": [], "target": []}
    for name, one in writers.items():
        role, _, bare = name.partition(":")
        dtype = "object" if one.dtype.kind == "U" else one.dtype.name
        facts[role].append({"name": bare, "dtype": dtype, "shape": list(one.shape)})
    return WrittenArrays(facts["input"], facts["target"], rows)
