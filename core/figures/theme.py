"""How every figure is dressed, and how its labels are written."""

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from core.text.metrics import format_number

DEFAULT_HEIGHT = 260
# Readable on white and on near-black.
COLOURS = ["#6366F1", "#0D9488", "#D97706", "#DB2777", "#0284C7", "#65A30D", "#9333EA", "#DC2626", "#64748B", "#A16207"]
PLOTLY_CONFIG = {"displayModeBar": False}

# From blue to yellow, in even steps of lightness: read alike by every kind of eye. Its darkest tenth would be lost on
# a dark ground.
COLOUR_SCALE = sample_colorscale("Cividis", [0.1 + 0.1 * step for step in range(10)])
NO_DIFFERENCE_COLOUR = "#94A3B8"  # where nothing differs, and nothing is to be seen
IDENTICAL_COLOUR = "#5EEAD4"  # bit-identical, and nothing else
CHANGED_COLOUR = "#F59E0B"  # answers changed
MAX_LINE_LENGTH = 22  # letters of a name in one line

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def apply_theme(figure: go.Figure, x: str, y: str, height: int = DEFAULT_HEIGHT) -> go.Figure:
    """The figure with our colours, margins and axis titles; the page or the report gives ground and ink."""
    figure.update_layout(
        height=height,
        colorway=COLOURS,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis_title=x or None,
        yaxis_title=y or None,
        hovermode="closest",
    )
    # Room for what is written beside the axes, which not every theme gives.
    axis = {"automargin": True, "ticks": ""}
    return figure.update_xaxes(**axis).update_yaxes(**axis)


def empty_figure(sentence: str) -> go.Figure:
    """A low figure that says why there is nothing to draw."""
    figure = apply_theme(go.Figure(), "", "", height=90)
    figure.add_annotation(text=sentence, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    return figure.update_xaxes(visible=False).update_yaxes(visible=False)


def power_of_ten(exponent: int) -> str:
    """A power of ten as it is written by hand."""
    return "1" if exponent == 0 else "10" + str(exponent).translate(_SUPERSCRIPTS)


def number_or_dash(value: float | str | None) -> str:
    """A number for a hover, a dash where there is none."""
    return "–" if value is None else format_number(value)


def wrap_label(name: str, max_length: int = MAX_LINE_LENGTH) -> str:
    """A name in short lines, as Plotly's text: nothing in it is markup."""
    lines = wrap(name, max_length, break_long_words=True) or [name]
    return "<br>".join(escape_label(line) for line in lines)


def escape_label(text: str) -> str:
    """Plotly reads a few HTML tags in any text; in a name they are letters."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def decade_ticks(low: int, high: int, max_ticks: int = 7) -> list[int]:
    """Exponents to be written below an axis from 10^low to 10^high, at most so many."""
    step = max(1, math.ceil((high - low + 1) / max_ticks))
    return [one for one in range(low, high + 1) if one % step == 0]


def log_colorbar(low: float, high: float, title: str) -> dict[str, Any]:
    """A colour bar of values that are logarithms, with the numbers themselves written beside it.

    It lies above the figure: at the side it would take a third of a narrow screen.
    """
    ticks = decade_ticks(math.floor(low), math.ceil(high), 5)
    ticks = [one for one in ticks if low <= one <= high]
    inside = (high - low) / 50
    ticks = ticks if len(ticks) > 1 else [low + inside, high - inside]
    return {
        "title": {"text": title, "side": "top"},
        "tickvals": ticks,
        "ticktext": [power_of_ten(one) if float(one).is_integer() else number_or_dash(10**one) for one in ticks],
        "orientation": "h",
        "thickness": 10,
        "len": 1,
        "y": 1.02,
        "yanchor": "bottom",
        "x": 0,
        "xanchor": "left",
        "xpad": 0,
    }


def log10_values(rows: Sequence[Sequence[float | None]]) -> list[list[float | None]]:
    """The logarithm of every positive number, None for all others."""
    return [[math.log10(one) if one is not None and one > 0 else None for one in row] for row in rows]


def value_range(rows: Sequence[Sequence[float | None]]) -> tuple[float, float] | None:
    """The smallest and the largest number of a table, a little apart where they are one; None where there is none."""
    found = [one for row in rows for one in row if one is not None]
    if not found:
        return None
    low, high = min(found), max(found)
    return (low, high) if high - low > 1e-9 else (low - 0.5, high + 0.5)
