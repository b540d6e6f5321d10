"""Arithmetic that comparisons share: a dot product in this thread, floats as ordered integers, standard deviations."""

import numpy as np

from core.arrays import Arrays, is_text
from core.compare.chunks import Block


def dot_product(left: np.ndarray, right: np.ndarray) -> float:
    """The sum of products of two rows of numbers, in this thread.

    NumPy's own goes to a BLAS library, whose threads wait for one another: on a busy machine a block took 80 ms.
    """
    return float(np.einsum("i,i->", left, right))


def to_ordered_integers(floats: np.ndarray) -> np.ndarray:
    """Floats as signed integers in the same order, one apart where they are neighbours; both zeros are 0."""
    bits = floats.view(f"i{floats.itemsize}")
    if bits.min(initial=0) >= 0:
        return bits
    sign = bits >> (floats.itemsize * 8 - 1)
    return np.asarray(((bits & np.iinfo(bits.dtype).max) ^ sign) - sign)


class RunningStd:
    """The standard deviation of the finite values of the reference, merged block by block.

    Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
    """

    def __init__(self) -> None:
        self._count, self._mean, self._squares = 0, 0.0, 0.0

    def add(self, block: Block) -> None:
        values = block.as_float64[0].ravel(order="K")
        if block.finite is not None:
            values = block.matrices[0][np.isfinite(block.matrices[0])].astype("float64")
        if not values.size:
            return
        mean = float(values.mean())
        deviations = values - mean
        count, step = self._count + values.size, mean - self._mean
        self._squares += dot_product(deviations, deviations) + step * step * self._count * values.size / count
        self._mean += step * values.size / count
        self._count = count

    @property
    def std(self) -> float:
        return float((self._squares / self._count) ** 0.5) if self._count else 0.0


def finite_std(predictions: np.ndarray) -> float:
    """The standard deviation of the finite values; 0 where there are none."""
    values = predictions.view(predictions.real.dtype) if predictions.dtype.kind == "c" else predictions
    values = values.astype("float64")
    finite = values[np.isfinite(values)]
    with np.errstate(over="ignore", invalid="ignore"):
        return float(finite.std()) if finite.size else 0.0


def std_by_output(predictions: Arrays) -> dict[str, float]:
    """The deviation of each output, texts left out: known predictions tell it where only a few rows are compared."""
    return {name: finite_std(array) for name, array in predictions.items() if not is_text(array)}
