"""Differences by position in the output: a heat map of rows and positions, and bars of the positions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from core.figures import theme
from core.figures.theme import COLOUR_SCALE, COLOURS, NO_GRID, apply_theme, empty_figure, log10_values, number_or_dash

MAX_NAMED_POSITIONS = 30  # positions up to which each is named below the axis
NO_POSITIONS = "There are no numbers by position: nothing to draw."


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
