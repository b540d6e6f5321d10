"""How many answers are right, and how sure that is."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from core.figures.dressing import COLOURS, broken, dressed, escaped, nothing


def accuracies(found: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """A dot for the share of right answers of each name, with whiskers for its 95 % interval.

    `found` gives for each name an `Accuracy` as JSON; the first is the baseline.
    """
    if not found:
        return nothing("The right answers are not known for these rows.")
    names, rows = list(found), list(found.values())
    shares = [100 * one["value"] for one in rows]
    figure = go.Figure(
        go.Scatter(
            x=shares,
            y=list(range(len(names))),
            mode="markers",
            marker={"size": 11, "color": [COLOURS[2], *[COLOURS[0]] * (len(names) - 1)]},
            marker_symbol=["diamond", *["circle"] * (len(names) - 1)],
            error_x={
                "array": [100 * (one["high"] - one["value"]) for one in rows],
                "arrayminus": [100 * (one["value"] - one["low"]) for one in rows],
                "thickness": 2,
                "width": 6,
                "color": COLOURS[8],
            },
            hovertext=[_words(name, one) for name, one in found.items()],
            hoverinfo="text",
        )
    )
    ticks = {"tickvals": list(range(len(names))), "ticktext": [broken(name) for name in names]}
    figure.update_yaxes(**ticks, range=[len(names) - 0.5, -0.5], automargin=True, zeroline=False)
    figure.update_xaxes(ticksuffix=" %", zeroline=False, nticks=6)
    return dressed(figure, "right answers", "", height=100 + 40 * len(names))


def _words(name: str, one: Mapping[str, Any]) -> str:
    interval = f"{one['low']:.1%} to {one['high']:.1%}"
    return f"<b>{escaped(name)}</b><br>{one['value']:.1%} of {one['rows']:,} rows are right<br>interval {interval}"
