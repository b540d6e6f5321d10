"""Tasks: describe the files of an artifact, or one tensor of them.

The model is not run; what the files do not state is left out. Replies are validated by the schemas in
`core.introspection`.
"""

from pathlib import Path
from typing import Any

import numpy as np

from core.arrays import Arrays, to_plain_array
from core.errors import InputError, WorkerError
from core.readers import open_contents
from core.readers.base import FileContents, translated_read_errors
from core.tensors.statistics import compute_histogram, compute_statistics, preview_tensor
from core.worker.tasks.base import Reply, Report
from core.worker.tasks.stored_tensors import find_tensor, iterate_with_progress, summarize_tensor

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


def to_jsonable(value: Any) -> Any:
    """Return a value as JSON: text for bytes, for numbers that are not finite, and for other types."""
    if isinstance(value, dict):
        return {str(name): to_jsonable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_jsonable(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)
