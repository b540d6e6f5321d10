"""Canvas, typed values, live predictions.

Copies that answer while one draws or types: a card for each with what it says, and the bars of all.

A canvas to draw a digit on; what is drawn comes as the picture that the models see.

Draw a digit, and every loaded copy answers while one draws.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from core.arrays import Arrays
from core.compare import compare, std_by_output
from core.demos import get_demo
from core.demos.drawing import PEN_WIDTH, Strokes, center_digit, render_strokes
from core.figures.images import row_image_url
from core.figures.theme import PLOTLY_CONFIG
from core.jobs.live_session import LivePrediction, LiveSession
from core.library import Run
from core.text.labels import format_duration, format_values
from ui.charts import probability_bars
from ui.components import escape_markdown
from ui.session import current_jobs, load_reference


@st.cache_resource(scope="session", max_entries=1, on_release=LiveSession.close, show_spinner=False)
def live_session(ids: tuple[str, ...], sources: tuple[tuple[str, str], ...]) -> LiveSession:
    """The copies that this session has loaded; those of an earlier choice are ended."""
    return current_jobs().create_live_session(ids, dict(sources))


def show_live_predictions(
    run: Run, ids: list[str], sources: dict[str, str], names: dict[str, str], inputs: Arrays
) -> None:
    """Ask everybody one row, and show what they say; the first of `ids` is the baseline."""
    loaded = live_session(tuple(ids), tuple(sorted(sources.items())))
    if not loaded.is_open:
        with st.spinner(f"Loading {len(ids)} copies, each in a process of its own …"):
            loaded.open()
    said = loaded.predict(inputs)
    baseline = said[ids[0]]
    with st.grid(4, min_column_width=170, gap="small"):
        for id_ in ids:
            with st.container(border=True, height="stretch", key=f"says-{id_}"):
                _show_prediction_card(run, names[id_], said[id_], None if id_ == ids[0] else baseline)
    answered = {names[id_]: one for id_, one in said.items() if one.error is None}
    _show_probabilities(run, answered)
    slowest = max((one.seconds for one in said.values()), default=0.0)
    st.caption(f"The slowest of {len(ids)} took {format_duration(slowest)} to answer.")


def _show_prediction_card(run: Run, name: str, prediction: LivePrediction, baseline: LivePrediction | None) -> None:
    """One copy: what it says, how sure it is, whether the baseline says the same; few elements, to be drawn fast."""
    if prediction.error:
        st.markdown(f"**{escape_markdown(name)}**\n\n{escape_markdown(str(prediction.error))}")
        return
    agreement = _agreement_badge(run, prediction, baseline) if baseline and not baseline.error else ""
    answers = [values[0] for values in prediction.outputs.values()]
    st.markdown(
        f"**{escape_markdown(name)}** {agreement}\n\n"
        + "\n\n".join(_prediction_text(run, values) for values in answers)
    )
    for values in answers:
        if _is_image(run, values):
            st.image(row_image_url(values.astype("float32"), run.image_shape, 96), width=96, alt=f"What {name} answers")


def _is_image(run: Run, values: np.ndarray) -> bool:
    return bool(run.image_shape) and not run.labels and values.size == np.prod(run.image_shape)


def _prediction_text(run: Run, values: np.ndarray) -> str:
    if _is_class_output(run, values):
        best = int(values.argmax())
        sure = f"{values[best]:.0%} sure" if np.isfinite(values).all() else "not a number"
        return f"### {escape_markdown(run.labels[best])}\n:gray[{escape_markdown(sure)}]"
    if _is_image(run, values):
        return ""
    unit = get_demo(run.demo).unit if run.demo else ""
    return f"### {escape_markdown(format_values(values))}" + (f"\n:gray[{escape_markdown(unit)}]" if unit else "")


def _agreement_badge(run: Run, prediction: LivePrediction, baseline: LivePrediction) -> str:
    """A badge, as Markdown."""
    spread = std_by_output(load_reference(run.id).predictions)
    found = compare(
        baseline.outputs, prediction.outputs, bool(run.labels) or None, with_metrics=False, reference_std=spread
    )
    if found.changed.any():
        return ":orange-badge[:material/warning: another answer]"
    return ":green-badge[:material/check: same answer]"


def _show_probabilities(run: Run, predictions: dict[str, LivePrediction]) -> None:
    """What everybody says of each class: the output that has a number for each."""
    shown = {}
    for name, said in predictions.items():
        rows = [values[0] for values in said.outputs.values() if _is_class_output(run, values[0])]
        shown |= {name: [float(value) for value in np.nan_to_num(rows[0].astype("float64"))]} if rows else {}
    if shown:
        alt = "Probabilities of each class by each copy"
        st.plotly_chart(probability_bars(run.labels, shown), config=PLOTLY_CONFIG, alt=alt, key="panel-bars")


def _is_class_output(run: Run, values: np.ndarray) -> bool:
    return bool(run.labels) and values.shape == (len(run.labels),)


HERE = Path(__file__).resolve().parent


def _read_asset(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


_CANVAS = st.components.v2.component(
    "roundtrip_canvas", html=_read_asset("canvas.html"), css=_read_asset("canvas.css"), js=_read_asset("canvas.js")
)


class Drawing(NamedTuple):
    """A drawing: its strokes as `core.demos.drawing.render_strokes` takes them, its ink (256, 256) in [0, 1], and
    `pixels` (rows, columns) in [0, 1] as the data of the models was made; all float32."""

    strokes: Strokes
    ink: np.ndarray
    pixels: np.ndarray


def draw_canvas(shape: tuple[int, int], key: str, label: str = "Draw a digit here") -> Drawing | None:
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
    state = _CANVAS(
        key=key,
        data={"strokes": now, "label": label, "pen": PEN_WIDTH},
        default={"strokes": before},
        on_strokes_change=lambda: st.session_state.update({told: True}),
    )
    ink = render_strokes(state.strokes)
    st.session_state[kept] = state.strokes
    return Drawing(state.strokes, ink, center_digit(ink, shape)) if ink.any() else None


def has_drawing_changed(key: str) -> bool:
    """Whether the last `draw` with this key ran because something was drawn, undone or cleared.

    Good for counting and for motion; what is computed from a drawing is better kept by its pixels, because a run that
    is ended by a click elsewhere has said True and come to nothing.
    """
    return st.session_state.get(f"{key}-changed", False)


SUBMITTED_DRAWING = "drawn-picture"


def can_draw(run: Run) -> bool:
    """Whether the run's models take one picture of a digit, and nothing else."""
    return bool(run.image_shape) and bool(run.inputs) and len(run.inputs) == 1


