"""A Plotly figure of points that trade one thing against another, on logarithmic axes."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from ui.charts import NEUTRAL, dressed

# Kinds from best to worst, told apart by colour and by shape.
KIND_COLOURS = ["#0D9488", "#0284C7", "#D97706", "#DC2626", NEUTRAL]
KIND_SYMBOLS = ["circle", "square", "diamond", "x", "circle-open"]


class Mark(NamedTuple):
    """One point of `trade_offs`: where, of which kind, its words, and its number where it lies on the line."""

    x: float
    y: float
    kind: str
    hover: str
    number: int | None = None


class Axis(NamedTuple):
    """A logarithmic axis: its title, and how a value on it is written."""

    title: str
    words: Callable[[float], str]


def trade_offs(marks: list[Mark], x: Axis, y: Axis, kinds: Sequence[str]) -> go.Figure:
    """Points on logarithmic axes, each kind with a colour and a shape of its own; those with a number are joined in
    the order of their numbers."""
    figure = go.Figure()
    joined = sorted((one for one in marks if one.number is not None), key=lambda one: one.number)
    line = {"color": NEUTRAL, "width": 1.5, "dash": "dot"}
    xs, ys = [one.x for one in joined], [one.y for one in joined]
    figure.add_scatter(x=xs, y=ys, mode="lines", line=line, hoverinfo="skip", name="nothing beats these")
    for kind, colour, symbol in zip(kinds, KIND_COLOURS, KIND_SYMBOLS, strict=True):
        if found := [one for one in marks if one.kind == kind]:
            figure.add_scatter(
                x=[one.x for one in found],
                y=[one.y for one in found],
                name=kind,
                mode="markers+text",
                text=["" if one.number is None else f"<b>{one.number}</b>" for one in found],
                textposition="top center",
                hovertext=[one.hover for one in found],
                hoverinfo="text",
                marker={
                    "color": colour,
                    "symbol": symbol,
                    "size": [10 if one.number is None else 14 for one in found],
                    "opacity": [0.6 if one.number is None else 1.0 for one in found],
                },
            )
    figure.update_xaxes(**_logarithmic([one.x for one in marks], x.words))
    figure.update_yaxes(**_logarithmic([one.y for one in marks], y.words))
    return dressed(figure, x.title, y.title, height=440).update_layout(legend={"y": -0.2, "yanchor": "top"})


def _logarithmic(values: list[float], words: Callable[[float], str]) -> dict[str, Any]:
    """An axis with room around the outermost points, and a few round numbers on it."""
    least, most = math.log10(min(values)), math.log10(max(values))
    room = max(0.1 * (most - least), 0.15)
    bounds = [least - room, most + room]
    steps = (1,) if bounds[1] - bounds[0] > 2 else (1, 2, 5)
    powers = range(math.floor(bounds[0]), math.ceil(bounds[1]) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    ticks = [tick for tick in ticks if bounds[0] <= math.log10(tick) <= bounds[1]]
    return {"type": "log", "range": bounds, "tickvals": ticks, "ticktext": [words(tick) for tick in ticks]}
