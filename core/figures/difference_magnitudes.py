"""Differences by magnitude: a histogram, and a heat map of magnitudes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from core.figures import theme
from core.figures.theme import COLOUR_SCALE, COLOURS, NO_GRID, apply_theme, empty_figure, number_or_dash
from core.text.labels import pluralize

MIN_BARS = 6  # bars that the axis has room for at least, so that a single bar is not as wide as the plot
MAX_POWER_TICKS = 7
NO_FINITE_PAIRS = "No pair of finite numbers: nothing to draw."


def difference_histogram(metrics: Mapping[str, Any]) -> go.Figure:
    """Draw values by absolute difference in half decades, on logarithmic axes.

    Exact zeros and what is not finite have bars of their own. `metrics` is `OutputMetrics` as JSON.
    """
    histogram = metrics["histogram"]
    if not histogram:
        return empty_figure(NO_FINITE_PAIRS)
    edges = [0.0, *histogram["edges"], math.inf]
    counts = [histogram["below"], *histogram["counts"], histogram["above"]]
    first, last = _used_bins(counts)
    bins = list(range(first, last))
    special = {
        (first - 2, "exactly 0", COLOURS[1]): histogram["zero"],
        (last + 1, "NaN or ∞", COLOURS[7]): histogram["not_finite"],
    }
    special = {bar: count for bar, count in special.items() if count}
    figure = go.Figure()
    if bins:
        heights, hover = counts[first:last], [f"{_bin_label(edges, at)}: {_count_label(counts[at])}" for at in bins]
        figure.add_bar(x=bins, y=heights, marker_color=COLOURS[0], hovertext=hover, hoverinfo="text")
    for (place, name, colour), count in special.items():
        bar = {"hovertext": f"{name}: {_count_label(count)}", "hoverinfo": "text", "text": f"{count:,}"}
        figure.add_bar(x=[place], y=[count], marker_color=colour, **bar)
    places, labels = _power_ticks(edges, bins)
    special_places = [place for place, *_ in special]
    figure.update_xaxes(tickvals=places + special_places, ticktext=labels + [name for _, name, _ in special])
    figure.update_xaxes(range=_axis_range([*bins, *special_places]))
    # From a little below 1, so that a single value among a million still has a bar.
    top = math.log10(max([*counts[first:last], *special.values()], default=1)) * 1.1 + 0.2
    figure.update_yaxes(type="log", range=[math.log10(0.6), top], dtick=1, tickformat=",")
    figure.update_traces(textposition="outside", cliponaxis=False)
    figure.update_layout(showlegend=False, bargap=0.06)
    return apply_theme(figure, "absolute difference", "values", height=theme.PAIRED_HEIGHT)


def magnitude_heatmap(metrics: Mapping[str, Any]) -> go.Figure:
    """Draw how many values there are by their size and their difference, axes logarithmic.

    Exact zeros have a column and a row of their own. `metrics` is `OutputMetrics` as JSON.
    """
    histogram = metrics["by_magnitude"]
    if not histogram:
        return empty_figure(NO_FINITE_PAIRS)
    table = [[histogram["both_zero"], *histogram["reference_zero"]]]
    table += [[zero, *row] for zero, row in zip(histogram["difference_zero"], histogram["counts"], strict=True)]
    if not any(any(row) for row in table):
        return empty_figure(NO_FINITE_PAIRS)
    across = _LogAxis(histogram["reference_edges"], [sum(row) for row in table])
    upward = _LogAxis(histogram["difference_edges"], [sum(column) for column in zip(*table, strict=True)])
    counts = [[0 if x is None or y is None else table[x][y] for x in across.bins] for y in upward.bins]
    largest = math.log10(max(map(max, counts)))
    hover = [
        [f"{_count_label(count)} of {x},<br>off by {y}" for count, x in zip(row, across.bin_labels, strict=True)]
        for row, y in zip(counts, upward.bin_labels, strict=True)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=[[math.log10(count) if count else None for count in row] for row in counts],
            hovertext=hover,
            hoverinfo="text",
            colorscale=COLOUR_SCALE,
            zmin=0,
            zmax=max(1.0, largest),
            colorbar=theme.log_colorbar(0, largest, "values"),
            hoverongaps=False,
            xgap=1,
            ygap=1,
        )
    )
    figure.update_xaxes(tickvals=across.tick_positions, ticktext=across.tick_labels, **NO_GRID)
    figure.update_yaxes(tickvals=upward.tick_positions, ticktext=upward.tick_labels, **NO_GRID)
    return apply_theme(figure, "size of the baseline's value", "absolute difference", height=theme.PAIRED_HEIGHT)


class _LogAxis:
    """One axis: its used bins, an empty one beside that of zero, and its ticks."""

    def __init__(self, edges: Sequence[float | str], totals: list[int]):
        limits = [float(edge) for edge in edges]
        first, last = _used_bins(totals[1:])
        bins = list(range(first, last))
        zero_bins: list[int | None] = [] if not totals[0] else [0, None] if bins else [0]
        self.bins = zero_bins + [at + 1 for at in bins]
        self.bin_labels = ["0", ""][: len(zero_bins)] + [_bin_label(limits, at) for at in bins]
        places, labels = _power_ticks(limits, bins)
        start = len(zero_bins) - first
        self.tick_positions = ([0.0] if zero_bins else []) + [place + start for place in places]
        self.tick_labels = (["0"] if zero_bins else []) + labels


def _used_bins(counts: list[int]) -> tuple[int, int]:
    """Return the first bin that is not empty and the one behind the last; (0, 0) where all are empty."""
    used = [at for at, count in enumerate(counts) if count]
    return (used[0], used[-1] + 1) if used else (0, 0)


def _axis_range(places: list[int]) -> list[float]:
    low, high = min(places, default=0) - 0.6, max(places, default=0) + 0.6
    margin = max(0.0, MIN_BARS - (high - low)) / 2
    return [low - margin, high + margin]


def _bin_label(edges: list[float], at: int) -> str:
    low, high = (number_or_dash(edge) for edge in edges[at : at + 2])
    if math.isinf(edges[at + 1]):
        return f"{low} or more"
    return f"{low} to {high}" if at else f"below {high}"


def _power_ticks(edges: list[float], bins: list[int]) -> tuple[list[float], list[str]]:
    """Return the positions and labels of whole powers of ten between the bins."""
    known = {at: edges[at] for at in [*bins, *(at + 1 for at in bins[-1:])] if 0 < edges[at] < math.inf}
    whole = {at: round(math.log10(edge)) for at, edge in known.items() if math.log10(edge) % 1 in (0.0, 1.0)}
    step = max(1, math.ceil(len(whole) / MAX_POWER_TICKS))
    shown = {at: exponent for at, exponent in whole.items() if exponent % step == 0}
    return [at - 0.5 for at in shown], [theme.power_of_ten(exponent) for exponent in shown.values()]


def _count_label(count: int) -> str:
    return pluralize(count, "value")
