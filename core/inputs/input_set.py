"""One input set in its folder: its record, its arrays (written chunk by chunk), its id, and which sets make room."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field
from typing_extensions import TypedDict

from core.arrays import Arrays
from core.errors import InputError
from core.inputs.npy import RowWriter
from core.inputs.source import no_rows_error, require_size
from core.library import storage
from core.library.records import FileEntry
from core.record import Record
from core.runtimes.specs import InputSpec

RECORD_FILE = "inputs.json"
MAX_NAME_LENGTH = 200
HOUR = 3600  # seconds
DAY = 24 * HOUR
# The keys of an origin that make another input set of the same numbers: which run's rows they are decides against what
# predictions are verified, and whose they are, so that nobody learns that another used the same. Seeds and file names
# are news, and the same numbers are the same inputs however they came about.
IDENTITY_KEYS = ("kind", "run", "index", "owner")


class StoredArray(TypedDict):
    """One array of a set: its dtype as NumPy names it ("object" is text), and its shape without the rows."""

    name: str
    dtype: str
    shape: list[int]


class InputSet(Record):
    """A stored set of input rows, which any fitting model predicts in the same order.

    Attributes:
        origin: In `kind` how they came about ("held-out", "random", "plane", "file", "typed", "drawn", "found"), and
            what is needed to make them again; of test examples, `run` and `index` are the run and the rows of its
            reference.
        words: The origin in words, as pages show it.
        notes: What was changed or is odd, in sentences.
        columns: The inputs; number n is the file `input-n.npy`.
        targets: The true values, where they are known; number n is the file `target-n.npy`.
    """

    id: str
    origin: dict[str, Any]
    words: str
    notes: list[str] = Field(default_factory=list)
    columns: list[StoredArray]
    targets: list[StoredArray] = Field(default_factory=list)
    rows: int
    files: list[FileEntry] = Field(default_factory=list)

    @property
    def owner(self) -> str | None:
        """The id of the person who alone sees it; None where nobody had signed in."""
        return self.origin.get("owner")

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for entry in self.files)

    @property
    def kind(self) -> str:
        return str(self.origin["kind"])

    @property
    def specs(self) -> list[InputSpec]:
        """The inputs as a model would describe them."""
        return [
            {"name": column["name"], "dtype": column["dtype"], "shape": [None, *column["shape"]]}
            for column in self.columns
        ]

    def members(self) -> dict[str, str]:
        """Return for each array its name with its role ("input:pixels"), and the file that holds it."""
        return {
            f"{role}:{array['name']}": f"{role}-{at}.npy"
            for role, arrays in (("input", self.columns), ("target", self.targets))
            for at, array in enumerate(arrays)
        }


class WrittenArrays(NamedTuple):
    """What was written, by role, with the number of rows."""

    columns: list[StoredArray]
    targets: list[StoredArray]
    rows: int


def input_set_id(written: WrittenArrays, entries: list[FileEntry], origin: dict[str, Any]) -> str:
    """Return "i" and ten digits of a SHA-256 over names, arrays (dtype, shape, bytes) and origin."""
    identity = {key: origin[key] for key in IDENTITY_KEYS if key in origin}
    hashes = {entry.path: entry.sha256 for entry in entries}
    text = json.dumps([written.columns, written.targets, hashes, identity], sort_keys=True)
    return "i" + hashlib.sha256(text.encode()).hexdigest()[:10]


def write_chunks(folder: Path, chunks: Iterable[Arrays], max_bytes: int) -> WrittenArrays:
    """Write arrays by name with role ("input:x", "target:y") as `input-0.npy`, `target-0.npy`, in little memory.

    Raises InputError when they are more than `max_bytes` or have no rows, StorageFailed when the disk refuses.
    """
    writers: dict[str, RowWriter] = {}
    try:
        for chunk in chunks:
            writers = writers or _create_writers(folder, chunk)
            require_size(sum(writers[name].bytes_after(array) for name, array in chunk.items()), max_bytes)
            with storage.translate_disk_errors():
                for name, array in chunk.items():
                    writers[name].append(array)
    finally:
        with storage.translate_disk_errors():
            for writer in writers.values():
                writer.close()
    rows = next(iter(writers.values())).rows if writers else 0
    if not rows:
        raise no_rows_error()
    return WrittenArrays(_describe_arrays(writers, "input:"), _describe_arrays(writers, "target:"), rows)


def _create_writers(folder: Path, chunk: Arrays) -> dict[str, RowWriter]:
    writers: dict[str, RowWriter] = {}
    counts = {"input": 0, "target": 0}
    for name in chunk:
        role, _, bare = name.partition(":")
        if not bare.isprintable() or len(bare) > MAX_NAME_LENGTH:
            raise InputError("An array has a name that cannot be shown.", received=ascii(bare)[:80], cure="Rename it.")
        writers[name] = RowWriter(folder / f"{role}-{counts[role]}.npy")
        counts[role] += 1
    return writers


def _describe_arrays(writers: dict[str, RowWriter], role: str) -> list[StoredArray]:
    return [
        {
            "name": name.removeprefix(role),
            "dtype": "object" if writer.dtype.kind == "U" else writer.dtype.name,
            "shape": list(writer.shape),
        }
        for name, writer in writers.items()
        if name.startswith(role)
    ]
