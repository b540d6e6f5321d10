"""Figures of one tensor: its histogram, and its values as tiles, as a heat map or as a line; and how far many are."""

import math

import numpy as np
import plotly.graph_objects as go

from core.figures.theme import CHANGED_COLOUR, COLOURS, IDENTICAL_COLOUR, apply_theme, escape_label

# From blue over a grey that is seen on white and on near-black to orange: zero is in the middle.
SIGNED_COLOUR_SCALE = [[0.0, "#2563EB"], [0.25, "#93B4F5"], [0.5, "#D4D4DC"], [0.75, "#F2B872"], [1.0, "#D97706"]]
MAX_NUMBERED = 12  # rows or columns of which each is numbered
MIN_LOG_SHARE = 1e-9  # where what is bit for bit the same stands on a scale that has no zero


def value_histogram(edges: list[float], counts: list[int], title: str) -> go.Figure:
    """How many values lie in each of even steps."""
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
    """Values as `core.tensors.statistics.preview_tensor` gives them."""
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
    """Tiles (rows, columns, height, width) as one map, a line of nothing between each two."""
    rows, columns, height, width = tiles.shape
    canvas = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan, "float32")
    for row in range(rows):
        for column in range(columns):
            top, left = row * (height + 1), column * (width + 1)
            canvas[top : top + height, left : left + width] = tiles[row, column]
    return canvas


def _heatmap_figure(values: np.ndarray, square: bool) -> go.Figure:
    finite = values[np.isfinite(values)]
    most = float(np.abs(finite).max()) if finite.size else 1.0
    figure = go.Figure(
        go.Heatmap(
            z=[_finite_or_none(row) for row in values],
            colorscale=SIGNED_COLOUR_SCALE,
            zmin=-(most or 1.0),
            zmax=most or 1.0,
            hoverongaps=False,
            hovertemplate="%{z:.5g}<extra></extra>" if square else "row %{y}, column %{x}<br>%{z:.5g}<extra></extra>",
            colorbar={"thickness": 10, "len": 1, "outlinewidth": 0, "title": {"text": "value", "side": "top"}},
        )
    )
    tall = min(max(160, 9 * len(values)), 520) if square else min(max(220, 3 * len(values) + 60), 460)
    figure = apply_theme(figure, "" if square else "column", "" if square else "row", tall)
    figure.update_yaxes(autorange="reversed", showgrid=False, zeroline=False)
    figure.update_xaxes(showgrid=False, zeroline=False)
    for axis, count in ((figure.update_xaxes, values.shape[1]), (figure.update_yaxes, len(values))):
        axis(**({"dtick": 1} if count <= MAX_NUMBERED else {}))  # else of so few, halves are numbered too
    if square:
        figure.update_yaxes(scaleanchor="x", visible=False)
        figure.update_xaxes(visible=False, constrain="domain")
    return figure


def _finite_or_none(values: np.ndarray) -> list[float | None]:
    return [float(one) if math.isfinite(one) else None for one in values]


def tensor_distances(names: list[str], shares: list[float | None], hover: list[str]) -> go.Figure:
    """One bar for each pair of tensors: the length of the difference as a share of the first, from the top, on a
    logarithmic scale; what is bit for bit the same stands at its left end."""
    seen = [max(share or 0.0, MIN_LOG_SHARE) for share in shares]
    colours = [IDENTICAL_COLOUR if share == 0 else COLOURS[8] if share is None else CHANGED_COLOUR for share in shares]
    labels = [f"{escape_label(name)}<br>{escape_label(said)}" for name, said in zip(names, hover, strict=True)]
    figure = go.Figure(
        go.Bar(x=[math.log10(one / MIN_LOG_SHARE) + 0.15 for one in seen], y=list(range(len(names))), orientation="h")
    )
    figure.update_traces(marker={"color": colours}, hovertext=labels, hoverinfo="text")
    ticks = list(range(0, max(10, math.ceil(math.log10(max(seen, default=1) / MIN_LOG_SHARE))) + 1, 3))
    words = [
        "same" if tick == 0 else f"{10.0 ** (tick - 9):.0e}".replace("e-0", "e-").replace("e+0", "e") for tick in ticks
    ]
    figure.update_xaxes(tickvals=[tick + 0.15 for tick in ticks], ticktext=words)
    short = [name if len(name) <= 34 else "…" + name[-33:] for name in names]
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=[escape_label(one) for one in short], autorange="reversed"
    )
    return apply_theme(figure, "difference, as a share of the tensor", "", 110 + 24 * len(names))
