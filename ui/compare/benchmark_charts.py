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
from core.figures.theme import PLOTLY_CONFIG, apply_theme
from core.jobs.benchmark_result import ArtifactBenchmark
from core.text.labels import format_duration, format_size
from ui.charts import NEUTRAL, stacked_bar_chart
from ui.components import escape_markdown

# Kinds from best to worst, told apart by colour and by shape.
KIND_COLOURS = ["#0D9488", "#0284C7", "#D97706", "#DC2626", NEUTRAL]
KIND_SYMBOLS = ["circle", "square", "diamond", "x", "circle-open"]


class TradeOffPoint(NamedTuple):
    """One point of `trade_offs`: where, of which kind, its words, and its number where it lies on the line."""

    x: float
    y: float
    kind: str
    hover: str
    number: int | None = None


class LogAxis(NamedTuple):
    """A logarithmic axis: its title, and how a value on it is written."""

    title: str
    format_value: Callable[[float], str]


def trade_off_chart(points: list[TradeOffPoint], x: LogAxis, y: LogAxis, kinds: Sequence[str]) -> go.Figure:
    """Points on logarithmic axes, each kind with a colour and a shape of its own; those with a number are joined in
    the order of their numbers."""
    figure = go.Figure()
    joined = sorted((one for one in points if one.number is not None), key=lambda one: one.number)
    line = {"color": NEUTRAL, "width": 1.5, "dash": "dot"}
    xs, ys = [one.x for one in joined], [one.y for one in joined]
    figure.add_scatter(x=xs, y=ys, mode="lines", line=line, hoverinfo="skip", name="nothing beats these")
    for kind, colour, symbol in zip(kinds, KIND_COLOURS, KIND_SYMBOLS, strict=True):
        if found := [one for one in points if one.kind == kind]:
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
    figure.update_xaxes(**_log_axis([one.x for one in points], x.format_value))
    figure.update_yaxes(**_log_axis([one.y for one in points], y.format_value))
    return apply_theme(figure, x.title, y.title, height=440).update_layout(legend={"y": -0.2, "yanchor": "top"})


def _log_axis(values: list[float], format_value: Callable[[float], str]) -> dict[str, Any]:
    """An axis with room around the outermost points, and a few round numbers on it."""
    least, most = math.log10(min(values)), math.log10(max(values))
    room = max(0.1 * (most - least), 0.15)
    bounds = [least - room, most + room]
    steps = (1,) if bounds[1] - bounds[0] > 2 else (1, 2, 5)
    powers = range(math.floor(bounds[0]), math.ceil(bounds[1]) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    ticks = [tick for tick in ticks if bounds[0] <= math.log10(tick) <= bounds[1]]
    return {"type": "log", "range": bounds, "tickvals": ticks, "ticktext": [format_value(tick) for tick in ticks]}


CLOSE_DIFFERENCE = 0.01  # a difference that nobody sees in a probability
# How far from the baseline, in words; best first.
CLOSENESS_LABELS = (
    "exactly the same",
    "same to rounding",
    f"off by {CLOSE_DIFFERENCE:g} at most",
    f"off by more than {CLOSE_DIFFERENCE:g}",
    "not compared",
)


def show_first_prediction_chart(benchmarks: dict[str, ArtifactBenchmark], names: dict[str, str]) -> None:
    st.subheader("From click to first answer")
    order = sorted(benchmarks, key=lambda id_: benchmarks[id_].click.median)
    whole = [benchmarks[id_].click for id_ in order]
    parts = {
        "load": [benchmarks[id_].load.median * 1000 for id_ in order],
        "first answer": [benchmarks[id_].first.median * 1000 for id_ in order],
    }
    hover = {part: [f"{part}: {format_duration(value / 1000)}" for value in values] for part, values in parts.items()}
    bounds = [(spread.least * 1000, spread.most * 1000) for spread in whole]
    figure = stacked_bar_chart([names[id_] for id_ in order], parts, "milliseconds", hover, bounds)
    said = ", ".join(f"{names[id_]} {format_duration(benchmarks[id_].click.median)}" for id_ in order)
    st.plotly_chart(figure, config=PLOTLY_CONFIG, key="cost-click", alt=f"Time from click to first answer: {said}")


def show_trade_off_chart(
    benchmarks: dict[str, ArtifactBenchmark],
    names: dict[str, str],
    fidelity: dict[str, float | None],
    pareto_ids: list[str],
    batch: int,
) -> None:
    st.subheader("Size, speed, fidelity")
    numbers = {id_: at for at, id_ in enumerate(pareto_ids, 1)}
    said = {
        id_: (
            format_size(cost.bytes),
            f"{_call_duration(cost.latency_at(batch).p50)} a call",
            closeness_label(fidelity.get(id_)),
        )
        for id_, cost in benchmarks.items()
    }
    marks = [
        TradeOffPoint(
            x=cost.bytes,
            y=cost.latency_at(batch).p50,
            kind=said[id_][2],
            hover=f"<b>{escape(names[id_])}</b><br>{'<br>'.join(said[id_])}",
            number=numbers.get(id_),
        )
        for id_, cost in benchmarks.items()
    ]
    call = f"time of a call of {'1 row' if batch == 1 else f'{batch} rows'}"
    figure = trade_off_chart(
        marks, LogAxis("size on disk", format_size), LogAxis(call, _call_duration), CLOSENESS_LABELS
    )
    alt = "; ".join(f"{names[id_]}: {', '.join(words)}" for id_, words in said.items())
    st.plotly_chart(figure, config=PLOTLY_CONFIG, key="cost-trade-offs", alt=f"Size against time of a call. {alt}")
    st.caption("Further left is smaller, further down is faster. Numbered and joined: those that nothing beats.")
    key = [
        f"**{number} {escape_markdown(names[id_])}**: {escape_markdown(', '.join(said[id_]))}"
        for id_, number in numbers.items()
    ]
    st.caption("  \n".join(key))


def closeness_label(difference: float | None) -> str:
    """The largest difference as one of `CLOSENESS`."""
    if difference is None or difference != difference:
        return CLOSENESS_LABELS[4]
    bounds = (0.0, ATOL, CLOSE_DIFFERENCE)
    return CLOSENESS_LABELS[next((at for at, bound in enumerate(bounds) if difference <= bound), 3)]


def _call_duration(seconds: float) -> str:
    """Times of a call, down to microseconds."""
    return format_duration(seconds) if seconds >= 0.001 else f"{seconds * 1e6:.0f} µs"
