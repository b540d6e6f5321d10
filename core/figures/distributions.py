"""Histograms and heat maps of differences.

How large the differences are, and how large the values are where they are large.

Where the differences are: over rows and positions of the output, and by position alone.
"""

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from core.figures.theme import (
    COLOUR_SCALE,
    COLOURS,
    NO_DIFFERENCE_COLOUR,
    apply_theme,
    empty_figure,
    escape_label,
    log10_values,
    log_colorbar,
    number_or_dash,
    power_of_ten,
    value_range,
)

MIN_BARS = 6  # bars for which there is room at least, so that one alone is still a bar
NO_FINITE_PAIRS = "No pair of finite numbers: nothing to draw."
ZERO_LABEL, NONFINITE_LABEL = "exactly 0", "NaN or ∞"


def difference_histogram(numbers: dict[str, Any]) -> go.Figure:
    """Values by absolute difference in half decades, on log axes; exact zeros and what is not finite have bars apart.

    `numbers` is an `OutputNumbers` as JSON.
    """
    found = numbers["histogram"]
    if not found:
        return empty_figure(NO_FINITE_PAIRS)
    edges = [0.0, *found["edges"], math.inf]
    counts = [found["below"], *found["counts"], found["above"]]
    first, last = _used_bins(counts)
    middle = list(range(first, last))
    apart = [
        (first - 2, ZERO_LABEL, found["zero"], COLOURS[1]),
        (last + 1, NONFINITE_LABEL, found["not_finite"], COLOURS[7]),
    ]
    apart = [one for one in apart if one[2]]
    figure = go.Figure()
    if middle:
        words = [f"{_bin_label(edges, at)}: {_count_label(counts[at])}" for at in middle]
        figure.add_bar(
            x=middle, y=[counts[at] for at in middle], marker_color=COLOURS[0], hovertext=words, hoverinfo="text"
        )
    for place, word, count, colour in apart:
        said = f"{word}: {_count_label(count)}"
        figure.add_bar(x=[place], y=[count], marker_color=colour, hovertext=said, hoverinfo="text", text=f"{count:,}")
    places, labels = _power_ticks(edges, middle)
    figure.update_xaxes(tickvals=places + [one[0] for one in apart], ticktext=labels + [one[1] for one in apart])
    figure.update_xaxes(range=_axis_range(MIN_BARS, [*middle, *(one[0] for one in apart)]))
    # From a little below 1, so that a single value among a million still has a bar.
    top = max([counts[at] for at in middle] + [one[2] for one in apart], default=1)
    figure.update_yaxes(type="log", range=[math.log10(0.6), math.log10(top) * 1.1 + 0.2], dtick=1, tickformat=",")
    figure.update_traces(textposition="outside", cliponaxis=False)
    figure.update_layout(showlegend=False, bargap=0.06)
    return apply_theme(figure, "absolute difference", "values")


def magnitude_heatmap(numbers: dict[str, Any]) -> go.Figure:
    """How many values, by the size of the baseline's value and of the difference; both axes are logarithmic.

    Exact zeros have a column and a row apart.
    """
    found = numbers["by_magnitude"]
    if not found:
        return empty_figure(NO_FINITE_PAIRS)
    table = [[found["both_zero"], *found["reference_zero"]]]
    table += [[zero, *row] for zero, row in zip(found["difference_zero"], found["counts"], strict=True)]
    if not any(any(row) for row in table):
        return empty_figure(NO_FINITE_PAIRS)
    across = _LogAxis(found["reference_edges"], [sum(row) for row in table])
    upward = _LogAxis(found["difference_edges"], [sum(column) for column in zip(*table, strict=True)])
    counts = [[table[x][y] if None not in (x, y) else 0 for x in across.bins] for y in upward.bins]
    figure = go.Figure(
        go.Heatmap(
            z=[[math.log10(count) if count else None for count in row] for row in counts],
            hovertext=[
                [
                    f"{_count_label(count)} of {x},<br>off by {y}"
                    for count, x in zip(row, across.bin_labels, strict=True)
                ]
                for row, y in zip(counts, upward.bin_labels, strict=True)
            ],
            hoverinfo="text",
            colorscale=COLOUR_SCALE,
            zmin=0,
            zmax=max(1.0, math.log10(max(max(row) for row in counts))),
            colorbar=log_colorbar(0, math.log10(max(max(row) for row in counts)), "values"),
            hoverongaps=False,
            xgap=1,
            ygap=1,
        )
    )
    figure.update_xaxes(tickvals=across.tick_positions, ticktext=across.tick_labels, showgrid=False, zeroline=False)
    figure.update_yaxes(tickvals=upward.tick_positions, ticktext=upward.tick_labels, showgrid=False, zeroline=False)
    return apply_theme(figure, "size of the baseline's value", "absolute difference", height=380)


class _LogAxis:
    """The bins that are used along one axis, an empty one beside that of zero, and what is written below them."""

    def __init__(self, edges: list[float | str], totals: list[int]):
        edges = [float(one) for one in edges]
        first, last = _used_bins(totals[1:])
        middle = list(range(first, last))
        apart = [0, None] if totals[0] and middle else [0] if totals[0] else []
        self.bins: list[int | None] = apart + [at + 1 for at in middle]
        self.bin_labels = ["0", ""][: len(apart)] + [_bin_label(edges, at) for at in middle]
        places, labels = _power_ticks(edges, middle)
        start = len(apart) - first
        self.tick_positions = ([0] if apart else []) + [one + start for one in places]
        self.tick_labels = (["0"] if apart else []) + labels


def _used_bins(counts: list[int]) -> tuple[int, int]:
    """From the first to behind the last bin that holds anything; (0, 0) where none does."""
    used = [at for at, count in enumerate(counts) if count]
    return (used[0], used[-1] + 1) if used else (0, 0)


