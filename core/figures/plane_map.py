"""The map of a plane through three test examples: which class is predicted where, and where two models disagree."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from core.figures.theme import COLOURS, NO_GRID, apply_theme, escape_label

HEIGHT = 520  # pixels, as wide as high
CORNERS = ((0, 0), (1, 0), (0, 1))


def plane_map(
    places: np.ndarray,
    baseline: np.ndarray,
    copy: np.ndarray,
    labels: Sequence[str],
    corners: Sequence[str] = ("A", "B", "C"),
) -> go.Figure:
    """Draw a spot for each row of the grid, in the colour of the baseline's class, hatched where the copy has another.

    Args:
        places: u and v of each row of a square grid, (side * side, 2).
        baseline, copy: The predicted class of each row, (side * side,) int.
        labels: The name of each class.
        corners: What the examples are called at u, v = (0, 0), (1, 0) and (0, 1).
    """
    figure, size = go.Figure(), HEIGHT / np.sqrt(len(places)) * 0.82
    for number in np.unique(baseline):
        rows = np.flatnonzero(baseline == number)
        name, colour = escape_label(labels[number]), COLOURS[number % len(COLOURS)]
        style = {"symbol": "square", "size": size, "color": colour, "opacity": 0.75, "line": {"width": 0}}
        figure.add_trace(_spots(places[rows], rows, name, style, f"{name}<extra></extra>"))
    rows = np.flatnonzero(baseline != copy)
    hatch = {"symbol": "x-thin", "size": size, "line": {"width": 2, "color": "#111827"}}
    hover = [f"{escape_label(labels[baseline[row]])} became {escape_label(labels[copy[row]])}" for row in rows]
    if rows.size:
        figure.add_trace(_spots(places[rows], rows, "disagree", hatch, "%{text}<extra></extra>", hover))
    for (x, y), text in zip(CORNERS, corners, strict=True):
        figure.add_annotation(x=x, y=y, text=f"<b>{escape_label(text)}</b>", showarrow=False, bgcolor="#FFFFFF")
    figure.update_annotations(font={"color": "#111827"}, borderpad=3)
    extent = [places.min() - 0.05, places.max() + 0.05]
    figure.update_xaxes(visible=False, range=extent, **NO_GRID)
    figure.update_yaxes(visible=False, range=extent, scaleanchor="x", **NO_GRID)
    return apply_theme(figure, "", "", height=HEIGHT)


def _spots(
    places: np.ndarray,
    rows: np.ndarray,
    name: str,
    marker: dict[str, object],
    hover: str,
    text: list[str] | None = None,
) -> go.Scatter:
    return go.Scatter(
        x=places[:, 0],
        y=places[:, 1],
        customdata=rows,
        mode="markers",
        name=name,
        marker=marker,
        hovertemplate=hover,
        text=text,
    )
