"""Tasks: describe the files of an artifact and the tensors in them, found by their addresses.

The model is not run; what the files do not state is left out. Replies are validated by the schemas in
`core.introspection`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np

from core.arrays import Arrays, hash_array, to_jsonable, to_plain_array
from core.errors import InputError, UnknownName, WorkerError
from core.readers import open_contents
from core.readers.base import FileContents, StoredTensor, translated_read_errors
from core.tensors.statistics import StatisticsReply, compute_histogram, compute_statistics, preview_tensor
from core.worker.tasks.base import Reply, Report


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


def find_tensor(folder: Path, key: str) -> StoredTensor:
    """Return the tensor at an address. Raises UnknownName, DoesNotLoad."""
    for tensor in list_tensors(folder):
        if tensor.key == key:
            return tensor
    raise UnknownName("There is no such tensor.", received=key, cure="Choose one from the list of its weights.")


def list_tensors(folder: Path) -> list[StoredTensor]:
    contents = open_contents(folder)
    with translated_read_errors(folder):
        return contents.list_tensors()


PARTS = ("signatures", "layers", "config", "operators", "tensors")
MAX_TENSORS = 5_000  # tensors that are described of one artifact
MAX_CHUNK_BYTES = 4 * 2**20  # bytes of a tensor in one reply, at most

_loaded_tensor: list[np.ndarray] = []


def describe_files(report: Report, arrays: Arrays, *, folder: str, part: str) -> Reply:
    """Describe one of `PARTS` of an artifact's files; None where they have no such part. Raises DoesNotLoad."""
    contents = open_contents(Path(folder))
    parts = [name for name in PARTS if getattr(contents, name) is not None]
    with translated_read_errors(Path(folder)):
        description = _describe_part(contents, part, report) if part in parts else None
    return {"kind": contents.kind, "parts": parts, "remarks": contents.remarks, "content": description}, None


def _describe_part(contents: FileContents, part: str, report: Report) -> Any:
    if part != "tensors":
        return to_jsonable(getattr(contents, part)())
    tensors = contents.list_tensors()
    rows = [summarize_tensor(tensor) for tensor in iterate_with_progress(tensors[:MAX_TENSORS], report)]
    return {"of": len(tensors), "rows": rows}


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
