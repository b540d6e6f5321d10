"""Differences by magnitude and by position in the output: histogram, heat maps, and bars of the positions."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from core.figures import theme
from core.figures.theme import COLOUR_SCALE, COLOURS, NO_GRID, apply_theme, empty_figure, log10_values, number_or_dash
from core.text.labels import pluralize

MIN_BARS = 6  # bars that the axis has room for at least, so that a single bar is not as wide as the plot
MAX_POWER_TICKS = 7
NO_FINITE_PAIRS = "No pair of finite numbers: nothing to draw."
MAX_NAMED_POSITIONS = 30  # positions up to which each is named below the axis
NO_POSITIONS = "There are no numbers by position: nothing to draw."


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


def position_heatmap(metrics: Mapping[str, Any], labels: Sequence[str] = ()) -> go.Figure:
    """Draw the mean difference of blocks of rows (downward) and positions (to the right).

    Colours are logarithmic. Grey is no difference at all, empty nothing finite.

    Args:
        metrics: `OutputMetrics` as JSON.
        labels: Names of the positions, where there are as many.
    """
    heat = metrics["heat"]
    if not heat:
        return empty_figure(NO_POSITIONS)
    means, starts = heat["mean_abs"], heat["rows"]
    logs = log10_values(means)
    limits = theme.value_range(logs)
    if not limits:
        return empty_figure("No number differs: nothing to draw.")
    rows = _range_labels(starts, metrics["rows"], "row")
    columns = _position_names(labels, len(means[0])) or _range_labels(heat["columns"], None, "position")
    # Hover text by axis: one for each cell of a large table would be most of a report.
    figure = go.Figure(list(_mean_layers(means, logs, limits, {"x": columns, "y": rows, "hoverongaps": False})))
    ticks = _sparse_ticks(len(starts), 6)
    row_numbers = [f"{starts[at]:,}" for at in ticks]
    figure.update_yaxes(type="category", tickvals=ticks, ticktext=row_numbers, autorange="reversed", **NO_GRID)
    _label_positions(figure, labels, len(means[0]), heat["columns"])
    figure.update_xaxes(type="category", **NO_GRID)
    return apply_theme(figure, "position in the output", "row", height=theme.PAIRED_HEIGHT)


def _mean_layers(
    means: list[list[Any]], logs: list[list[float | None]], limits: tuple[float, float], shared: dict[str, Any]
) -> Iterator[go.Heatmap]:
    """Yield the layer of the cells without a difference, and that of the others."""
    yield go.Heatmap(
        z=[[0 if mean == 0 else None for mean in row] for row in means],
        colorscale=theme.single_colour(theme.NO_DIFFERENCE_COLOUR),
        showscale=False,
        hovertemplate="%{y}, %{x}:<br>no difference<extra></extra>",
        **shared,
    )
    yield go.Heatmap(
        z=[[None if log is None else round(log, 3) for log in row] for row in logs],
        text=[[number_or_dash(mean) for mean in row] for row in means],
        colorscale=COLOUR_SCALE,
        zmin=limits[0],
        zmax=limits[1],
        colorbar=theme.log_colorbar(*limits, "mean difference"),
        hovertemplate="%{y}, %{x}:<br>mean difference %{text}<extra></extra>",
        **shared,
    )


def position_bars(metrics: Mapping[str, Any], labels: Sequence[str] = ()) -> go.Figure:
    """Draw the mean difference at each position of the output; see `position_heatmap`."""
    means = metrics["by_column"]
    if not means:
        return empty_figure("There are too many positions to draw each one." if metrics["heat"] else NO_POSITIONS)
    positions = list(range(len(means)))
    names = _position_names(labels, len(means)) or [f"position {at}" for at in positions]
    hover = [f"{name}: mean difference {number_or_dash(mean)}" for name, mean in zip(names, means, strict=True)]
    figure = go.Figure(go.Bar(x=positions, y=means, marker_color=COLOURS[0], hovertext=hover, hoverinfo="text"))
    _label_positions(figure, labels, len(means), positions)
    figure.update_yaxes(rangemode="tozero", exponentformat="power", nticks=6)
    figure = apply_theme(figure, "position in the output", "mean difference", height=theme.PAIRED_HEIGHT)
    return figure.update_layout(bargap=0.1)


def _position_names(labels: Sequence[str], count: int) -> list[str]:
    """Return the labels, escaped, where they are as many and no two are equal, else none."""
    return [theme.escape_label(label) for label in labels] if len(set(labels)) == count else []


def _label_positions(figure: go.Figure, labels: Sequence[str], count: int, starts: Sequence[int]) -> None:
    names = _position_names(labels, count)
    places = range(count) if names and count <= MAX_NAMED_POSITIONS else _sparse_ticks(count, 8)
    figure.update_xaxes(tickvals=list(places), ticktext=[names[at] if names else f"{starts[at]:,}" for at in places])


def _range_labels(starts: Sequence[int], end: int | None, noun: str) -> list[str]:
    ends = [*starts[1:], end or starts[-1] + 1]
    return [
        f"{noun} {start:,}" if last - start == 1 else f"{noun}s {start:,} to {last - 1:,}"
        for start, last in zip(starts, ends, strict=True)
    ]


def _sparse_ticks(count: int, max_ticks: int) -> list[int]:
    return list(range(0, count, max(1, -(-count // max_ticks))))
