"""Benchmark charts.

A Plotly figure of points that trade one thing against another, on logarithmic axes.

What copies cost, drawn: from click to first answer, and size against speed against fidelity.
"""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Any, NamedTuple

import plotly.graph_objects as go
import streamlit as st

from core.compare import ATOL
from core.figures.theme import CONFIG, dressed
from core.jobs.benchmark_result import Cost
from core.text.labels import duration, size
from ui.charts import NEUTRAL, stacked_bars
from ui.components import plain

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


CLOSE = 0.01  # a difference that nobody sees in a probability
# How far from the baseline, in words; best first.
CLOSENESS = (
    "exactly the same",
    "same to rounding",
    f"off by {CLOSE:g} at most",
    f"off by more than {CLOSE:g}",
    "not compared",
)


def show_click(good: dict[str, Cost], names: dict[str, str]) -> None:
    st.subheader("From click to first answer")
    order = sorted(good, key=lambda id_: good[id_].click.median)
    whole = [good[id_].click for id_ in order]
    parts = {
        "load": [good[id_].load.median * 1000 for id_ in order],
        "first answer": [good[id_].first.median * 1000 for id_ in order],
    }
    hover = {part: [f"{part}: {duration(value / 1000)}" for value in values] for part, values in parts.items()}
    bounds = [(spread.least * 1000, spread.most * 1000) for spread in whole]
    figure = stacked_bars([names[id_] for id_ in order], parts, "milliseconds", hover, bounds)
    said = ", ".join(f"{names[id_]} {duration(good[id_].click.median)}" for id_ in order)
    st.plotly_chart(figure, config=CONFIG, key="cost-click", alt=f"Time from click to first answer: {said}")


def show_trade_offs(
    good: dict[str, Cost], names: dict[str, str], fidelity: dict[str, float | None], best: list[str], batch: int
) -> None:
    st.subheader("Size, speed, fidelity")
    numbers = {id_: at for at, id_ in enumerate(best, 1)}
    said = {
        id_: (size(cost.bytes), f"{_short(cost.at(batch).p50)} a call", closeness(fidelity.get(id_)))
        for id_, cost in good.items()
    }
    marks = [
        Mark(
            x=cost.bytes,
            y=cost.at(batch).p50,
            kind=said[id_][2],
            hover=f"<b>{escape(names[id_])}</b><br>{'<br>'.join(said[id_])}",
            number=numbers.get(id_),
        )
        for id_, cost in good.items()
    ]
    call = f"time of a call of {'1 row' if batch == 1 else f'{batch} rows'}"
    figure = trade_offs(marks, Axis("size on disk", size), Axis(call, _short), CLOSENESS)
    alt = "; ".join(f"{names[id_]}: {', '.join(words)}" for id_, words in said.items())
    st.plotly_chart(figure, config=CONFIG, key="cost-trade-offs", alt=f"Size against time of a call. {alt}")
    st.caption("Further left is smaller, further down is faster. Numbered and joined: those that nothing beats.")
    key = [f"**{number} {plain(names[id_])}**: {plain(', '.join(said[id_]))}" for id_, number in numbers.items()]
    st.caption("  \n".join(key))


def closeness(difference: float | None) -> str:
    """The largest difference as one of `CLOSENESS`."""
    if difference is None or difference != difference:
        return CLOSENESS[4]
    bounds = (0.0, ATOL, CLOSE)
    return CLOSENESS[next((at for at, bound in enumerate(bounds) if difference <= bound), 3)]


def _short(seconds: float) -> str:
    """Times of a call, down to microseconds."""
    return duration(seconds) if seconds >= 0.001 else f"{seconds * 1e6:.0f} µs"
