"""Arrays in files: read by name, and once more where Python's parser failed on a header."""

import numpy as np

from core.arrays import StoredArrays


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
