"""Where the differences are: by size, by size of the value, by position, and over rows and positions."""

from functools import cache
from typing import Any

import numpy as np

from core.compare.chunks import Block
from core.compare.quantiles import Quantiles

# Decades from 10^LOW to 10^HIGH; two bins a decade for differences, one for values.
LOW, HIGH = -20, 10
BY_COLUMN = 256  # values in a row up to which each position is counted for itself
HEAT_ROWS, HEAT_COLUMNS = 100, 64


class Sizes:
    """Median and 99th percentile of the differences, their histogram, and differences against values.

    Bins are [edge, next edge). The edges are powers of ten, exact to one part in 10^5.
    """

    def __init__(self) -> None:
        self.quantiles = Quantiles(0.5, 0.99)
        # One more bin below and above the edges each, and a first one for exact zeros.
        self._shape = (HIGH - LOW) + 3, 2 * (HIGH - LOW) + 3
        self._counts = np.zeros(self._shape[0] * self._shape[1], "int64")
        self._not_finite = 0

    def add(self, block: Block) -> None:
        away = block.flat(block.away)
        self.quantiles.add(away)
        bins = _bins(np.abs(block.flat(block.left)), 1) * self._shape[1] + _bins(away, 2)
        self._counts += np.bincount(bins.astype("intp"), minlength=len(self._counts))
        self._not_finite += block.away.size - block.count

    def end(self) -> dict[str, Any]:
        table = self._counts.reshape(self._shape)
        zero, below, *counts, above = table.sum(axis=0).tolist()
        values = _edges(1)
        return {
            "median_abs": self.quantiles.at(0.5),
            "p99_abs": self.quantiles.at(0.99),
            "histogram": {
                "edges": [*_edges(2)],
                "counts": counts,
                "zero": zero,
                "below": below,
                "above": above,
                "not_finite": self._not_finite,
            },
            "by_magnitude": {
                "reference_edges": [0.0, *values, np.inf],
                "difference_edges": [0.0, *_edges(2), np.inf],
                "counts": table[1:, 1:].tolist(),
                "reference_zero": table[0, 1:].tolist(),
                "difference_zero": table[1:, 0].tolist(),
                "both_zero": int(table[0, 0]),
            },
        }


@cache
def _edges(a_decade: int) -> list[float]:
    return [float(f"{10 ** (step / a_decade):.6g}") for step in range(LOW * a_decade, HIGH * a_decade + 1)]


def _bins(sizes: np.ndarray, a_decade: int) -> np.ndarray:
    """0 for zero, 1 below the first edge, then by decade, and the last from the last edge on."""
    # The nudge makes up for the last bits of the logarithm, so that 0.001 is not below 0.001.
    steps = np.floor(np.log10(sizes) * a_decade + (1e-5 - LOW * a_decade + 2))
    return np.where(sizes == 0, 0, np.clip(steps, 1, (HIGH - LOW) * a_decade + 2))


class Heat:
    """The mean difference of each position, and of blocks of rows by groups of positions.

    How many rows there will be is not known: whenever there are more than HEAT_ROWS blocks, each two become one.
    """

    def __init__(self) -> None:
        self._step = 1  # rows in a block
        self._width = 0
        self._starts = np.zeros(0, int)  # the first position of each kept column
        self._sums = self._counts = np.zeros((0, 0))

    def add(self, block: Block) -> None:
        if not block.away.shape[1]:
            return
        if not len(self._sums):
            self._begin(block.away.shape[1])
        edges = np.arange(-block.first % self._step, block.rows, self._step)
        edges = edges if len(edges) and edges[0] == 0 else np.concatenate([[0], edges])
        sums, counts = self._summed(block, edges)
        if block.first % self._step:
            self._sums[-1] += sums[0]
            self._counts[-1] += counts[0]
            sums, counts = sums[1:], counts[1:]
        self._sums, self._counts = np.concatenate([self._sums, sums]), np.concatenate([self._counts, counts])
        while len(self._sums) > HEAT_ROWS:
            self._sums, self._counts = _by_two(self._sums), _by_two(self._counts)
            self._step *= 2

    def _begin(self, width: int) -> None:
        self._width = width
        self._starts = np.arange(width) if width <= BY_COLUMN else _groups(width)
        self._sums = self._counts = np.zeros((0, len(self._starts)))

    def _summed(self, block: Block, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sums = _over(block.exact[2], edges, self._starts)
        if block.finite is not None:
            return sums, _over(block.finite.astype("float64"), edges, self._starts)
        return sums, np.outer(np.diff([*edges, block.rows]), np.diff([*self._starts, self._width]))

    def end(self) -> dict[str, Any]:
        if not len(self._sums):
            return {"by_column": None, "heat": None}
        sums, counts, starts = self._sums, self._counts, self._starts
        by_column = _means(sums.sum(axis=0), counts.sum(axis=0)) if self._width <= BY_COLUMN else None
        if len(starts) > HEAT_COLUMNS:
            starts = _groups(self._width)
            sums, counts = (np.add.reduceat(one, starts, axis=1) for one in (sums, counts))
        rows = [self._step * row for row in range(len(sums))]
        means = [_means(*row) for row in zip(sums, counts, strict=True)]
        return {"by_column": by_column, "heat": {"rows": rows, "columns": starts.tolist(), "mean_abs": means}}


def _groups(width: int) -> np.ndarray:
    return np.arange(HEAT_COLUMNS) * width // HEAT_COLUMNS


def _over(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Sums over the rows from each of `rows` to the next and the columns from each of `columns` to the next."""
    if len(columns) < values.shape[1]:
        values = np.add.reduceat(values, columns, axis=1)
    return np.add.reduceat(values, rows, axis=0)


def _by_two(blocks: np.ndarray) -> np.ndarray:
    return np.add.reduceat(blocks, np.arange(0, len(blocks), 2), axis=0)


def _means(sums: np.ndarray, counts: np.ndarray) -> list[float | None]:
    """None where there was nothing finite."""
    pairs = zip(sums.tolist(), counts.tolist(), strict=True)
    return [total / count if count else None for total, count in pairs]
