"""Where the differences are: over rows and positions of the output, and by position alone."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from core.figures.dressing import COLOURS, MUTED, SCALE, dressed, escaped, log10_bar, logs, nothing, number, span

EMPTY = "There are no numbers by position: nothing to draw."
NAMED = 30  # positions up to which each is named below the axis


def heat(numbers: dict[str, Any], labels: Sequence[str] = ()) -> go.Figure:
    """The mean difference of blocks of rows (downward) and positions of the output (to the right), colours logarithmic.

    Grey: no difference at all. Empty: nothing finite. `labels` name the positions where there are as many.
    """
    found = numbers["heat"]
    if not found:
        return nothing(EMPTY)
    means, starts = found["mean_abs"], found["rows"]
    limits = span(logs(means))
    if not limits:
        return nothing("No number differs: nothing to draw.")
    rows = _stretches(starts, numbers["rows"], "row")
    columns = _names(labels, len(means[0])) or _stretches(found["columns"], None, "position")
    # Words by axis, for a text in each cell of a large table would be most of a report.
    shared = {"x": columns, "y": rows, "hoverongaps": False}
    figure = go.Figure()
    figure.add_heatmap(
        z=[[0 if value == 0 else None for value in row] for row in means],
        colorscale=[[0, MUTED], [1, MUTED]],
        showscale=False,
        hovertemplate="%{y}, %{x}:<br>no difference<extra></extra>",
        **shared,
    )
    figure.add_heatmap(
        z=[[None if one is None else round(one, 3) for one in row] for row in logs(means)],
        text=[[number(value) for value in row] for row in means],
        colorscale=SCALE,
        zmin=limits[0],
        zmax=limits[1],
        colorbar=log10_bar(*limits, "mean difference"),
        hovertemplate="%{y}, %{x}:<br>mean difference %{text}<extra></extra>",
        **shared,
    )
    places = _few(len(starts), 6)
    figure.update_yaxes(
        type="category", tickvals=places, ticktext=[f"{starts[at]:,}" for at in places], autorange="reversed"
    )
    _name_positions(figure, labels, len(means[0]), found["columns"])
    figure.update_xaxes(type="category")
    figure.update_xaxes(showgrid=False, zeroline=False).update_yaxes(showgrid=False, zeroline=False)
    return dressed(figure, "position in the output", "row", height=380)


def by_position(numbers: dict[str, Any], labels: Sequence[str] = ()) -> go.Figure:
    """The mean difference at each position of the output."""
    means = numbers["by_column"]
    if not means:
        return nothing("There are too many positions to draw each one." if numbers["heat"] else EMPTY)
    names = _names(labels, len(means)) or [f"position {at}" for at in range(len(means))]
    words = [f"{name}: mean difference {number(value)}" for name, value in zip(names, means, strict=True)]
    figure = go.Figure(
        go.Bar(x=list(range(len(means))), y=means, marker_color=COLOURS[0], hovertext=words, hoverinfo="text")
    )
    _name_positions(figure, labels, len(means), range(len(means)))
    figure.update_yaxes(rangemode="tozero", exponentformat="power", nticks=6)
    return dressed(figure, "position in the output", "mean difference").update_layout(bargap=0.1)


def _names(labels: Sequence[str], count: int) -> list[str]:
    """The labels, where they name so many positions and each one another."""
    return [escaped(label) for label in labels] if len(set(labels)) == count else []


def _name_positions(figure: go.Figure, labels: Sequence[str], count: int, starts: Sequence[int]) -> None:
    names = _names(labels, count)
    places = range(count) if names and count <= NAMED else _few(count, 8)
    figure.update_xaxes(tickvals=list(places), ticktext=[names[at] if names else f"{starts[at]:,}" for at in places])


def _stretches(starts: Sequence[int], end: int | None, what: str) -> list[str]:
    """In words from where to where each block goes."""
    ends = [*starts[1:], end or starts[-1] + 1]
    return [
        f"{what} {start:,}" if last - start == 1 else f"{what}s {start:,} to {last - 1:,}"
        for start, last in zip(starts, ends, strict=True)
    ]


def _few(count: int, most: int) -> list[int]:
    step = max(1, -(-count // most))
    return list(range(0, count, step))
