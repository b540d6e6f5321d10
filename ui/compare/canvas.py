"""A canvas to draw a digit on; what is drawn comes as the picture that the models see."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st

from core.demos.drawing import PEN, Strokes, centred, inked

HERE = Path(__file__).resolve().parent


def _beside(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


_PAD = st.components.v2.component(
    "roundtrip_canvas", html=_beside("canvas.html"), css=_beside("canvas.css"), js=_beside("canvas.js")
)


class Drawing(NamedTuple):
    """A drawing: its strokes as `core.demos.drawing.inked` takes them, its ink (256, 256) in [0, 1], and `pixels`
    (rows, columns) in [0, 1] as the data of the models was made; all float32."""

    strokes: Strokes
    ink: np.ndarray
    pixels: np.ndarray


def draw(shape: tuple[int, int], key: str, label: str = "Draw a digit here") -> Drawing | None:
    """Show the canvas, and give what stands on it as a picture of `shape`; None while it is blank.

    A new value comes at the end of each stroke and up to five times a second while one draws. Call this in an
    `st.fragment` together with what shows the answers, then only that is run again; a value that comes while the
    fragment runs waits, and of those that wait only the latest is kept. The drawing is kept for the session, also
    while another page is shown. Raises InputError where a browser sends what is no drawing.
    """
    kept, told = f"{key}-kept", f"{key}-told"
    st.session_state[f"{key}-changed"] = st.session_state.pop(told, False)
    before = st.session_state.get(kept, [])
    now = st.session_state.get(key, {}).get("strokes", before)
    state = _PAD(
        key=key,
        data={"strokes": now, "label": label, "pen": PEN},
        default={"strokes": before},
        on_strokes_change=lambda: st.session_state.update({told: True}),
    )
    ink = inked(state.strokes)
    st.session_state[kept] = state.strokes
    return Drawing(state.strokes, ink, centred(ink, shape)) if ink.any() else None


def changed(key: str) -> bool:
    """Whether the last `draw` with this key ran because something was drawn, undone or cleared.

    Good for counting and for motion; what is computed from a drawing is better kept by its pixels, because a run that
    is ended by a click elsewhere has said True and come to nothing.
    """
    return st.session_state.get(f"{key}-changed", False)
