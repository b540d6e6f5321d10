"""All metrics of 10^6 rows of ten probabilities, beside plain NumPy one-liners for the same metrics."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.measure import Row, Sample, in_turn, seconds
from core.compare import compare

ROWS, CLASSES = 1_000_000, 10
REPEATS = 5


def measure() -> list[Row]:
    """Beside one-liners for the main metrics, beside those for most metrics, and the verdict alone."""
    left, right, targets = two_models()
    own = partial(compare, {"y": left}, {"y": right}, targets={"y": targets})
    brief = partial(compare, {"y": left}, {"y": right}, with_metrics=False)
    jobs: list[Callable[[], Any]] = [own, partial(main_metrics, left, right), partial(more_metrics, left, right), brief]
    jobs.append(partial(verdict, left, right))
    result = in_turn(REPEATS, *(partial(seconds, job) for job in jobs))
    every, few, more, only, bare = result
    # Both scripts were run in each round: together they give what ours gives.
    same = Sample(tuple(a + b for a, b in zip(few.values, more.values, strict=True)))
    size = f"{ROWS:,} × {CLASSES} float32"
    less = "ours gives all the others too"
    return [
        Row(f"all numbers on {size}", every, few, "one-liners for the main ones", at_most=1.5, note=less),
        Row(f"all numbers on {size}", every, same, "one-liners for the same", at_most=1.5),
        Row(f"only the verdict on {size}", only, bare, "np.array_equal, np.allclose, np.argmax and np.std"),
    ]


def two_models() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the probabilities of two models, which differ as with 8-bit weights, and the true classes."""
    random = np.random.default_rng(0)
    scores = 3 * random.normal(size=(ROWS, CLASSES)).astype("float32")
    noisy = scores + np.float32(1e-2) * random.normal(size=scores.shape).astype("float32")
    return softmax(scores), softmax(noisy), random.integers(0, CLASSES, ROWS)


def softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def main_metrics(a: np.ndarray, b: np.ndarray) -> tuple[Any, ...]:
    """Differences, units in the last place, KL, cosine, SNR and agreement, as in a notebook."""
    away = np.abs(a - b)
    relative = away / np.maximum(np.abs(a), np.abs(b))
    steps = np.abs(a.view("int32").astype("int64") - b.view("int32"))
    left, right = a.argmax(axis=1), b.argmax(axis=1)
    return (
        (away.max(), away.mean(), np.median(away), np.percentile(away, 99)),
        (relative.max(), relative.mean(), np.median(relative)),
        (steps.max(), steps.mean()),
        np.dot(a.ravel(), b.ravel()) / (np.linalg.norm(a) * np.linalg.norm(b)),
        10 * np.log10((a**2).sum() / ((a - b) ** 2).sum()),
        (a * np.log(a / b)).sum(axis=1).mean(),
        np.bincount(left * CLASSES + right, minlength=CLASSES**2).reshape(CLASSES, CLASSES),
        (left != right).sum(),
    )


def more_metrics(a: np.ndarray, b: np.ndarray) -> tuple[Any, ...]:
    """Counts, places, tolerances, histograms and the order of the first five."""
    away = np.abs(a - b)
    halves, decades = 10.0 ** np.arange(-20, 10.5, 0.5), np.arange(-20, 11)
    logs = [np.log10(np.maximum(side, 1e-30)).ravel() for side in (a, away)]
    first = [np.argsort(-side, axis=1)[:, :5] for side in (a, b)]
    return (
        [np.isnan(side).sum() for side in (a, b)] + [np.isinf(side).sum() for side in (a, b)],
        np.unravel_index(away.argmax(), away.shape),
        (away / np.abs(a)).max(),
        away.max(axis=1),
        np.array_equal(a, b),
        np.allclose(b, a),
        away.mean(axis=0),
        away.reshape(100, -1, CLASSES).mean(axis=1),
        np.histogram(away, halves),
        np.histogram2d(*logs, bins=(decades, halves.size)),
        (first[0] != first[1]).any(axis=1).sum(),
    )


def verdict(a: np.ndarray, b: np.ndarray) -> tuple[Any, ...]:
    changed = a.argmax(axis=1) != b.argmax(axis=1)
    return np.array_equal(a, b), np.allclose(b, a), changed, np.abs(a - b).max(axis=1), a.std()
