"""Figures of tensors: histogram and values of one, distances of many."""

import math

import numpy as np
import plotly.graph_objects as go

from core.figures.theme import CHANGED_COLOUR, COLOURS, IDENTICAL_COLOUR, NO_GRID, apply_theme, escape_label
from core.text.numbers import shorten_exponent

# From blue over a grey that is seen on white and on near-black to orange: zero is in the middle.
SIGNED_COLOUR_SCALE = [[0.0, "#2563EB"], [0.25, "#93B4F5"], [0.5, "#D4D4DC"], [0.75, "#F2B872"], [1.0, "#D97706"]]
MAX_NUMBERED = 12  # rows or columns of which each is numbered
MIN_LOG_SHARE = 1e-9  # where equal tensors stand on a scale that has no zero


def value_histogram(edges: list[float], counts: list[float], title: str) -> go.Figure:
    """Draw how many values lie in each bin."""
    left, right = np.array(edges[:-1]), np.array(edges[1:])
    figure = go.Figure(
        go.Bar(
            x=((left + right) / 2).tolist(),
            y=counts,
            width=(right - left).tolist(),
            customdata=np.stack([left, right], axis=1),
            hovertemplate="%{customdata[0]:.4g} to %{customdata[1]:.4g}<br>%{y:,} values<extra></extra>",
        )
    )
    return apply_theme(figure, title, "how many").update_layout(bargap=0)


def tensor_preview(kind: str, values: np.ndarray) -> go.Figure:
    """Draw a `core.tensors.statistics.TensorPreview`."""
    if kind == "line":
        return _line_figure(values)
    return _heatmap_figure(_join_tiles(values) if kind == "tiles" else values, square=kind == "tiles")


def _line_figure(values: np.ndarray) -> go.Figure:
    figure = go.Figure(
        go.Scatter(y=_finite_or_none(values), mode="lines+markers", marker={"size": 4}, line={"width": 1})
    )
    figure.update_traces(hovertemplate="place %{x}<br>%{y:.5g}<extra></extra>")
    return apply_theme(figure, "place", "value")


def _join_tiles(tiles: np.ndarray) -> np.ndarray:
    """Join tiles (rows, columns, height, width) to one map, an empty line between each two."""
    rows, columns, height, width = tiles.shape
    canvas = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan, "float32")
    for row in range(rows):
        for column in range(columns):
            top, left = row * (height + 1), column * (width + 1)
            canvas[top : top + height, left : left + width] = tiles[row, column]
    return canvas


def _heatmap_figure(values: np.ndarray, square: bool) -> go.Figure:
    finite = values[np.isfinite(values)]
    largest = float(np.abs(finite).max(initial=0)) or 1.0
    figure = go.Figure(
        go.Heatmap(
            z=[_finite_or_none(row) for row in values],
            colorscale=SIGNED_COLOUR_SCALE,
            zmin=-largest,
            zmax=largest,
            hoverongaps=False,
            hovertemplate="%{z:.5g}<extra></extra>" if square else "row %{y}, column %{x}<br>%{z:.5g}<extra></extra>",
            colorbar={"thickness": 10, "len": 1, "outlinewidth": 0, "title": {"text": "value", "side": "top"}},
        )
    )
    height = min(max(160, 9 * len(values)), 520) if square else min(max(220, 3 * len(values) + 60), 460)
    figure = apply_theme(figure, "" if square else "column", "" if square else "row", height)
    figure.update_yaxes(autorange="reversed", **NO_GRID).update_xaxes(**NO_GRID)
    for update_axis, count in ((figure.update_xaxes, values.shape[1]), (figure.update_yaxes, len(values))):
        if count <= MAX_NUMBERED:
            update_axis(dtick=1)  # else halves are numbered too
    if square:
        figure.update_yaxes(scaleanchor="x", visible=False)
        figure.update_xaxes(visible=False, constrain="domain")
    return figure


def _finite_or_none(values: np.ndarray) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]


def tensor_distances(names: list[str], shares: list[float | None], hover: list[str]) -> go.Figure:
    """Draw one bar for each pair of tensors, from the top, on a logarithmic scale.

    Args:
        names: Of the tensors.
        shares: |difference| / |tensor| by the Euclidean norm; None where it is unknown.
        hover: What to say of each.

    Equal tensors stand at the left end of the scale.
    """
    count = len(names)
    logs = [math.log10(max(share or 0.0, MIN_LOG_SHARE) / MIN_LOG_SHARE) for share in shares]
    colours = [IDENTICAL_COLOUR if share == 0 else COLOURS[8] if share is None else CHANGED_COLOUR for share in shares]
    texts = [f"{escape_label(name)}<br>{escape_label(text)}" for name, text in zip(names, hover, strict=True)]
    figure = go.Figure(go.Bar(x=[log + 0.15 for log in logs], y=list(range(count)), orientation="h"))
    figure.update_traces(marker={"color": colours}, hovertext=texts, hoverinfo="text")
    ticks = range(0, max(10, math.ceil(max(logs, default=9))) + 1, 3)
    labels = ["same" if tick == 0 else shorten_exponent(f"{MIN_LOG_SHARE * 10.0**tick:.0e}") for tick in ticks]
    figure.update_xaxes(tickvals=[tick + 0.15 for tick in ticks], ticktext=labels)
    short = [escape_label(name if len(name) <= 34 else "…" + name[-33:]) for name in names]
    figure.update_yaxes(tickvals=list(range(count)), ticktext=short, autorange="reversed")
    return apply_theme(figure, "relative difference", "", 110 + 24 * count)


def value_line_chart(rows: dict[str, list[float]], title: str) -> go.Figure:
    """Draw values over their positions, one line for each row."""
    figure = go.Figure()
    for name, values in rows.items():
        positions = list(range(1, len(values) + 1))
        figure.add_scatter(x=positions, y=values, name=escape_label(name), mode="lines+markers", marker={"size": 5})
    return apply_theme(figure, "place in the row", escape_label(title))
