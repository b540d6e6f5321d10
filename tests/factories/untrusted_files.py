"""Invalid uploads: each is made on the spot by a function, so that no such file lies in the repository.

They break our rules and are harmless to outside software: what loads such files loads them, or raises a plain error. A
limit is met by a small valid file after the limit was lowered, a list by a valid file after a name was taken off it
(see `InvalidUpload.lowered`).

`INVALID_UPLOADS` is the register that the modules of makers fill; `tests/factories/invalid_files.py` gives it full.
"""

import contextlib
import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from core.settings import Settings
from core.validation import keras_allowlist as lists
from core.validation import limits

Upload = tuple[Path, str]  # the file or folder, and what its owner calls it


class InvalidUpload(NamedTuple):
    """One invalid upload: `make` writes it into an empty folder; `rule` is the one that it breaks when the limits are
    as low as `limits` and the names `without` are off the lists of classes and functions."""

    id: str
    kind: str
    make: Callable[[Path], Upload]
    rule: str
    limits: Mapping[str, int]
    without: frozenset[str]

    @contextlib.contextmanager
    def lowered(self, config: Settings) -> Iterator[Settings]:
        """Apply those limits and lists in this process; yields the settings with theirs."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.limits.items():
                if name.isupper():
                    patch.setattr(limits, name, value)
            patch.setattr(lists, "CLASSES_WITHOUT_MODULE", lists.CLASSES_WITHOUT_MODULE - self.without)
            for name in ("ALLOWED_CLASSES", "ALLOWED_FUNCTIONS"):
                short = {module: names - self.without for module, names in getattr(lists, name).items()}
                patch.setattr(lists, name, short)
            yield config.model_copy(update={name: value for name, value in self.limits.items() if name.islower()})


INVALID_UPLOADS: list[InvalidUpload] = []


def register_invalid(
    id: str, kind: str, rule: str, make: Callable[[Path], Upload], without: Iterable[str] = (), **limits: int
) -> None:
    """Register an invalid upload; `limits` are those of `core.validation.limits`, or in small letters settings."""
    assert id not in {invalid.id for invalid in INVALID_UPLOADS}, id
    INVALID_UPLOADS.append(InvalidUpload(id, kind, make, rule, limits, frozenset(without)))


def single_file_upload(content: bytes, name: str) -> Callable[[Path], Upload]:
    """A maker of one file, which lies under a plain name and is called `name`."""

    def make(folder: Path) -> Upload:
        (folder / "upload").write_bytes(content)
        return folder / "upload", name

    return make


def make_zip(members: dict[str, bytes] | Iterable[tuple[str | zipfile.ZipInfo, bytes]], method: int = 0) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items() if isinstance(members, dict) else members:
            archive.writestr(name, content)
    return out.getvalue()


# A Keras model that is as small as one can be.

DENSE = {
    "module": "keras.layers",
    "class_name": "Dense",
    "config": {"name": "dense", "units": 2, "activation": "relu"},
    "registered_name": None,
    "build_config": {"input_shape": [None, 3]},
}
INPUT_LAYER = {
    "module": "keras.layers",
    "class_name": "InputLayer",
    "config": {"batch_shape": [None, 3], "dtype": "float32", "name": "pixels"},
    "registered_name": None,
}


def sequential_config(*layers: Any, **more: Any) -> dict[str, Any]:
    """The config of a model with these layers behind its input."""
    inner = {"name": "small", "trainable": True, "dtype": "float32", "layers": [INPUT_LAYER, *layers]}
    return {"module": "keras", "class_name": "Sequential", "config": inner, "registered_name": None} | more


def dense_config(**settings: Any) -> dict[str, Any]:
    return DENSE | {"config": DENSE["config"] | settings}


def layer_config(module: str | None, kind: str, registered: str | None = None, **settings: Any) -> dict[str, Any]:
    return {"module": module, "class_name": kind, "config": {"name": "one", **settings}, "registered_name": registered}


def to_json_bytes(config: Any) -> bytes:
    return json.dumps(config).encode()


METADATA = b'{"keras_version": "3.15.1", "date_saved": "2026-01-01@00:00:00"}'


def make_hdf5(fill: Callable[[Any], None]) -> bytes:
    """The bytes of an HDF5 file that `fill` fills."""
    import h5py

    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        fill(file)
    return out.getvalue()


def write_dense_weights(file: Any) -> None:
    """The weights of one Dense layer, as Keras 3 lays them out."""
    values = file.create_group("layers/dense/vars")
    values.create_dataset("0", data=[[1.0, 2.0]] * 3, dtype="float32")
    values.create_dataset("1", data=[0.0, 0.5], dtype="float32")


def make_keras_members(config: bytes | None = None, weights: bytes | None = None, **more: bytes) -> dict[str, bytes]:
    """The members of a .keras file; further ones by name, with "__" for "/"."""
    return {
        "metadata.json": METADATA,
        "config.json": to_json_bytes(sequential_config(DENSE)) if config is None else config,
        "model.weights.h5": make_hdf5(write_dense_weights) if weights is None else weights,
    } | {name.replace("__", "/"): content for name, content in more.items()}


def make_keras_file(config: Any = None, weights: bytes | None = None, **more: bytes) -> bytes:
    raw = config if config is None or isinstance(config, bytes) else to_json_bytes(config)
    return make_zip(make_keras_members(raw, weights, **more))


def overwrite(content: bytes, old: bytes, new: bytes, at: int = 0) -> bytes:
    """The content with the `at`-th occurrence of `old` overwritten; what is not there is a fault of the test."""
    where = -1
    for _ in range(at + 1):
        where = content.index(old, where + 1)
    return content[:where] + new + content[where + len(new) :]


# Protocol buffers by hand: a graph of TensorFlow is made without TensorFlow.


def encode_varint(value: int) -> bytes:
    out = bytearray()
    value &= 2**64 - 1
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def encode_field(number: int, value: bytes | str | int) -> bytes:
    """One field of a message: a number, or bytes and text with their length."""
    if isinstance(value, int):
        return encode_varint(number << 3) + encode_varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return encode_varint(number << 3 | 2) + encode_varint(len(raw)) + raw


def encode_map_entry(number: int, key: str, value: bytes) -> bytes:
    """One entry of a map."""
    return encode_field(number, encode_field(1, key) + encode_field(2, value))


def encode_uint32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)
