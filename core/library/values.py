"""The values that a run kept, read in place: a snapshot of gigabytes takes no memory."""

import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from core.errors import Damaged
from core.formats.reference import fingerprint
from core.library.records import Run
from core.library.regions import mapped, member_start
from core.library.searching import Tensor
from core.worker.snapshot import VALUES


def tensors(snapshot: Path, run: Run) -> list[Tensor]:
    """The variables of a run that a demo made, with the names that its record gives them; random state is left out.

    Raises Damaged when the snapshot does not hold them.
    """
    try:
        values = _values(snapshot / VALUES)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise Damaged(
            "The values of this run cannot be read.", cure="Train the demo again.", detail=str(error)
        ) from error
    expected = [("weights", one) for one in run.weights] + [("optimizer state", one) for one in run.optimizer]
    if [list(one.shape) for one in values] == [one["shape"] for _, one in expected]:
        return [Tensor(group, one["name"], value) for (group, one), value in zip(expected, values, strict=True)]
    return _paired_by_hash(expected, values)


def _paired_by_hash(expected: list[tuple[str, dict]], values: list[np.ndarray]) -> list[Tensor]:
    """Where there is random state among the values, the order alone does not say which is which."""
    waiting: dict[tuple, list[np.ndarray]] = {}
    for value in values:
        waiting.setdefault(_key(fingerprint([("", value)])[0]), []).append(value)
    return [
        Tensor(group, one["name"], found.pop(0)) for group, one in expected if (found := waiting.get(_key(one), []))
    ]


def _key(one: dict) -> tuple:
    return tuple(one["shape"]), one["sha256"]


def _values(path: Path) -> list[np.ndarray]:
    """The arrays of an .npz file whose members are stored as they are, in the order of their numbers."""
    data = mapped(path)
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        found = {}
        for member in archive.infolist():
            start = member_start(data, member)
            file.seek(start)
            read = npy.read_array_header_1_0 if npy.read_magic(file) == (1, 0) else npy.read_array_header_2_0
            shape, turned, dtype = read(file)
            raw = data[file.tell() : start + member.file_size]
            found[int(Path(member.filename).stem)] = raw.view(dtype).reshape(shape, order="F" if turned else "C")
    return [found[index] for index in sorted(found)]
