"""How close values are: relative differences, units in the last place, cosine, signal to noise, KL divergence."""

import math

import numpy as np

from core.compare.arithmetic import dot_product, to_ordered_integers
from core.compare.chunks import Block
from core.compare.output_differences import has_probabilities
from core.compare.quantiles import Quantiles

# Predictions are taken for probabilities up to here, and made to add up to 1: those of 8 bits add up to 0.99 or 1.02.
COARSE_SUM_TOLERANCE = 0.05
_FLOAT_DTYPES_BY_SIZE = {2: "float16", 4: "float32", 8: "float64"}


def relative_differences(block: Block) -> np.ndarray:
    """|a - b| / max(|a|, |b|) of every pair: 0 where both are 0, and never above 2.

    Being measured against the larger of the two, it does not explode near zero as |a - b| / |a| does; a zero against
    anything else is 1.
    """
    larger = np.maximum(np.abs(block.left), np.abs(block.right))
    # No number but 0 is below the smallest one, so this only turns 0 / 0 into 0.
    return np.asarray(block.abs_diff / np.maximum(larger, np.finfo(larger.dtype).smallest_subnormal))


class RelativeError:
    """Relative differences, and the smallest relative tolerance that passes."""

    def __init__(self) -> None:
        self.median = Quantiles(0.5)
        self._max_rel = self._sum = self._rtol_needed = 0.0
        self._count = 0
        self._has_mismatch = False

    def add(self, block: Block) -> None:
        relative = relative_differences(block)
        self.median.add(block.flatten_finite(relative))
        largest = float(relative.max(initial=0))
        self._max_rel = max(self._max_rel, largest)
        self._sum += float(relative.sum(dtype="float64"))
        self._count += block.finite_count
        self._has_mismatch |= block.mismatch is not None and bool(block.mismatch.any())
        # With a bound on this, no pair's |a - b| / |a| is above it / (1 - it): most blocks need no closer look.
        if largest >= 1 or largest / (1 - largest) * (1 + 1e-6) >= self._rtol_needed:
            self._rtol_needed = max(self._rtol_needed, _smallest_rtol(block))

    def result(self) -> dict[str, float | None]:
        return {
            "max_rel": self._max_rel if self._count else None,
            "mean_rel": self._sum / self._count if self._count else None,
            "median_rel": self.median.quantile(0.5),
            "rtol_needed": math.inf if self._has_mismatch else self._rtol_needed,
        }


def _smallest_rtol(block: Block) -> float:
    """The smallest float64 r with |a - b| <= r · |a| for all pairs; one step up, so that rounding cannot fail it."""
    left, diff = block.as_float64[0], block.abs_diff_float64
    largest = float(np.divide(diff, np.abs(left), where=diff > 0, out=np.zeros_like(diff)).max(initial=0))
    return math.nextafter(largest, math.inf) if largest else 0.0


class UlpError:
    """Differences in units in the last place: how many numbers of the coarser of the two dtypes lie between.

    Floats are counted through in their order (both zeros are one), so this is exact for denormals and across zero.
    Integers: the plain difference. Source: Goldberg, "What every computer scientist should know about floating-point
    arithmetic" (1991).
    """

    def __init__(self) -> None:
        self._max_ulp = 0
        self._sum = 0.0
        self._count = 0

    def add(self, block: Block) -> None:
        steps = ulp_differences(block)
        self._max_ulp = max(self._max_ulp, int(steps.max(initial=0)))
        self._sum += float(steps.sum(dtype="float64"))
        self._count += block.finite_count

    def result(self) -> dict[str, float | None]:
        known = self._count > 0
        return {"max_ulp": self._max_ulp if known else None, "mean_ulp": self._sum / self._count if known else None}


def ulp_differences(block: Block) -> np.ndarray:
    """The units in the last place between every finite pair, 0 elsewhere; unsigned, or float64 for integers."""
    floats = [side.dtype for side in block.raw if side.dtype.kind not in "biu"]
    if not floats:
        return block.abs_diff
    # bfloat16 and its like count as float32.
    coarse = _FLOAT_DTYPES_BY_SIZE[min(min(max(dtype.itemsize, 4 if dtype.kind != "f" else 2), 8) for dtype in floats)]
    left, right = (to_ordered_integers(side.astype(coarse, copy=False)) for side in (block.left, block.right))
    return np.asarray((np.maximum(left, right) - np.minimum(left, right)).view(f"u{left.itemsize}"))


class CosineAndSnr:
    """Cosine similarity of all values, and the ratio of the reference's power to that of the difference in dB."""

    def __init__(self) -> None:
        self._sums = np.zeros(4)

    def add(self, block: Block) -> None:
        left, right, diff = (side.ravel(order="K") for side in block.as_float64)
        self._sums += [dot_product(*pair) for pair in ((left, left), (right, right), (left, right), (diff, diff))]

    def result(self) -> dict[str, float | None]:
        """`cosine` is None where a side is 0 everywhere, or where float64 cannot hold the squares."""
        left, right, product, noise = self._sums.tolist()
        norms = math.sqrt(left) * math.sqrt(right)
        known = norms > 0 and math.isfinite(norms) and math.isfinite(product)
        return {"cosine": max(-1.0, min(1.0, product / norms)) if known else None, "snr_db": _snr_db(left, noise)}


def _snr_db(signal: float, noise: float) -> float | None:
    if noise == 0:
        return math.inf
    if not math.isfinite(signal) or not math.isfinite(noise):
        return None
    return 10 * math.log10(signal / noise) if signal / noise > 0 else -math.inf


class KlDivergence:
    """The mean over rows of KL(reference || prediction) in nats; None unless both are probabilities in every row.

    Rows are first made to add up to 1, so it is never below 0. A 0 of the reference adds nothing; a 0 of the prediction
    where the reference has none makes it infinite.
    """

    def __init__(self) -> None:
        self._sum: float | None = 0.0
        self._rows = 0

    def add(self, block: Block) -> None:
        if self._sum is None or not _has_two_distributions(block):
            self._sum = None
            return
        left, right, _ = block.as_float64
        terms = np.log(left / right) * left
        if not left.min() > 0:
            terms[left == 0] = 0
        left_sums, right_sums = block.row_sums
        rows = terms.sum(axis=1) / left_sums - np.log(left_sums / right_sums)
        self._sum += float(np.maximum(rows, 0).sum())
        self._rows += block.rows

    def result(self) -> dict[str, float | None]:
        return {"kl": None if self._sum is None else self._sum / self._rows}


def _has_two_distributions(block: Block) -> bool:
    shape = block.raw[0].shape
    has_classes = len(shape) == 2 and shape[1] > 1
    return has_classes and has_probabilities(block) and has_probabilities(block, side=1, tolerance=COARSE_SUM_TOLERANCE)
