"""The tensors of a run, read in place."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from core.arrays import fingerprint_arrays
from core.errors import Damaged
from core.library.records import Run
from core.size_breakdown.byte_ranges import map_file, member_start
from core.worker.snapshots import VARIABLES_FILE


class RunTensor(NamedTuple):
    """One variable of a run; `group` is "weights" or "optimizer state"."""

    group: str
    name: str
    values: np.ndarray


def load_run_tensors(snapshot: Path, run: Run) -> list[RunTensor]:
    """Load the variables of a demo's run by their recorded names; random state is left out.

    Raises Damaged when the snapshot does not hold them.
    """
    try:
        values = _read_npz_arrays(snapshot / VARIABLES_FILE)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        cure = "Train the demo again."
        raise Damaged("The values of this run cannot be read.", cure=cure, detail=str(error)) from error
    recorded = [("weights", tensor) for tensor in run.weights] + [
        ("optimizer state", tensor) for tensor in run.optimizer
    ]
    if [list(value.shape) for value in values] == [tensor["shape"] for _, tensor in recorded]:
        pairs = zip(recorded, values, strict=True)
        return [RunTensor(group, tensor["name"], value) for (group, tensor), value in pairs]
    return _match_by_hash(recorded, values)


def _match_by_hash(recorded: Sequence[tuple[str, Mapping[str, Any]]], values: list[np.ndarray]) -> list[RunTensor]:
    """Where random state is among the values, their order does not tell which is which."""
    by_key: dict[tuple[Any, ...], list[np.ndarray]] = {}
    for value in values:
        by_key.setdefault(_tensor_key(fingerprint_arrays([("", value)])[0]), []).append(value)
    return [
        RunTensor(group, tensor["name"], equal.pop(0))
        for group, tensor in recorded
        if (equal := by_key.get(_tensor_key(tensor)))
    ]


def _tensor_key(fingerprint: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(fingerprint["shape"]), fingerprint["sha256"]


def _read_npz_arrays(path: Path) -> list[np.ndarray]:
    """Map the arrays of an uncompressed .npz file, in the order of their numbers."""
    data, arrays = map_file(path), {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for member in archive.infolist():
            start = member_start(data, member)
            file.seek(start)
            read = npy.read_array_header_1_0 if npy.read_magic(file) == (1, 0) else npy.read_array_header_2_0
            shape, is_fortran, dtype = read(file)
            raw = data[file.tell() : start + member.file_size]
            arrays[int(Path(member.filename).stem)] = raw.view(dtype).reshape(shape, order="F" if is_fortran else "C")
    return [arrays[number] for number in sorted(arrays)]
