"""Kernels rounded to fewer bits, by values."""

import numpy as np
import pytest

from core.tensors.rounding import round_to_bits, stored_bytes

KERNEL = np.array([[1.0, -0.5], [0.26, 0.1], [-0.1, 0.0]], "float32")


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (32, KERNEL),
        (16, KERNEL.astype("float16").astype("float32")),
        (4, [[1.0, -0.5], [2 / 7, 0.5 / 7], [-1 / 7, 0.0]]),
        (2, [[1.0, -0.5], [0.0, 0.0], [0.0, 0.0]]),
    ],
)
def test_round_to_bits_gives_multiples_of_each_columns_step(bits: int, expected):
    rounded = round_to_bits(KERNEL, bits)
    np.testing.assert_allclose(rounded, expected, rtol=1e-6)
    assert rounded.dtype == np.float32


def test_round_to_bits_8_is_off_by_at_most_half_a_step():
    kernel = np.random.default_rng(0).normal(size=(64, 10)).astype("float32")
    steps = np.abs(kernel).max(axis=0) / 127
    assert (np.abs(round_to_bits(kernel, 8) - kernel) <= steps / 2 * 1.001).all()
    assert not np.array_equal(round_to_bits(kernel, 8), kernel)


def test_round_to_bits_leaves_a_column_of_zeros():
    assert (round_to_bits(np.zeros((3, 2), "float32"), 4) == 0).all()


@pytest.mark.parametrize(("bits", "count"), [(32, 32768), (16, 16384), (8, 8704), (4, 4608)])
def test_stored_bytes_counts_numbers_and_steps(bits: int, count: int):
    assert stored_bytes(np.zeros((64, 128), "float32"), bits) == count