def draw_and_predict(run: Run, ids: list[str], sources: dict[str, str], names: dict[str, str]) -> Arrays | None:
    """The canvas beside the answers of all; gives the drawing on which a person last asked to compare in depth."""

    @st.fragment
    def while_drawing() -> None:
        left, right = st.columns([1, 2], gap="large")
        with left:
            drawing = draw_canvas(run.image_shape, "canvas")
            if drawing is not None:
                _show_model_input(drawing.pixels, run.image_shape)
                if st.button("Compare on this drawing", icon=":material/compare_arrows:", key="compare-drawing"):
                    st.session_state[SUBMITTED_DRAWING] = {run.id: drawing.pixels}
                    st.rerun()
        with right:
            if drawing is None:
                st.info("Draw a digit, and each copy says what it sees.", icon=":material/draw:")
            else:
                show_live_predictions(run, ids, sources, names, inputs_from_pixels(run, drawing.pixels))

    while_drawing()
    asked = st.session_state.get(SUBMITTED_DRAWING, {}).get(run.id)
    return None if asked is None else inputs_from_pixels(run, asked)


def _show_model_input(pixels: np.ndarray, shape: tuple[int, int]) -> None:
    words = f"What the models see: {shape[0]} × {shape[1]} points"
    st.image(row_image_url(pixels, shape, 96), words, 96, alt="The drawing, centred and scaled as the data was")


def inputs_from_pixels(run: Run, pixels: np.ndarray) -> Arrays:
    """A picture as the one row that the run's models take."""
    (asked,) = run.inputs
    shape: list[Any] = [1, *asked["shape"][1:]]
    return {asked["name"]: pixels.reshape(shape).astype(asked["dtype"])}