def _axis_range(width: int, places: list[int]) -> list[float]:
    low, high = min(places, default=0) - 0.6, max(places, default=0) + 0.6
    apart = max(0.0, width - (high - low)) / 2
    return [low - apart, high + apart]


def _bin_label(edges: list[float], at: int) -> str:
    if math.isinf(edges[at + 1]):
        return f"{number_or_dash(edges[at])} or more"
    return (
        f"below {number_or_dash(edges[1])}"
        if at == 0
        else f"{number_or_dash(edges[at])} to {number_or_dash(edges[at + 1])}"
    )


def _power_ticks(edges: list[float], bins: list[int]) -> tuple[list[float], list[str]]:
    """Whole powers of ten between the bins: where, and what; at most seven of them."""
    known = {at: edges[at] for at in [*bins, *(one + 1 for one in bins[-1:])] if 0 < edges[at] < math.inf}
    whole = {at: round(math.log10(edge)) for at, edge in known.items() if math.log10(edge) % 1 in (0.0, 1.0)}
    step = max(1, math.ceil(len(whole) / 7))
    kept = {at: exponent for at, exponent in whole.items() if exponent % step == 0}
    return [at - 0.5 for at in kept], [power_of_ten(exponent) for exponent in kept.values()]


def _count_label(count: int) -> str:
    return f"{count:,} value" if count == 1 else f"{count:,} values"


NO_POSITIONS = "There are no numbers by position: nothing to draw."
MAX_NAMED_POSITIONS = 30  # positions up to which each is named below the axis


def position_heatmap(numbers: dict[str, Any], labels: Sequence[str] = ()) -> go.Figure:
    """The mean difference of blocks of rows (downward) and positions of the output (to the right), colours logarithmic.

    Grey: no difference at all. Empty: nothing finite. `labels` name the positions where there are as many.
    """
    found = numbers["heat"]
    if not found:
        return empty_figure(NO_POSITIONS)
    means, starts = found["mean_abs"], found["rows"]
    limits = value_range(log10_values(means))
    if not limits:
        return empty_figure("No number differs: nothing to draw.")
    rows = _range_labels(starts, numbers["rows"], "row")
    columns = _position_names(labels, len(means[0])) or _range_labels(found["columns"], None, "position")
    # Words by axis, for a text in each cell of a large table would be most of a report.
    shared = {"x": columns, "y": rows, "hoverongaps": False}
    figure = go.Figure()
    figure.add_heatmap(
        z=[[0 if value == 0 else None for value in row] for row in means],
        colorscale=[[0, NO_DIFFERENCE_COLOUR], [1, NO_DIFFERENCE_COLOUR]],
        showscale=False,
        hovertemplate="%{y}, %{x}:<br>no difference<extra></extra>",
        **shared,
    )
    figure.add_heatmap(
        z=[[None if one is None else round(one, 3) for one in row] for row in log10_values(means)],
        text=[[number_or_dash(value) for value in row] for row in means],
        colorscale=COLOUR_SCALE,
        zmin=limits[0],
        zmax=limits[1],
        colorbar=log_colorbar(*limits, "mean difference"),
        hovertemplate="%{y}, %{x}:<br>mean difference %{text}<extra></extra>",
        **shared,
    )
    places = _sparse_ticks(len(starts), 6)
    figure.update_yaxes(
        type="category", tickvals=places, ticktext=[f"{starts[at]:,}" for at in places], autorange="reversed"
    )
    _label_positions(figure, labels, len(means[0]), found["columns"])
    figure.update_xaxes(type="category")
    figure.update_xaxes(showgrid=False, zeroline=False).update_yaxes(showgrid=False, zeroline=False)
    return apply_theme(figure, "position in the output", "row", height=380)


def position_bars(numbers: dict[str, Any], labels: Sequence[str] = ()) -> go.Figure:
    """The mean difference at each position of the output."""
    means = numbers["by_column"]
    if not means:
        return empty_figure("There are too many positions to draw each one." if numbers["heat"] else NO_POSITIONS)
    names = _position_names(labels, len(means)) or [f"position {at}" for at in range(len(means))]
    words = [f"{name}: mean difference {number_or_dash(value)}" for name, value in zip(names, means, strict=True)]
    figure = go.Figure(
        go.Bar(x=list(range(len(means))), y=means, marker_color=COLOURS[0], hovertext=words, hoverinfo="text")
    )
    _label_positions(figure, labels, len(means), range(len(means)))
    figure.update_yaxes(rangemode="tozero", exponentformat="power", nticks=6)
    return apply_theme(figure, "position in the output", "mean difference").update_layout(bargap=0.1)


def _position_names(labels: Sequence[str], count: int) -> list[str]:
    """The labels, where they name so many positions and each one another."""
    return [escape_label(label) for label in labels] if len(set(labels)) == count else []


def _label_positions(figure: go.Figure, labels: Sequence[str], count: int, starts: Sequence[int]) -> None:
    names = _position_names(labels, count)
    places = range(count) if names and count <= MAX_NAMED_POSITIONS else _sparse_ticks(count, 8)
    figure.update_xaxes(tickvals=list(places), ticktext=[names[at] if names else f"{starts[at]:,}" for at in places])


def _range_labels(starts: Sequence[int], end: int | None, what: str) -> list[str]:
    """In words from where to where each block goes."""
    ends = [*starts[1:], end or starts[-1] + 1]
    return [
        f"{what} {start:,}" if last - start == 1 else f"{what}s {start:,} to {last - 1:,}"
        for start, last in zip(starts, ends, strict=True)
    ]


def _sparse_ticks(count: int, most: int) -> list[int]:
    step = max(1, -(-count // most))
    return list(range(0, count, step))
