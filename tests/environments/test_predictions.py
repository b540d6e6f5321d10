"""Predictions of an untrusted process: read within their own size, and never other than as a sentence refused."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.environments import predictions
from core.environments.predictions import read_predictions, read_unexpected_predictions
from core.errors import InputError

TWO = np.arange(6, dtype="float32").reshape(2, 3)


def npy_bytes(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=False)
    return stream.getvalue()


def write_archive(folder: Path, content: bytes, name: str = "y.npy", method: int = zipfile.ZIP_STORED) -> Path:
    path = folder / "predictions.npz"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "array",
    [TWO, np.asfortranarray(TWO), TWO.astype(">f8"), np.array(2.5), np.zeros((0, 3), "int8"), np.array([["a", "bcd"]])],
    ids=["plain", "fortran", "big", "scalar", "empty", "text"],
)
def test_arrays_are_read_as_numpy_reads_them(tmp_path: Path, array: np.ndarray):
    path = write_archive(tmp_path, npy_bytes(array))
    for read in (read_unexpected_predictions(path)["y"], read_predictions(path, {"y": array})["y"]):
        assert (read.dtype, read.shape) == (array.dtype, array.shape)
        assert read.flags.writeable
        np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (npy_bytes(TWO) + b"more", "of another size than it says"),
        (npy_bytes(TWO)[:-4], "of another size than it says"),
        (npy_bytes(TWO).replace(b"(2, 3)", b"(9, 3)"), "of another size than it says"),
        (npy_bytes(np.zeros(4, "V2")), "another kind of value"),
        (npy_bytes(np.zeros(17 * (1,))), "another kind of value"),
        (npy_bytes(np.zeros(3, "U1")).replace(b"<U1", b"<U0"), "no predictions that can be read"),
        (npy_bytes(TWO).replace(b"(2, 3)", b"(-2,3)"), "no predictions that can be read"),
        (b"hello", "no predictions that can be read"),
    ],
)
def test_header_that_is_not_of_its_bytes_is_refused(tmp_path: Path, content: bytes, sentence: str):
    with pytest.raises(InputError, match=sentence):
        read_unexpected_predictions(write_archive(tmp_path, content))


@pytest.mark.parametrize("content", [npy_bytes(TWO)[:-4], npy_bytes(TWO).replace(b"<f4", b"<f0")])
def test_predictions_that_were_expected_are_held_against_their_bytes(tmp_path: Path, content: bytes):
    with pytest.raises(InputError, match="no predictions that can be read"):
        read_predictions(write_archive(tmp_path, content), {"y": TWO})


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_damaged_member_is_one_sentence(tmp_path: Path, method: int):
    path = write_archive(tmp_path, npy_bytes(np.arange(400.0)), method=method)
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(30)
    path.write_bytes(content)
    for read in (read_unexpected_predictions, lambda path: read_predictions(path, {"y": np.arange(400.0)})):
        with pytest.raises(InputError, match="no predictions that can be read"):
            read(path)


@pytest.mark.parametrize("kind", [MemoryError, RuntimeError, NotImplementedError, OverflowError])
def test_what_libraries_raise_over_a_member_is_one_sentence(tmp_path: Path, kind: type, monkeypatch):
    def refuse(*_: object) -> None:
        raise kind("no")

    path = write_archive(tmp_path, npy_bytes(TWO))
    monkeypatch.setattr(predictions.npy, "read_magic", refuse)
    for read in (read_unexpected_predictions, lambda path: read_predictions(path, {"y": TWO})):
        with pytest.raises(InputError, match="no predictions that can be read"):
            read(path)
