"""The tensors in the files of an artifact: found by their addresses, and described one by one."""

from collections.abc import Iterator
from pathlib import Path
from typing import NotRequired, TypedDict

from core.arrays import hash_array, to_plain_array
from core.errors import UnknownName
from core.readers import open_contents
from core.readers.base import StoredTensor, translated_read_errors
from core.tensors.statistics import StatisticsReply, compute_statistics
from core.worker.tasks.base import Report


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
