"""Arrays in files: read by name, and once more where Python's parser failed on a header."""

import hashlib
import json
import tracemalloc

import ml_dtypes
import numpy as np
import pytest

from core.arrays import StoredArrays, describe_rows, hash_array, to_jsonable


def test_stored_arrays_are_read_by_name(tmp_path):
    np.savez(tmp_path / "two.npz", first=np.arange(3), second=np.ones((2, 2), "float32"))
    with StoredArrays(tmp_path / "two.npz") as arrays:
        assert sorted(arrays) == ["first", "second"]
        assert arrays["first"].tolist() == [0, 1, 2]
        assert (len(arrays), arrays["second"].dtype.name) == (2, "float32")


def test_stored_arrays_failed_parser_is_asked_again(tmp_path, monkeypatch):
    np.savez(tmp_path / "one.npz", first=np.arange(3))
    real, failures = np.lib.format.read_array, [SystemError("AST constructor recursion depth mismatch")]

    def read_array(*arguments, **keywords):
        if failures:
            raise failures.pop()
        return real(*arguments, **keywords)

    monkeypatch.setattr(np.lib._npyio_impl.format, "read_array", read_array)
    with StoredArrays(tmp_path / "one.npz") as arrays:
        assert arrays["first"].tolist() == [0, 1, 2]
    assert failures == []


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype="float32").reshape(3, 4).T,
        np.arange(6, dtype="int64")[::2],
        np.float64(1.5),
        np.zeros((0, 3), "float32"),
        np.array([True, False]),
        np.array([1 + 2j]),
        np.array(["a", "bc"]),
        np.array([b"a", b"bc"]),
        np.arange(3).astype(ml_dtypes.bfloat16),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_hash_of_an_array_is_that_of_its_bytes_in_c_order(array):
    assert hash_array(array) == hashlib.sha256(array.tobytes()).hexdigest()


def test_hash_of_a_large_array_takes_no_copy_of_it():
    array = np.ones(2**20, "float64")
    tracemalloc.start()
    try:
        hash_array(array)
        assert tracemalloc.get_traced_memory()[1] < array.nbytes / 8
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((270, 10)), "270 rows of 10 numbers"),
        (np.zeros((1, 1)), "1 row of 1 number"),
        (np.zeros(3), "3 rows of 1 number"),
        (np.zeros((2, 8, 8, 3)), "2 rows of 8 × 8 × 3 numbers"),
        (np.array([["a", "b"]]), "1 row of 2 texts"),
        (np.zeros((0, 1200)), "0 rows of 1,200 numbers"),
    ],
)
def test_describe_rows_says_count_and_size(array, words):
    assert describe_rows(array) == words


def test_jsonable_value_of_any_type_is_json():
    values = {"dtype": np.dtype("float32"), 1: (b"\xff", float("nan")), "kind": np.array([[-np.inf, 2]]), "flag": True}
    expected = {"dtype": "float32", "1": ["\\xff", "nan"], "kind": [["-inf", 2.0]], "flag": True}
    assert json.loads(json.dumps(to_jsonable(values), allow_nan=False)) == expected
