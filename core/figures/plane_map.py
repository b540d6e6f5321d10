"""The map of a plane through three test examples: which class is predicted where, and where two models disagree."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from core.figures.theme import COLOURS, NO_GRID, apply_theme, escape_label

HEIGHT = 520  # pixels
CORNERS = ((0, 0), (1, 0), (0, 1))
INK, PAPER = "#111827", "#FFFFFF"
UNSEEN = "rgba(0, 0, 0, 0)"


def plane_map(
    places: np.ndarray,
    baseline: np.ndarray,
    copy: np.ndarray,
    labels: Sequence[str],
    corners: Sequence[str] = ("A", "B", "C"),
) -> go.Figure:
    """Draw a cell for each row of the grid, in the colour of the baseline's class, crossed where the copy has another.

    Args:
        places: u and v of each row of a square grid, (side * side, 2).
        baseline, copy: The predicted class of each row, (side * side,) int.
        labels: The name of each class.
        corners: What the examples are called at u, v = (0, 0), (1, 0) and (0, 1).
    """
    names = [escape_label(label) for label in labels]
    figure = go.Figure(_ground(places, baseline))
    figure.add_traces([_legend_entry(names[number], number) for number in np.unique(baseline)])
    hover = [
        names[before] if before == now else f"{names[before]} became {names[now]}"
        for before, now in zip(baseline, copy, strict=True)
    ]
    figure.add_trace(_spots(places, np.arange(len(places)), hover, symbol="square", color=UNSEEN))
    rows = np.flatnonzero(baseline != copy)
    if rows.size:
        cross = {"symbol": "x", "color": PAPER, "line": {"width": 1, "color": INK}}
        crosses = _spots(places[rows], rows, [hover[row] for row in rows], **cross)
        figure.add_trace(crosses.update(name="disagree", showlegend=True))
    for (x, y), text in zip(CORNERS, corners, strict=True):
        figure.add_annotation(x=x, y=y, text=f"<b>{escape_label(text)}</b>", showarrow=False, bgcolor=PAPER)
    figure.update_annotations(font={"color": INK}, borderpad=3)
    figure.update_xaxes(visible=False, **NO_GRID).update_yaxes(visible=False, **NO_GRID)
    return apply_theme(figure, "", "", height=HEIGHT).update_layout(
        legend={"itemclick": False, "itemdoubleclick": False}
    )


def _ground(places: np.ndarray, classes: np.ndarray) -> go.Heatmap:
    """Return the coloured cells: they fill the figure at any width, which markers do not."""
    side = int(np.sqrt(len(places)))
    steps = [(at / len(COLOURS), (at + 1) / len(COLOURS), colour) for at, colour in enumerate(COLOURS)]
    return go.Heatmap(
        x=places[:side, 0],
        y=places[::side, 1],
        z=(classes % len(COLOURS)).reshape(side, side) + 0.5,
        zmin=0,
        zmax=len(COLOURS),
        colorscale=[(edge, colour) for low, high, colour in steps for edge in (low, high)],
        opacity=0.75,
        showscale=False,
        hoverinfo="skip",
    )


def _legend_entry(name: str, number: int) -> go.Scatter:
    """Return what names the colour of a class."""
    marker = {"symbol": "square", "size": 12, "color": COLOURS[number % len(COLOURS)], "opacity": 0.75}
    return go.Scatter(x=[None], y=[None], mode="markers", name=name, marker=marker)


def _spots(places: np.ndarray, rows: np.ndarray, text: list[str], **marker: object) -> go.Scatter:
    """Return what can be pointed at and clicked: a mark for each of these rows; the clicked one turns white."""
    return go.Scatter(
        x=places[:, 0],
        y=places[:, 1],
        customdata=rows,
        mode="markers",
        marker={"size": 9, **marker},
        selected={"marker": {"color": PAPER, "size": 13}},
        unselected={"marker": {"opacity": 1}},
        text=text,
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
