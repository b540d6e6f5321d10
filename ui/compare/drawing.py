"""Draw a digit, and every loaded copy answers while one draws."""

from typing import Any

import numpy as np
import streamlit as st

from core.formats.contract import Arrays
from core.library import Run
from core.pictures import row_image_url
from ui.compare.canvas import draw
from ui.compare.panel import show_panel

DRAWN = "drawn-picture"


def can_draw(run: Run) -> bool:
    """Whether the run's models take one picture of a digit, and nothing else."""
    return bool(run.image_shape) and bool(run.inputs) and len(run.inputs) == 1


def draw_and_answer(run: Run, ids: list[str], sources: dict[str, str], names: dict[str, str]) -> Arrays | None:
    """The canvas beside the answers of all; gives the drawing on which a person last asked to compare in depth."""

    @st.fragment
    def while_drawing() -> None:
        left, right = st.columns([1, 2], gap="large")
        with left:
            drawing = draw(run.image_shape, "canvas")
            if drawing is not None:
                _what_they_see(drawing.pixels, run.image_shape)
                if st.button("Compare on this drawing", icon=":material/compare_arrows:", key="compare-drawing"):
                    st.session_state[DRAWN] = {run.id: drawing.pixels}
                    st.rerun()
        with right:
            if drawing is None:
                st.info("Draw a digit, and each copy says what it sees.", icon=":material/draw:")
            else:
                show_panel(run, ids, sources, names, as_inputs(run, drawing.pixels))

    while_drawing()
    asked = st.session_state.get(DRAWN, {}).get(run.id)
    return None if asked is None else as_inputs(run, asked)


def _what_they_see(pixels: np.ndarray, shape: tuple[int, int]) -> None:
    words = f"What the models see: {shape[0]} × {shape[1]} points"
    st.image(row_image_url(pixels, shape, 96), words, 96, alt="The drawing, centred and scaled as the data was")


def as_inputs(run: Run, pixels: np.ndarray) -> Arrays:
    """A picture as the one row that the run's models take."""
    (asked,) = run.inputs
    shape: list[Any] = [1, *asked["shape"][1:]]
    return {asked["name"]: pixels.reshape(shape).astype(asked["dtype"])}
