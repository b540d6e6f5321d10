"""Quantiles of a stream that is too long to hold are NumPy's to the last bit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.compare import quantiles as quantiles_module
from core.compare.quantiles import Quantiles, complete_quantiles


def compute_quantiles(values: np.ndarray, *wanted: float, chunk: int = 100) -> tuple[list[float | None], int]:
    """The wanted quantiles, and how many passes they took."""
    passes = 0

    def again():
        nonlocal passes
        passes += 1
        for start in range(0, len(values), chunk):
            yield (values[start : start + chunk],)

    quantiles = Quantiles(*wanted)
    for (part,) in again():
        quantiles.add(part)
    complete_quantiles((quantiles,), again)
    return [quantiles.quantile(q) for q in wanted], passes


@pytest.fixture
def _max_stored_values(request, monkeypatch):
    """How many values may be held."""
    monkeypatch.setattr(quantiles_module, "MAX_BUFFERED_VALUES", request.param)


def positive_arrays(dtype: str) -> st.SearchStrategy[np.ndarray]:
    width = np.dtype(dtype).itemsize * 8
    some = st.sampled_from([0.0, 1.0, 1.5, float(np.finfo(dtype).smallest_subnormal), float(np.finfo(dtype).max)])
    elements = st.one_of(some, st.floats(0, 1, width=width), st.floats(1, 1.125, width=width))
    return hnp.arrays(dtype, st.integers(1, 60), elements=elements)


@pytest.mark.parametrize("_max_stored_values", [0, 3, 2**20], indirect=True)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.usefixtures("_max_stored_values")
def test_quantiles_equal_numpy_for_any_memory_limit(dtype):
    # One test function for all: hypothesis must not see a fixture that changes between its examples.
    @given(positive_arrays(dtype), st.lists(st.floats(0, 1), min_size=1, max_size=3), st.integers(1, 70))
    def check(values, wanted, chunk):
        expected = np.quantile(values.astype("float64"), wanted, method="linear").tolist()
        assert compute_quantiles(values, *wanted, chunk=chunk)[0] == expected

    check()


@pytest.mark.parametrize(
    ("_max_stored_values", "dtype", "most"),
    [(2**20, "float64", 1), (2000, "float32", 2), (0, "float32", 2), (0, "float64", 4)],
    indirect=["_max_stored_values"],
)  # fmt: skip
@pytest.mark.usefixtures("_max_stored_values")
def test_quantiles_need_few_passes_over_the_stream(dtype, most):
    values = np.abs(np.random.default_rng(0).normal(size=50_000)).astype(dtype)
    result, passes = compute_quantiles(values, 0.5, 0.99, chunk=7000)
    assert result == np.quantile(values.astype("float64"), [0.5, 0.99]).tolist()
    assert passes == most


@pytest.mark.parametrize("_max_stored_values", [10], indirect=True)
@pytest.mark.usefixtures("_max_stored_values")
def test_quantiles_of_constant_stream_are_the_constant():
    assert compute_quantiles(np.zeros(5000, "float64"), 0.5, 0.99)[0] == [0.0, 0.0]
    assert compute_quantiles(np.full(5000, math.inf, "float32"), 0.5)[0] == [math.inf]


def test_quantiles_of_empty_stream_are_none():
    assert compute_quantiles(np.zeros(0, "float32"), 0.5) == ([None], 1)
