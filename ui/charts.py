"""Charts that pages share: metrics over the epochs, the ways in which training continues, class probabilities."""

import math
import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple

import plotly.graph_objects as go
import streamlit as st

from core.figures.theme import COLOURS, LEGEND_BELOW, NEUTRAL, apply_theme, escape_label
from core.text.numbers import format_number, format_size

PAST, LIVE = NEUTRAL, "rgba(138, 135, 160, 0.4)"  # the run's own epochs; its live model's further training
MAX_CACHED = 128  # figures of a kind that are drawn once; what they hold is theirs alone, and nobody may change them
NOTE_WIDTH = 28  # characters below a name, as many as leave a bar its place in a narrow window
MAX_EPOCH_TICKS = 12  # up to here each epoch has its number: Plotly would write 1.5 between two of few
LOG_SCALE_RATIO = 40  # from this ratio of the largest to the smallest loss, small ones need a logarithmic axis


def training_curves(history: list[dict[str, Any]], metric: str) -> go.Figure:
    """Draw one metric over the epochs, for the training and the validation data."""
    epochs = [row["epoch"] for row in history]
    figure = go.Figure()
    for key, name in ((metric, "training"), (f"val_{metric}", "validation")):
        if any(row.get(key) is not None for row in history):
            values = [row.get(key) for row in history]
            figure.add_scatter(x=epochs, y=values, name=name, mode="lines+markers", marker={"size": 5})
    figure = apply_theme(figure, "epoch", _name_metric(metric))
    return figure.update_xaxes(dtick=1) if len(epochs) <= MAX_EPOCH_TICKS else figure


def _name_metric(metric: str) -> str:
    """Return a metric of Keras in words: "price_mae" is "price average error"."""
    return " ".join("average error" if word == "mae" else word for word in metric.split("_"))


def metric_names(history: list[dict[str, Any]]) -> list[str]:
    """Return the metrics in a history, the loss first."""
    names = [name for name in (history[0] if history else {}) if name != "epoch" and not name.startswith("val_")]
    return sorted(names, key=lambda name: (name != "loss", name))


class LossCurve(NamedTuple):
    """Losses of one training, by the epoch of the run (fractions are batches)."""

    name: str
    epochs: list[float]
    losses: list[float | None]


def resume_curves(past: LossCurve, live: LossCurve, copies: list[LossCurve]) -> go.Figure:
    """Draw the run's own epochs, then the further training of its live model and, on top of that, of the copies."""
    figure = go.Figure()
    styles: list[dict[str, Any]] = [
        {"mode": "lines+markers", "line": {"color": PAST, "width": 2}, "marker": {"size": 6}},
        {"mode": "lines", "line": {"color": LIVE, "width": 9}},
        *({"mode": "lines", "line": {"color": COLOURS[index % len(COLOURS)]}} for index in range(len(copies))),
    ]
    hover = "epoch %{x:.2f}<br>loss %{y:.4g}"
    for curve, style in zip((past, live, *copies), styles, strict=True):
        figure.add_scatter(x=curve.epochs, y=curve.losses, name=curve.name, hovertemplate=hover, **style)
    if past.epochs:
        _mark_training_end(figure, past.epochs[-1], live.epochs)
    losses = [*past.losses[-1:], *(loss for curve in (live, *copies) for loss in curve.losses)]
    _set_loss_axis(figure, [loss for loss in losses if loss is not None])
    figure = apply_theme(figure, "epoch", "loss", height=400 + 22 * len(copies))
    return figure.update_layout(legend={**LEGEND_BELOW, "orientation": "v"})


def _mark_training_end(figure: go.Figure, end: float, live_epochs: list[float]) -> None:
    figure.add_vline(end, line={"dash": "dot", "color": PAST, "width": 1.5})
    figure.add_annotation(x=end, y=1, yref="paper", text="training ended here ", showarrow=False, xanchor="right")
    first, last = _resume_range(end, live_epochs or [end + 1])
    figure.update_xaxes(range=[first, last], dtick=1 if last - first <= MAX_EPOCH_TICKS else None)


def _set_loss_axis(figure: go.Figure, losses: list[float]) -> None:
    """Fit the axis to these losses; the first epochs, mostly out of sight, would press all the rest flat."""
    if losses and min(losses) > 0 and max(losses) > LOG_SCALE_RATIO * min(losses):
        figure.update_yaxes(log_axis(losses, format_number))
    elif losses:
        margin = 0.06 * (max(losses) - min(losses)) or 0.01
        figure.update_yaxes(range=[min(losses) - margin, max(losses) + margin])


def _resume_range(end: float, epochs: list[float]) -> list[float]:
    """Return a range of the axis in which the past takes a third at most; a double click shows all of it.

    It is an epoch long at least: a training that has just begun fills a part of it.
    """
    length = max(max(epochs) - end, 1.0)
    return [max(0.0, end - length / 2) - length * 0.02, end + length * 1.02]


