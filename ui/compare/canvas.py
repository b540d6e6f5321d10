"""The canvas on which a digit is drawn."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st

from core.arrays import Arrays
from core.demos.drawing import PEN_WIDTH, Strokes, center_digit, render_strokes
from core.library import Run
from ui.browser_component import BUTTON, load_component

_CANVAS = load_component(Path(__file__).parent, "canvas", BUTTON)


class Drawing(NamedTuple):
    """The drawing on the canvas; all arrays are float32.

    Attributes:
        strokes: As `core.demos.drawing.render_strokes` takes them.
        ink: (256, 256) in [0, 1].
        pixels: (rows, columns) in [0, 1], as the data of the models was made.
    """

    strokes: Strokes
    ink: np.ndarray
    pixels: np.ndarray


def draw_canvas(shape: tuple[int, int], key: str, label: str = "Draw a digit here") -> Drawing | None:
    """Show the canvas, and return the drawing with its pixels in `shape`; None while it is blank.

    A new value comes at the end of each stroke, and up to five times a second during one. Call this in an `st.fragment`
    together with what shows the predictions, so that only that is run again; values that come while the fragment runs
    wait, and only the latest of them is used. The session stores the drawing, also while another page is shown. Raises
    InputError where a browser sends anything but a drawing.
    """
    stored, is_new = f"{key}-kept", f"{key}-told"
    st.session_state[f"{key}-changed"] = st.session_state.pop(is_new, False)
    previous = st.session_state.get(stored, [])
    current = st.session_state.get(key, {}).get("strokes", previous)
    state = _CANVAS(
        key=key,
        data={"key": key, "strokes": current, "label": label, "pen": PEN_WIDTH},
        default={"strokes": previous},
        on_strokes_change=lambda: st.session_state.update({is_new: True}),
    )
    ink = render_strokes(state.strokes)
    st.session_state[stored] = state.strokes
    return Drawing(state.strokes, ink, center_digit(ink, shape)) if ink.any() else None


def inputs_from_pixels(run: Run, pixels: np.ndarray) -> Arrays:
    """Return pixels (rows, columns) as one row of inputs, in the shape and dtype that the run's models take."""
    (spec,) = run.inputs
    return {spec["name"]: pixels.reshape(1, *spec["shape"][1:]).astype(spec["dtype"])}


def has_drawing_changed(key: str) -> bool:
    """Whether the last `draw_canvas` with this key ran because something was drawn, undone or cleared.

    Results computed from a drawing are better cached by its pixels: a run for which this was True may be ended by a
    click elsewhere before it has computed anything.
    """
    return st.session_state.get(f"{key}-changed", False)
