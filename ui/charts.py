"""Plotly figures of the pages; the theme of the page gives the colours."""

import math
from typing import Any, NamedTuple

import plotly.graph_objects as go

from core.figures.theme import COLOURS, apply_theme, escape_label

NEUTRAL = "#8A87A0"  # lines that are no data, on white and on near-black
PAST, LIVE = NEUTRAL, "rgba(138, 135, 160, 0.4)"  # the run's own epochs; its live model's further training
LOG_SCALE_RATIO = 40  # from this ratio of the largest to the smallest loss, small ones need a logarithmic axis
LAYER_COLOURS = {"differs": "#DC2626", "same": "#0D9488", "same bits": "#0D9488"}
LOG_ZERO = 1e-9  # where a difference of 0 is drawn on a logarithmic scale

# Groups of a size breakdown; white text is readable on each colour, and each colour on white and on near-black.
GROUP_COLOURS = {
    "weights": "#4F46E5",
    "optimizer state": "#0F766E",
    "graph": "#B45309",
    "graph and converted weights": "#9333EA",
    "graph and weights": "#9333EA",
    "structure and converted weights": "#BE185D",
    "weights and structure": "#BE185D",
    "metadata": "#0369A1",
    "structure and padding": "#64748B",
    "not searched": "#7C6F64",
}


def training_curves(history: list[dict[str, Any]], metric: str) -> go.Figure:
    """Draw one metric over the epochs, for the training and the validation data."""
    epochs = [row["epoch"] for row in history]
    figure = go.Figure()
    for key, name in ((metric, "training"), (f"val_{metric}", "validation")):
        if any(row.get(key) is not None for row in history):
            values = [row.get(key) for row in history]
            figure.add_scatter(x=epochs, y=values, name=name, mode="lines+markers", marker={"size": 5})
    return apply_theme(figure, "epoch", metric)


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
    return figure.update_layout(legend={"y": -0.2, "yanchor": "top", "orientation": "v"})


def _mark_training_end(figure: go.Figure, end: float, live_epochs: list[float]) -> None:
    figure.add_vline(end, line={"dash": "dot", "color": PAST, "width": 1.5})
    figure.add_annotation(x=end, y=1, yref="paper", text="training ended here ", showarrow=False, xanchor="right")
    figure.update_xaxes(range=_resume_range(end, live_epochs or [end + 1]))


def _set_loss_axis(figure: go.Figure, losses: list[float]) -> None:
    """Fit the axis to these losses; the first epochs, mostly out of sight, would press all the rest flat."""
    if losses and min(losses) > 0 and max(losses) > LOG_SCALE_RATIO * min(losses):
        figure.update_yaxes(type="log")
    elif losses:
        margin = 0.06 * (max(losses) - min(losses)) or 0.01
        figure.update_yaxes(range=[min(losses) - margin, max(losses) + margin])


def _resume_range(end: float, epochs: list[float]) -> list[float]:
    """Return a range of the axis in which the past takes a third at most; a double click shows all of it."""
    length = max(epochs) - end
    return [max(0.0, end - length / 2) - length * 0.02, max(epochs) + length * 0.02]


def loss_difference_chart(epochs: list[float], differences: list[float | None], limit: float, colour: str) -> go.Figure:
    """Draw a copy's loss minus the live model's, batch by batch, on an axis from -`limit` to `limit`."""
    figure = go.Figure(go.Scatter(x=epochs, y=differences, mode="lines", line={"color": colour, "width": 2}))
    figure.update_traces(hovertemplate="epoch %{x:.2f} more<br>%{y:+.3g}<extra></extra>")
    if not any(differences):
        figure.update_yaxes(tickvals=[0])
    figure.update_xaxes(dtick=1 if max(epochs) <= 5 else None)
    figure.update_yaxes(range=[-1.1 * limit, 1.1 * limit], zeroline=True, zerolinecolor=PAST, nticks=5)
    return apply_theme(figure, "epochs more", "", height=150).update_layout(margin={"t": 8})


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