def loss_difference_chart(epochs: list[float], differences: list[float | None], limit: float, colour: str) -> go.Figure:
    """Draw a copy's loss minus the live model's, batch by batch, on an axis from -`limit` to `limit`."""
    figure = go.Figure(go.Scatter(x=epochs, y=differences, mode="lines", line={"color": colour, "width": 2}))
    figure.update_traces(hovertemplate="epoch %{x:.2f} more<br>%{y:+.3g}<extra></extra>")
    if not any(differences):
        figure.update_yaxes(tickvals=[0])
    figure.update_xaxes(dtick=1 if max(epochs) <= 5 else None)
    figure.update_yaxes(range=[-1.1 * limit, 1.1 * limit], zeroline=True, zerolinecolor=PAST, nticks=5)
    return apply_theme(figure, "epochs more", "", height=150).update_layout(margin={"t": 8})


MAX_SEPARATE = 3  # models that each have bars of their own; of more, those with equal predictions share theirs


@st.cache_resource(show_spinner=False, max_entries=MAX_CACHED)
def probability_bars(classes: list[str], predictions: dict[str, list[float]]) -> go.Figure:
    """Draw the probability of each class, with a bar for each model, or for all models that predict the same.

    Cached by what is drawn, as is `size_chart`: most of a rerun of the Compare page was making these figures anew.
    """
    if len(predictions) > MAX_SEPARATE:
        predictions = _merge_equal(predictions)
    figure = go.Figure()
    names = [escape_label(label) for label in classes]
    for name, values in predictions.items():
        figure.add_bar(x=names, y=values, name=escape_label(name))
    figure.update_layout(barmode="group")
    figure.update_xaxes(type="category")
    figure = apply_theme(figure, "class", "probability", height=300 + 14 * len(predictions))
    # The legend is below: beside the bars, a long list of names would leave them no room on a narrow screen.
    return figure.update_layout(legend=LEGEND_BELOW)


def _merge_equal(predictions: dict[str, list[float]]) -> dict[str, list[float]]:
    names: dict[tuple[float, ...], list[str]] = {}
    for name, values in predictions.items():
        names.setdefault(tuple(values), []).append(name)
    return {_join_names(group): list(values) for values, group in names.items()}


def _join_names(names: list[str]) -> str:
    first, *others = names
    if not others:
        return first
    return f"{first} and {others[0] if len(others) == 1 else f'{len(others)} others, which predict the same'}"


@st.cache_resource(show_spinner=False, max_entries=MAX_CACHED)
def size_chart(names: list[str], sizes: list[int], notes: list[str], colours: list[str]) -> go.Figure:
    """Draw the bytes of each copy as a bar in its colour; a note stands below its name, in lines that fit a phone."""
    wrapped = [[escape_label(line) for line in wrap_note(note)] for note in notes]
    labels = ["<br>".join([f"<b>{escape_label(name)}</b>", *lines]) for name, lines in zip(names, wrapped, strict=True)]
    row_height = 28 + 16 * max(map(len, wrapped), default=1)
    texts = [format_size(size) for size in sizes]
    figure = go.Figure(go.Bar(x=sizes, y=labels, orientation="h", marker={"color": colours}, text=texts))
    figure.update_traces(textposition="outside", cliponaxis=False, hoverinfo="skip")
    figure.update_xaxes(visible=False, range=[0, 1.35 * (max(sizes) or 1)], fixedrange=True)
    figure.update_yaxes(autorange="reversed", automargin=True, fixedrange=True)
    return apply_theme(figure, "", "", height=20 + row_height * len(names)).update_layout(margin={"t": 4}, bargap=0.45)


def wrap_note(note: str) -> list[str]:
    """Return a note in lines that fit a phone; each of its parts, between which dots stand, is whole where it fits."""
    lines: list[str] = []
    for part in note.split(" · "):
        if lines and len(f"{lines[-1]} · {part}") <= NOTE_WIDTH:
            lines[-1] += f" · {part}"
        else:
            lines += textwrap.wrap(part, NOTE_WIDTH) or [""]
    return lines


def log_axis(values: list[float], format_value: Callable[[Any], str]) -> dict[str, Any]:
    """Return a logarithmic axis with a margin around the outermost points, and a few round numbers as ticks."""
    least, most = math.log10(min(values)), math.log10(max(values))
    margin = max(0.1 * (most - least), 0.15)
    low, high = least - margin, most + margin
    steps = (1,) if high - low > 2 else (1, 2, 5)
    powers = range(math.floor(low), math.ceil(high) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps if low <= math.log10(step * 10.0**power) <= high]
    return {"type": "log", "range": [low, high], "tickvals": ticks, "ticktext": [format_value(tick) for tick in ticks]}


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
