"""Chunks of arrays written into a folder, a file for each array, in bounded memory."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import InputError
from core.formats.contract import Arrays
from core.inputs.archives import require_size
from core.inputs.npy import RowWriter
from core.library import files

LONGEST_NAME = 200


class Written(NamedTuple):
    """What was written: name, dtype ("object" is text) and shape without the rows of each array, by role."""

    columns: list[dict[str, Any]]
    targets: list[dict[str, Any]]
    rows: int


def write_chunks(folder: Path, chunks: Iterable[Arrays], most: int) -> Written:
    """Write arrays by name with role ("input:x", "target:y") as `input-0.npy`, `target-0.npy`, at most `most` bytes.

    Raises InputError when they are more, or have no rows; StorageFailed when the disk refuses.
    """
    writers: dict[str, RowWriter] = {}
    try:
        for chunk in chunks:
            if not writers:
                writers = _writers(folder, chunk)
            require_size(sum(writers[name].bytes_with(array) for name, array in chunk.items()), most)
            with files.disk():
                for name, array in chunk.items():
                    writers[name].append(array)
    finally:
        with files.disk():
            for one in writers.values():
                one.close()
    return _said(writers)


def _writers(folder: Path, chunk: Arrays) -> dict[str, RowWriter]:
    writers: dict[str, RowWriter] = {}
    counts = {"input": 0, "target": 0}
    for name in chunk:
        role, _, bare = name.partition(":")
        if not bare.isprintable() or len(bare) > LONGEST_NAME:
            raise InputError("An array has a name that cannot be shown.", received=ascii(bare)[:80], cure="Rename it.")
        writers[name] = RowWriter(folder / f"{role}-{counts[role]}.npy")
        counts[role] += 1
    return writers


def _said(writers: dict[str, RowWriter]) -> Written:
    rows = next(iter(writers.values())).rows if writers else 0
    if not rows:
        raise InputError("There are 0 rows in it.", cure="Give at least one row.")
    facts = {"input": [], "target": []}
    for name, one in writers.items():
        role, _, bare = name.partition(":")
        dtype = "object" if one.dtype.kind == "U" else one.dtype.name
        facts[role].append({"name": bare, "dtype": dtype, "shape": list(one.shape)})
    return Written(facts["input"], facts["target"], rows)
