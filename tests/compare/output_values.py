"""Pairs of predictions, and the metrics of one output."""

import numpy as np

from core.compare import OutputMetrics, compare

NAN, INF = np.nan, np.inf


# What float32 differences and sums of them may lose.
CLOSE = {"rel": 1e-6, "abs": 0}


def output_metrics(reference: np.ndarray, answer: np.ndarray, classes: bool | None = None) -> OutputMetrics:
    return compare({"y": reference}, {"y": answer}, classes).outputs[0]


def finite_pairs(*pair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    left, right = (side.astype("longdouble").ravel() for side in pair)
    finite = np.isfinite(left) & np.isfinite(right)
    return left[finite], right[finite]


def make_noisy_pair(
    rows: int, *shape: int, dtype: str = "float32", noise: float = 1e-3
) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(rows)
    clean = random.normal(size=(rows, *shape))
    return clean.astype(dtype), (clean + noise * random.normal(size=clean.shape)).astype(dtype)