def probability_bars(classes: list[str], predictions: dict[str, list[float]]) -> go.Figure:
    """Draw the probability of each class, with a bar for each model."""
    figure = go.Figure()
    names = [escape_label(label) for label in classes]
    for name, values in predictions.items():
        figure.add_bar(x=names, y=values, name=escape_label(name))
    figure.update_layout(barmode="group")
    figure.update_xaxes(type="category")
    figure = apply_theme(figure, "class", "probability", height=300 + 14 * len(predictions))
    # The legend is below: beside the bars, a long list of names would leave them no room on a narrow screen.
    return figure.update_layout(legend={"y": -0.25, "yanchor": "top"})


def layer_difference_chart(steps: list[dict[str, Any]], tolerance: float, states: list[str]) -> go.Figure:
    """Draw one line for each layer, from the top: its difference as a share of its range, on a logarithmic scale.

    Layers that were not compared have a hollow mark at the left; the tolerance is a dashed line.
    """
    shares = [max(step["relative"] or 0.0, LOG_ZERO) for step in steps]
    figure = go.Figure()
    _add_stems(figure, shares)
    marker = {
        "color": [LAYER_COLOURS.get(state, NEUTRAL) for state in states],
        "symbol": ["circle" if state in LAYER_COLOURS else "circle-open" for state in states],
        "size": 10,
    }
    pairs = zip(steps, states, strict=True)
    hover = [escape_label(f"{step['layer']}: {state}, {step['words']}") for step, state in pairs]
    rows = list(range(len(steps)))
    figure.add_scatter(x=shares, y=rows, mode="markers", marker=marker, hovertext=hover, hoverinfo="text")
    if tolerance:
        figure.add_vline(x=tolerance, line={"dash": "dash", "color": "#D97706"})
        position = {"x": math.log10(tolerance), "y": 1, "yref": "paper", "yanchor": "bottom"}
        figure.add_annotation(text="tolerance", showarrow=False, **position)
    bounds = [math.log10(LOG_ZERO) - 0.3, math.log10(max(*shares, tolerance, 1e-3)) + 0.4]
    figure.update_xaxes(type="log", range=bounds, dtick=2, exponentformat="power")
    names = [escape_label(step["layer"]) for step in steps]
    figure.update_yaxes(tickvals=rows, ticktext=names, autorange="reversed", automargin=True, zeroline=False)
    figure = apply_theme(figure, "difference, as a share of the layer's range", "", 110 + 24 * len(steps))
    return figure.update_layout(showlegend=False)


def _add_stems(figure: go.Figure, shares: list[float]) -> None:
    """Add a horizontal line from the left edge to each share."""
    x = [value for share in shares for value in (LOG_ZERO, share, None)]  # None separates the lines
    y = [value for index in range(len(shares)) for value in (index, index, None)]
    figure.add_scatter(x=x, y=y, mode="lines", line={"color": NEUTRAL, "width": 1}, hoverinfo="skip")


def value_line_chart(rows: dict[str, list[float]], title: str) -> go.Figure:
    """Draw values over their positions, one line for each row."""
    figure = go.Figure()
    for name, values in rows.items():
        positions = list(range(1, len(values) + 1))
        figure.add_scatter(x=positions, y=values, name=escape_label(name), mode="lines+markers", marker={"size": 5})
    return apply_theme(figure, "place in the row", escape_label(title))


def treemap(
    ids: list[str], labels: list[str], parents: list[str], values: list[int], colours: list[str], hover: list[str]
) -> go.Figure:
    """Draw nested areas; the value of a parent is the sum of its children's."""
    figure = go.Figure(
        go.Treemap(
            ids=ids,
            labels=labels,
            parents=parents,
            values=values,
            hovertext=hover,
            hoverinfo="text",
            texttemplate="%{label}",
            textfont={"color": "#FFFFFF"},
            branchvalues="total",
            marker={"colors": colours, "pad": {"t": 22, "l": 3, "r": 3, "b": 3}, "depthfade": False},
            pathbar={"visible": False},
            tiling={"pad": 2},
        )
    )
    # A label that does not fit is hidden, and shown on hover, instead of shrinking until nobody can read it.
    figure.update_layout(uniformtext={"minsize": 11, "mode": "hide"})
    return apply_theme(figure, "", "", height=340).update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0})
