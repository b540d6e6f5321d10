"""Write the arrays of an input set, chunk by chunk."""

from collections.abc import Iterable
from pathlib import Path

from core.arrays import Arrays
from core.errors import InputError
from core.inputs.input_set import MAX_NAME_LENGTH, StoredArray, WrittenArrays
from core.inputs.npy import RowWriter
from core.inputs.source import no_rows_error, require_size
from core.library import storage


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
