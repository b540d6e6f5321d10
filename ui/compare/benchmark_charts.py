"""Charts of the Costs tab: from click to first prediction, and size against speed against fidelity."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from core.compare import Verdict
from core.figures.theme import NEUTRAL, PLOTLY_CONFIG, apply_theme
from core.jobs.benchmark_result import ArtifactBenchmark, BatchLatency, RepeatedMeasurement
from core.library import Entry
from core.text.metrics import CLOSENESS_LABELS, closeness_label
from core.text.numbers import format_duration, format_size
from ui.components import escape_markdown

CLOSENESS_COLOURS = ("#0D9488", "#0284C7", "#D97706", "#DC2626", NEUTRAL)
CLOSENESS_SYMBOLS = ("circle", "square", "diamond", "x", "circle-open")


@dataclass(frozen=True)
class BenchmarkView:
    """The benchmarks of copies that loaded, by artifact.

    Attributes:
        fidelity: Largest difference of each from the baseline; None where it was not compared.
        batch: Rows in one call.
    """

    benchmarks: dict[str, ArtifactBenchmark]
    names: dict[str, str]
    entries: dict[str, Entry]
    fidelity: dict[str, float | None]
    batch: int

    def latency(self, id_: str) -> BatchLatency:
        return {latency.batch: latency for latency in self.benchmarks[id_].steady}[self.batch]

    def closeness(self, id_: str) -> str:
        return closeness_label(self.fidelity.get(id_))

    def comparable_ids(self) -> list[str]:
        """Return the ids of copies that can be weighed: compared ones that do not predict as another model would."""
        ids = [id_ for id_ in self.benchmarks if self.closeness(id_) != CLOSENESS_LABELS[-1]]
        return [id_ for id_ in ids if self.entries[id_].verdict != Verdict.DIFFERENT]


def show_first_prediction_chart(view: BenchmarkView) -> None:
    st.subheader("From click to first answer")
    clicks = {id_: _milliseconds(cost.click) for id_, cost in view.benchmarks.items()}
    ids = sorted(clicks, key=lambda id_: clicks[id_][0])
    names, costs = [view.names[id_] for id_ in ids], [view.benchmarks[id_] for id_ in ids]
    parts = {
        "load": [_milliseconds(cost.load)[0] for cost in costs],
        "first answer": [_milliseconds(cost.first)[0] for cost in costs],
    }
    hover = {part: [f"{part}: {format_duration(value / 1000)}" for value in values] for part, values in parts.items()}
    figure = stacked_bar_chart(names, parts, "milliseconds", hover, [clicks[id_][1:] for id_ in ids])
    texts = ", ".join(f"{view.names[id_]} {format_duration(clicks[id_][0] / 1000)}" for id_ in ids)
    st.plotly_chart(figure, config=PLOTLY_CONFIG, key="cost-click", alt=f"Time from click to first answer: {texts}")


def _milliseconds(measurement: RepeatedMeasurement | None) -> tuple[float, float, float]:
    """Return the median, the least and the most in milliseconds; zeros without a measurement."""
    if measurement is None:
        return 0.0, 0.0, 0.0
    return measurement.median * 1000, measurement.least * 1000, measurement.most * 1000


def show_trade_off_chart(view: BenchmarkView, pareto_ids: list[str]) -> None:
    st.subheader("Size, speed, fidelity")
    texts = {
        id_: f"{format_size(cost.bytes)}, {_call_duration(view.latency(id_).p50)} a call, {view.closeness(id_)}"
        for id_, cost in view.benchmarks.items()
    }
    figure = _trade_off_chart(view, pareto_ids, texts)
    alt = "; ".join(f"{view.names[id_]}: {text}" for id_, text in texts.items())
    st.plotly_chart(figure, config=PLOTLY_CONFIG, key="cost-trade-offs", alt=f"Size against time of a call. {alt}")
    st.caption("Further left is smaller, further down is faster. Numbered and joined: those that nothing beats.")
    keys = [
        f"**{number} {escape_markdown(view.names[id_])}**: {escape_markdown(texts[id_])}"
        for number, id_ in enumerate(pareto_ids, 1)
    ]
    st.caption("  \n".join(keys))


def _trade_off_chart(view: BenchmarkView, pareto_ids: list[str], texts: dict[str, str]) -> go.Figure:
    """Points on logarithmic axes, each closeness in a colour and shape of its own; a line joins the Pareto front."""
    places = {id_: (cost.bytes, view.latency(id_).p50) for id_, cost in view.benchmarks.items()}
    figure = go.Figure()

    def add(ids: list[str], **options: Any) -> None:
        figure.add_scatter(x=[places[id_][0] for id_ in ids], y=[places[id_][1] for id_ in ids], **options)

    line = {"color": NEUTRAL, "width": 1.5, "dash": "dot"}
    add(pareto_ids, mode="lines", line=line, hoverinfo="skip", name="nothing beats these")
    for label, colour, symbol in zip(CLOSENESS_LABELS, CLOSENESS_COLOURS, CLOSENESS_SYMBOLS, strict=True):
        if ids := [id_ for id_ in places if view.closeness(id_) == label]:
            is_best = [id_ in pareto_ids for id_ in ids]
            sizes, opacities = [14 if best else 10 for best in is_best], [1.0 if best else 0.6 for best in is_best]
            add(
                ids,
                name=label,
                mode="markers+text",
                text=[f"<b>{pareto_ids.index(id_) + 1}</b>" if id_ in pareto_ids else "" for id_ in ids],
                textposition="top center",
                hovertext=[f"<b>{escape(view.names[id_])}</b><br>{texts[id_].replace(', ', '<br>')}" for id_ in ids],
                hoverinfo="text",
                marker={"color": colour, "symbol": symbol, "size": sizes, "opacity": opacities},
            )
    figure.update_xaxes(**_log_axis([x for x, _ in places.values()], format_size))
    figure.update_yaxes(**_log_axis([y for _, y in places.values()], _call_duration))
    title = f"time of a call of {'1 row' if view.batch == 1 else f'{view.batch} rows'}"
    return apply_theme(figure, "size on disk", title, height=440).update_layout(legend={"y": -0.2, "yanchor": "top"})


def _log_axis(values: list[float], format_value: Callable[[Any], str]) -> dict[str, Any]:
    """Return a logarithmic axis with a margin around the outermost points, and a few round numbers as ticks."""
    least, most = math.log10(min(values)), math.log10(max(values))
    margin = max(0.1 * (most - least), 0.15)
    low, high = least - margin, most + margin
    steps = (1,) if high - low > 2 else (1, 2, 5)
    powers = range(math.floor(low), math.ceil(high) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps if low <= math.log10(step * 10.0**power) <= high]
    return {"type": "log", "range": [low, high], "tickvals": ticks, "ticktext": [format_value(tick) for tick in ticks]}


def _call_duration(seconds: float) -> str:
    """Return the time of a call in words, down to microseconds."""
    return format_duration(seconds) if seconds >= 0.001 else f"{seconds * 1e6:.0f} µs"


def stacked_bar_chart(
    names: list[str],
    parts: dict[str, list[float]],
    title: str,
    hover: dict[str, list[str]],
    bounds: list[tuple[float, float]] | None = None,
) -> go.Figure:
    """Draw a stacked horizontal bar for each name; error bars show `bounds`, the lowest and highest sums."""
    figure = go.Figure()
    for part, values in parts.items():
        figure.add_bar(x=values, y=names, name=part, orientation="h", hovertext=hover[part], hoverinfo="name+text")
    if bounds:
        sums = [sum(values) for values in zip(*parts.values(), strict=True)]
        figure.data[-1].error_x = {
            "array": [most - total for (_, most), total in zip(bounds, sums, strict=True)],
            "arrayminus": [total - least for (least, _), total in zip(bounds, sums, strict=True)],
            "color": NEUTRAL,
            "thickness": 1.5,
        }
    figure.update_layout(barmode="stack")
    figure.update_yaxes(autorange="reversed", automargin=True)
    return apply_theme(figure, title, "", height=110 + 38 * len(names)).update_layout(legend={"traceorder": "normal"})
