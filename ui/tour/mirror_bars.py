"""Step 4: a digit is drawn, and all copies answer: the live model's bars to the left, a copy's to the right."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import streamlit as st

from core.compatibility.matrix import build_matrix
from core.errors import RoundtripError
from core.figures.images import row_image_url
from core.formats import get_format
from core.jobs.live_session import LivePrediction
from core.library import Run
from ui.browser_component import BARS, BUTTON, PICTURE, load_component
from ui.compare.canvas import draw_canvas, inputs_from_pixels
from ui.compare.live_panel import open_live_session
from ui.components import show_error
from ui.in_browser.panel import show_in_browser
from ui.session import current_jobs, load_reference
from ui.tour.browser_copy import FORMAT, find_browser_copy, offer_browser_copy
from ui.tour.story import SUITCASES, Tour

_MIRROR_BARS = load_component(Path(__file__).parent, "mirror_bars", BUTTON, PICTURE, BARS)
CANVAS = "tour-canvas"  # one drawing for all steps
PLAN_WITHOUT_MEMORY = "This file has the plan, not the memory."


def show_all_answers(tour: Tour) -> None:
    """Show the canvas beside the answers of the live model and of each suitcase's copy; then pull the plug."""
    if not tour.run:
        return
    browser_copy = find_browser_copy(tour.run)
    copies = {key: id_ for key, id_ in tour.copies.items() if key in SUITCASES}
    draw_and_answer(tour.run, copies, browser_copy)
    if browser_copy:
        ids = _participants(tour.run, copies, browser_copy)
        names = {browser_copy: get_format(FORMAT).label}
        show_in_browser(tour.run, names, lambda: open_live_session(ids, ()), "tour-browser", CANVAS)
    else:
        offer_browser_copy(tour.run)


@st.fragment
def draw_and_answer(run: Run, copies: Mapping[str, str], browser_copy: str | None = None) -> None:
    """Show the canvas, and the answers of the live model and of copies (ids by format) to what is drawn.

    `browser_copy`, the id of a copy that answers elsewhere on the page, is opened with them. An error is shown in its
    place: the fragment is also drawn alone, and the rest of the page must still be drawn.
    """
    try:
        _draw_and_answer(run, copies, _participants(run, copies, browser_copy))
    except RoundtripError as error:
        show_error(error)


def _participants(run: Run, copies: Mapping[str, str], browser_copy: str | None) -> tuple[str, ...]:
    """The ids of all that predict on the page, in one session."""
    return tuple(dict.fromkeys((run.id, *copies.values(), *filter(None, [browser_copy]))))


def _draw_and_answer(run: Run, copies: Mapping[str, str], participants: tuple[str, ...]) -> None:
    shape = run.image_shape or (8, 8)
    left, right = st.columns([1, 2], gap="large")
    with left:
        drawing = draw_canvas(shape, CANVAS)
        pixels = drawing.pixels if drawing else example_pixels(run).reshape(shape)
        caption = "What the model sees." if drawing else "Until you draw: one of the test examples."
        with st.container(horizontal=True, vertical_alignment="center"):
            st.image(row_image_url(pixels, shape, 72), width=72, alt=caption)
            st.caption(caption, width="stretch")
    with right:
        session = open_live_session(participants, ())
        if not session.is_loaded:
            with st.spinner("Opening each copy in a process of its own …" if copies else "Waking the model …"):
                session.load()
        shown = [run.id, *copies.values()]
        _show_bars(run, copies, session.predict(inputs_from_pixels(run, pixels), shown))


def example_pixels(run: Run) -> np.ndarray:
    """Return the pixels of the test example that stands in for a drawing, float32."""
    reference = load_reference(run.id)
    arrays = (reference.inputs, reference.predictions, reference.targets)
    pixels, predictions, truth = (next(iter(each.values())) for each in arrays)
    return pixels[choose_example(predictions, truth)]


def choose_example(predictions: np.ndarray, truth: np.ndarray) -> int:
    """Return the row that is read right most surely; both are (rows, classes): what nobody would doubt."""
    return int(np.where(truth.argmax(axis=1) == predictions.argmax(axis=1), predictions.max(axis=1), -1).argmax())


def _show_bars(run: Run, copies: Mapping[str, str], predictions: Mapping[str, LivePrediction]) -> None:
    live = probabilities(predictions[run.id])
    if live is None:
        st.error("The live model gives no answer. Go on, or start the tour again.")
        return
    notes = _loss_notes(run) if copies else {}
    data = {
        "labels": run.labels,
        "left": {"name": "Live model", "values": live},
        "copies": [
            {
                "key": key,
                "name": get_format(key).label,
                "values": probabilities(predictions[id_]),
                "note": notes.get(key, ""),
            }
            for key, id_ in copies.items()
        ],
        "chosen": "architecture" if "architecture" in copies else next(iter(copies), ""),
    }
    _MIRROR_BARS(key="answer-bars" if copies else "answer-bar", data=data)


def probabilities(prediction: LivePrediction) -> list[float] | None:
    """The probabilities of the classes for one row; None where there is no answer."""
    if prediction.error:
        return None
    return [float(value) for value in next(iter(prediction.outputs.values()))[0]]


def _loss_notes(run: Run) -> dict[str, str]:
    """By format, what the answers of a copy without its weights mean."""
    rows = build_matrix(current_jobs().library, run.id)
    return {row.format: PLAN_WITHOUT_MEMORY for row in rows if row.cells["weights"].state == "lost"}
