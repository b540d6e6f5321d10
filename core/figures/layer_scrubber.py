"""The layer scrubber: one row on its way through two models, layer by layer, with the difference of both beside it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.figures.theme import COLOUR_SCALE, apply_theme, escape_label, wrap_label

HEIGHT = 360
HALF_LETTER = 4  # pixels
TITLE_SIZE, TITLE_LENGTH = 12, 15  # pixels; letters of a line, which three side by side have room for on a phone
FRAME_MILLISECONDS = 700
PLAYED = {"frame": {"duration": FRAME_MILLISECONDS, "redraw": True}, "transition": {"duration": 0}}
AT_ONCE = {"frame": {"duration": 0, "redraw": True}, "mode": "immediate", "transition": {"duration": 0}}


class LayerPicture(NamedTuple):
    """One layer: its name, whether it differs, and its values in both models as tables, (height, width) each."""

    name: str
    differs: bool
    values: np.ndarray
    partner: np.ndarray


def layer_scrubber(pictures: Sequence[LayerPicture], names: tuple[str, str], start: int = 0) -> go.Figure:
    """Draw the layers as frames of one figure, with a slider; Play stops at the first that differs.

    Args:
        names: What the two models are called.
        start: Index of the layer that is shown first.
    """
    titles = [*(wrap_label(name, TITLE_LENGTH) for name in names), "difference"]
    figure = make_subplots(1, 3, subplot_titles=titles, horizontal_spacing=0.04)
    frames = [_frame(str(place), picture, names) for place, picture in enumerate(pictures)]
    for column, trace in enumerate(frames[start].data, 1):
        figure.add_trace(trace, 1, column)
    figure.frames = frames
    figure.update_xaxes(visible=False).update_yaxes(visible=False, autorange="reversed")
    figure.update_annotations(font={"size": TITLE_SIZE})
    top = 16 + 1.4 * TITLE_SIZE * max(title.count("<br>") + 1 for title in titles)
    figure = apply_theme(figure, "", "", HEIGHT).update_layout(margin={"t": top})
    return figure.update_layout(sliders=[_slider(pictures, start)], updatemenus=[_play_button(pictures)])


def _frame(key: str, picture: LayerPicture, names: tuple[str, str]) -> go.Frame:
    low, high = _limits(picture.values, picture.partner)
    both = [
        go.Heatmap(z=table, zmin=low, zmax=high, hovertemplate="%{z:.6g}<extra>" + escape_label(name) + "</extra>")
        for table, name in zip((picture.values, picture.partner), names, strict=True)
    ]
    with np.errstate(invalid="ignore"):
        gaps = np.abs(picture.values - picture.partner)
    most = float(np.nanmax(gaps)) if np.isfinite(gaps).any() else 0.0
    difference = go.Heatmap(z=gaps, zmin=0, zmax=most or 1, hovertemplate="%{z:.3g}<extra>difference</extra>")
    for heatmap in (*both, difference):
        heatmap.update(colorscale=COLOUR_SCALE, showscale=False, xgap=1, ygap=1)
    return go.Frame(data=[*both, difference], name=key, traces=[0, 1, 2])


def _limits(*tables: np.ndarray) -> tuple[float, float]:
    """The smallest and the largest finite number of all tables, one scale for both models."""
    numbers = np.concatenate([table[np.isfinite(table)] for table in tables])
    return (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 1.0)


def _slider(pictures: Sequence[LayerPicture], start: int) -> dict[str, Any]:
    marks = ["≠ " if picture.differs else "" for picture in pictures]
    labels = [mark + escape_label(picture.name) for mark, picture in zip(marks, pictures, strict=True)]
    steps = [
        {"label": label, "method": "animate", "args": [[str(place)], AT_ONCE]} for place, label in enumerate(labels)
    ]
    room = HALF_LETTER * len(labels[-1])  # half of the last label stands out beyond the end of the slider
    place = {"active": start, "x": 0.24, "len": 0.76, "pad": {"t": 12, "r": room}}
    return {"steps": steps, "currentvalue": {"prefix": "Layer: "}} | place


def _play_button(pictures: Sequence[LayerPicture]) -> dict[str, Any]:
    first = next((place for place, picture in enumerate(pictures) if picture.differs), len(pictures) - 1)
    button = {"label": "▶ Play", "method": "animate", "args": [[str(place) for place in range(first + 1)], PLAYED]}
    place = {"x": 0, "y": 0, "xanchor": "left", "yanchor": "top", "pad": {"t": 32}}
    return {"type": "buttons", "showactive": False, "buttons": [button], **place}
