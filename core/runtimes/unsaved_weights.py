"""Which weights of a model are not in the files that were written of it, or that it was loaded from.

Keras and TensorFlow walk the parts of a model to save and to load it, and pass in silence over those that they do not
find: layers in a list of lists, say. So what is in the files is counted against `model.weights`.
"""

import contextlib
import io
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from core.runtimes.base import Model
from core.runtimes.variables import weight_variables

# Adapters are merged into the kernel that they adapt, whose array is in the file.
MERGED_PATTERN = re.compile(r"lora_\w+_[ab]$")
OPTIMIZER_GROUP = "optimizer"
LOCAL_HEADER_BYTES, NAME_LENGTH_AT = 30, 26  # of the header before a zip member, whose end tells the lengths behind it


def find_untracked_weights(model: Model, folder: Path) -> list[str]:
    """The weights that a checkpoint does not reach through the object graph, by name; `folder` does not matter."""
    import tensorflow as tf

    reached = {id(part) for part in tf.train.TrackableView(model).descendants()}
    return [_name(each) for each in weight_variables(model) if id(each) not in reached]


def find_weights_missing_from_hdf5(model: Model, files: Iterable[Path | io.IOBase], group: str = "/") -> list[str]:
    """The weights for which the group of that name in some HDF5 files has no array left over, by name.

    Arrays go by their shapes: only where too few have the same are values read. What a class of a person's own leaves
    out in its `save_own_variables` is left out on purpose.
    """
    import h5py

    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(h5py.File(file, "r")) for file in files]
        arrays = [array for file in opened if group in file for array in _walk_arrays(file[group], h5py.Dataset)]
        return _name_missing(_expected_weights(model), arrays)


@contextlib.contextmanager
def open_zip_member(path: Path, name: str) -> Iterator[io.IOBase]:
    """A member of a zip as a seekable file: in place where it is stored as it is, else in memory."""
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        info = archive.getinfo(name)
        if info.compress_type != zipfile.ZIP_STORED:
            yield io.BytesIO(archive.read(name))
            return
        file.seek(info.header_offset + NAME_LENGTH_AT)
        lengths = np.frombuffer(file.read(4), "<u2")
        yield _FilePart(file, info.header_offset + LOCAL_HEADER_BYTES + int(lengths.sum()), info.file_size)


class _FilePart(io.RawIOBase):
    """So many bytes of a file, from an offset on."""

    def __init__(self, file: io.BufferedReader, offset: int, size: int):
        self._file, self._offset, self._size, self._at = file, offset, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + position)
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._offset + self._at)
        count = self._file.readinto(memoryview(buffer)[: max(0, self._size - self._at)])
        self._at += count
        return count


def _walk_arrays(group: Any, array_type: type) -> Iterator[Any]:
    for name, item in group.items():
        if isinstance(item, array_type):
            yield item
        elif not (name == OPTIMIZER_GROUP and group.name == "/"):
            yield from _walk_arrays(item, array_type)


def _expected_weights(model: Model) -> list[Any]:
    """The weights that ought to be in a file."""
    on_purpose = {id(each) for layer in model._flatten_layers() if _has_own_saving(layer) for each in layer.weights}
    weights = [each for each in model.weights if id(each) not in on_purpose]
    return [each for each in weights if not MERGED_PATTERN.search(_name(each))]


def _has_own_saving(layer: Any) -> bool:
    """Whether a class that is none of Keras' says which of its variables are saved."""
    return str(type(layer).save_own_variables.__module__).partition(".")[0] != "keras"


def _name_missing(weights: list[Any], arrays: list[Any]) -> list[str]:
    by_shape: dict[tuple[int, ...], list[Any]] = defaultdict(list)
    for array in arrays:
        by_shape[tuple(array.shape)].append(array)
    counts = Counter(tuple(each.shape) for each in weights)
    short = {shape for shape, count in counts.items() if count > len(by_shape[shape])}
    values = Counter((shape, np.asarray(array).tobytes()) for shape in short for array in by_shape[shape])
    missing = []
    for each in weights:
        if (shape := tuple(each.shape)) in short:
            key = shape, np.asarray(each).tobytes()
            values[key] -= 1
            if values[key] < 0:
                missing.append(_name(each))
    return missing


def _name(variable: Any) -> str:
    return str(getattr(variable, "path", variable.name))
