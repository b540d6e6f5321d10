"""Histograms of differences: by size, by size of the value, by position, and over rows and positions."""

from functools import cache

import numpy as np

from core.compare.chunks import Block
from core.compare.quantiles import Quantiles
from core.compare.results import DifferenceBins, Heatmap, MagnitudeBins

# Decades from 10^LOW to 10^HIGH; two bins a decade for differences, one for values.
MIN_EXPONENT, MAX_EXPONENT = -20, 10
MAX_COLUMNS = 256  # values in a row up to which each position is counted for itself
HEATMAP_ROWS, HEATMAP_COLUMNS = 100, 64


class DifferenceHistogram:
    """Median and 99th percentile of the differences, their histogram, and differences against values.

    Bins are [edge, next edge). The edges are powers of ten, exact to one part in 10^5.
    """

    def __init__(self) -> None:
        self.quantiles = Quantiles(0.5, 0.99)
        # One more bin below and above the edges each, and a first one for exact zeros.
        self._shape = (MAX_EXPONENT - MIN_EXPONENT) + 3, 2 * (MAX_EXPONENT - MIN_EXPONENT) + 3
        self._counts = np.zeros(self._shape[0] * self._shape[1], "int64")
        self._nonfinite_count = 0

    def add(self, block: Block) -> None:
        diff = block.flatten_finite(block.abs_diff)
        self.quantiles.add(diff)
        bins = _bin_indices(np.abs(block.flatten_finite(block.left)), 1) * self._shape[1] + _bin_indices(diff, 2)
        self._counts += np.bincount(bins.astype("intp"), minlength=len(self._counts))
        self._nonfinite_count += block.abs_diff.size - block.finite_count

    def result(self) -> dict[str, float | DifferenceBins | MagnitudeBins | None]:
        table = self._counts.reshape(self._shape)
        zero, below, *counts, above = table.sum(axis=0).tolist()
        edges, nonfinite = [*_decade_edges(2)], self._nonfinite_count
        return {
            "median_abs": self.quantiles.quantile(0.5),
            "p99_abs": self.quantiles.quantile(0.99),
            "histogram": DifferenceBins(
                edges=edges, counts=counts, zero=zero, below=below, above=above, not_finite=nonfinite
            ),
            "by_magnitude": MagnitudeBins(
                reference_edges=[0.0, *_decade_edges(1), np.inf],
                difference_edges=[0.0, *edges, np.inf],
                counts=table[1:, 1:].tolist(),
                reference_zero=table[0, 1:].tolist(),
                difference_zero=table[1:, 0].tolist(),
                both_zero=int(table[0, 0]),
            ),
        }


@cache
def _decade_edges(bins_per_decade: int) -> list[float]:
    return [
        float(f"{10 ** (step / bins_per_decade):.6g}")
        for step in range(MIN_EXPONENT * bins_per_decade, MAX_EXPONENT * bins_per_decade + 1)
    ]


def _bin_indices(values: np.ndarray, bins_per_decade: int) -> np.ndarray:
    """0 for zero, 1 below the first edge, then by decade, and the last from the last edge on."""
    # The nudge makes up for the last bits of the logarithm, so that 0.001 is not below 0.001.
    steps = np.floor(np.log10(values) * bins_per_decade + (1e-5 - MIN_EXPONENT * bins_per_decade + 2))
    return np.where(values == 0, 0, np.clip(steps, 1, (MAX_EXPONENT - MIN_EXPONENT) * bins_per_decade + 2))


class PositionHeatmap:
    """The mean difference of each position, and of blocks of rows by groups of positions.

    How many rows there will be is not known: whenever there are more than HEATMAP_ROWS blocks, each two become one.
    """

    def __init__(self) -> None:
        self._rows_per_block = 1
        self._width = 0
        self._column_starts = np.zeros(0, int)  # the first position of each column
        self._sums = self._counts = np.zeros((0, 0))

    def add(self, block: Block) -> None:
        if not block.abs_diff.shape[1]:
            return
        if not len(self._sums):
            self._set_width(block.abs_diff.shape[1])
        edges = np.arange(-block.first_row % self._rows_per_block, block.rows, self._rows_per_block)
        edges = edges if len(edges) and edges[0] == 0 else np.concatenate([[0], edges])
        sums, counts = self._sum_by_position(block, edges)
        if block.first_row % self._rows_per_block:
            self._sums[-1] += sums[0]
            self._counts[-1] += counts[0]
            sums, counts = sums[1:], counts[1:]
        self._sums, self._counts = np.concatenate([self._sums, sums]), np.concatenate([self._counts, counts])
        while len(self._sums) > HEATMAP_ROWS:
            self._sums, self._counts = _merge_adjacent(self._sums), _merge_adjacent(self._counts)
            self._rows_per_block *= 2

    def _set_width(self, width: int) -> None:
        self._width = width
        self._column_starts = np.arange(width) if width <= MAX_COLUMNS else _column_group_starts(width)
        self._sums = self._counts = np.zeros((0, len(self._column_starts)))

    def _sum_by_position(self, block: Block, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sums = _sum_blocks(block.as_float64[2], edges, self._column_starts)
        if block.finite is not None:
            return sums, _sum_blocks(block.finite.astype("float64"), edges, self._column_starts)
        return sums, np.outer(np.diff([*edges, block.rows]), np.diff([*self._column_starts, self._width]))

    def result(self) -> dict[str, list[float | None] | Heatmap | None]:
        if not len(self._sums):
            return {"by_column": None, "heat": None}
        sums, counts, starts = self._sums, self._counts, self._column_starts
        by_column = _finite_means(sums.sum(axis=0), counts.sum(axis=0)) if self._width <= MAX_COLUMNS else None
        if len(starts) > HEATMAP_COLUMNS:
            starts = _column_group_starts(self._width)
            sums, counts = (np.add.reduceat(table, starts, axis=1) for table in (sums, counts))
        rows = [self._rows_per_block * row for row in range(len(sums))]
        means = [_finite_means(*row) for row in zip(sums, counts, strict=True)]
        return {"by_column": by_column, "heat": Heatmap(rows=rows, columns=starts.tolist(), mean_abs=means)}


def _column_group_starts(width: int) -> np.ndarray:
    return np.arange(HEATMAP_COLUMNS) * width // HEATMAP_COLUMNS


def _sum_blocks(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Sums over the rows from each of `rows` to the next and the columns from each of `columns` to the next."""
    if len(columns) < values.shape[1]:
        values = np.add.reduceat(values, columns, axis=1)
    return np.add.reduceat(values, rows, axis=0)


def _merge_adjacent(blocks: np.ndarray) -> np.ndarray:
    return np.add.reduceat(blocks, np.arange(0, len(blocks), 2), axis=0)


def _finite_means(sums: np.ndarray, counts: np.ndarray) -> list[float | None]:
    """None where there was nothing finite."""
    pairs = zip(sums.tolist(), counts.tolist(), strict=True)
    return [total / count if count else None for total, count in pairs]
