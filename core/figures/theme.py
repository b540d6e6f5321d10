"""Layout, colours and labels that all figures share."""

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from core.text.numbers import format_number

DEFAULT_HEIGHT = 260
PAIRED_HEIGHT = 340  # in pixels, of figures that stand two by two
# Readable on white and on near-black.
COLOURS = ["#6366F1", "#0D9488", "#D97706", "#DB2777", "#0284C7", "#65A30D", "#9333EA", "#DC2626", "#64748B", "#A16207"]
PLOTLY_CONFIG = {"displayModeBar": False}
# A legend at the bottom edge of the figure, with as many lines as it needs: beside the plot, or a share of its height
# below it, a legend lay on the bars once the window was made wider. Plotly's own limit, half of the height, hid its
# last lines in a narrow window.
LEGEND_BELOW = {"yref": "container", "y": 0, "yanchor": "bottom", "maxheight": 0.9}

# From blue to yellow, in even steps of lightness: read alike by every kind of eye. Its darkest tenth would be lost on
# a dark ground.
COLOUR_SCALE = sample_colorscale("Cividis", [0.1 + 0.1 * step for step in range(10)])
NO_DIFFERENCE_COLOUR = "#94A3B8"  # where nothing differs, and nothing is to be seen
NO_GRID = {"showgrid": False, "zeroline": False}
IDENTICAL_COLOUR = "#5EEAD4"  # bit-identical, and nothing else
CHANGED_COLOUR = "#F59E0B"  # answers changed
MAX_BAR_TICKS = 5
MAX_LINE_LENGTH = 22  # letters of a name in one line

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NEUTRAL = "#8A87A0"  # lines that are no data, on white and on near-black


def apply_theme(figure: go.Figure, x: str, y: str, height: int = DEFAULT_HEIGHT) -> go.Figure:
    """Set colours, margins and axis titles; the page or the report gives ground and ink."""
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
    """Make a low figure that says why there is nothing to draw."""
    figure = apply_theme(go.Figure(), "", "", height=90)
    figure.add_annotation(text=sentence, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    return figure.update_xaxes(visible=False).update_yaxes(visible=False)


def single_colour(colour: str) -> list[list[Any]]:
    """Make the colour scale of a heat map in one colour."""
    return [[0, colour], [1, colour]]


def power_of_ten(exponent: int) -> str:
    """Format a power of ten as it is written by hand."""
    return "1" if exponent == 0 else "10" + str(exponent).translate(_SUPERSCRIPTS)


def number_or_dash(value: float | str | None) -> str:
    """Format a number for a hover, or a dash."""
    return "–" if value is None else format_number(value)


def wrap_label(name: str, max_length: int = MAX_LINE_LENGTH) -> str:
    """Wrap a name in short lines, as Plotly's text: nothing in it is markup."""
    lines = wrap(name, max_length, break_long_words=True) or [name]
    return "<br>".join(escape_label(line) for line in lines)


def escape_label(text: str) -> str:
    """Escape the HTML tags that Plotly reads in any text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def log_colorbar(low: float, high: float, title: str) -> dict[str, Any]:
    """Make a colour bar of base-10 logarithms, labelled with the numbers themselves.

    It lies above the figure: at the side it would take a third of a narrow screen.
    """
    first, last = math.floor(low), math.ceil(high)
    step = max(1, math.ceil((last - first + 1) / MAX_BAR_TICKS))
    ticks: list[float] = [tick for tick in range(first, last + 1) if tick % step == 0 and low <= tick <= high]
    if len(ticks) < 2:
        margin = (high - low) / 50
        ticks = [low + margin, high - margin]
    return {
        "title": {"text": title, "side": "top"},
        "tickvals": ticks,
        "ticktext": [power_of_ten(int(at)) if float(at).is_integer() else number_or_dash(10**at) for at in ticks],
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
    """Take the logarithm of every positive number; None for all others."""
    return [[math.log10(value) if value is not None and value > 0 else None for value in row] for row in rows]


def value_range(rows: Sequence[Sequence[float | None]]) -> tuple[float, float] | None:
    """Find the smallest and the largest number of a table, with a distance between them."""
    values = [value for row in rows for value in row if value is not None]
    if not values:
        return None
    low, high = min(values), max(values)
    return (low, high) if high - low > 1e-9 else (low - 0.5, high + 0.5)
