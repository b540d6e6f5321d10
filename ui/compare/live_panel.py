"""Live predictions while a user draws or types: a canvas, a card for each copy, and bars of all copies."""

import math
from typing import NamedTuple

import numpy as np
import streamlit as st

from core.arrays import Arrays
from core.compare import compare, std_by_output
from core.demos import demo_unit
from core.figures.images import row_image_url
from core.figures.theme import PLOTLY_CONFIG
from core.jobs.live_session import LivePrediction, LiveSession
from core.library import Run
from core.text.numbers import format_duration
from core.text.predictions import format_values
from ui.charts import probability_bars
from ui.compare.canvas import draw_canvas, inputs_from_pixels
from ui.compare.participants import Participants
from ui.components import escape_markdown
from ui.in_browser.panel import show_in_browser
from ui.session import current_jobs, load_reference

CANVAS = "canvas"  # the key of the canvas
SUBMITTED_DRAWING = "drawn-picture"  # in the session: by run, the pixels that were submitted for a comparison


@st.cache_resource(scope="session", max_entries=1, on_release=LiveSession.close, show_spinner=False)
def open_live_session(ids: tuple[str, ...], sources: tuple[tuple[str, str], ...]) -> LiveSession:
    """Return the copies that this session has loaded; those of an earlier choice are closed."""
    return current_jobs().create_live_session(ids, dict(sources))


class LivePanel(NamedTuple):
    """Participants that predict at once, by the names of the run's inputs and outputs."""

    run: Run
    participants: Participants

    def draw(self) -> Arrays | None:
        """Show the canvas beside all predictions; return the last submitted drawing as inputs, or None."""
        if shape := self.run.image_shape:
            self._draw_and_predict(shape)
            names = {id_: name for id_, name in self.participants.names.items() if id_ in self.participants.entries}
            show_in_browser(self.run, names, self._open_session, "compare-browser", CANVAS)
        pixels = st.session_state.get(SUBMITTED_DRAWING, {}).get(self.run.id)
        return None if pixels is None else inputs_from_pixels(self.run, pixels)

    @st.fragment
    def _draw_and_predict(self, shape: tuple[int, int]) -> None:
        left, right = st.columns([1, 2], gap="large")
        with left:
            drawing = draw_canvas(shape, CANVAS)
            if drawing is not None:
                caption = f"What the models see: {shape[0]} × {shape[1]} points"
                alt = "The drawing, centred and scaled as the data was"
                st.image(row_image_url(drawing.pixels, shape, 96), caption, 96, alt=alt)
                if st.button("Compare on this drawing", icon=":material/compare_arrows:", key="compare-drawing"):
                    st.session_state[SUBMITTED_DRAWING] = {self.run.id: drawing.pixels}
                    st.rerun()
        with right:
            if drawing is None:
                st.info("Draw a digit, and each copy says what it sees.", icon=":material/draw:")
            else:
                self.show_predictions(inputs_from_pixels(self.run, drawing.pixels))

    def _open_session(self) -> LiveSession:
        return open_live_session(tuple(self.participants.ids), tuple(sorted(self.participants.sources.items())))

    def show_predictions(self, inputs: Arrays) -> None:
        """Show the predictions of all participants for `inputs`, which are one row."""
        ids, names = self.participants.ids, self.participants.names
        session = self._open_session()
        if not session.is_loaded:
            with st.spinner(f"Loading {len(ids)} copies, each in a process of its own …"):
                session.load()
        predictions = session.predict(inputs)
        baseline = predictions[ids[0]]
        with st.grid(4, min_column_width=170, gap="small"):
            for id_ in ids:
                with st.container(border=True, height="stretch", key=f"says-{id_}"):
                    reference = None if id_ == ids[0] else baseline
                    _show_prediction_card(self.run, names[id_], predictions[id_], reference)
        successful = {names[id_]: prediction for id_, prediction in predictions.items() if prediction.error is None}
        _show_probabilities(self.run, successful)
        slowest = max((prediction.seconds for prediction in predictions.values()), default=0.0)
        st.caption(escape_markdown(f"The slowest of {len(ids)} took {format_duration(slowest)} to answer."))


def _show_prediction_card(run: Run, name: str, prediction: LivePrediction, baseline: LivePrediction | None) -> None:
    """Show a copy's prediction and whether it agrees with the baseline; in few elements, to be drawn fast."""
    if prediction.error:
        st.markdown(f"**{escape_markdown(name)}**\n\n{escape_markdown(str(prediction.error))}")
        return
    badge = _agreement_badge(run, prediction, baseline) if baseline and not baseline.error else ""
    rows = [values[0] for values in prediction.outputs.values()]
    texts = [_prediction_text(run, values) for values in rows]
    st.markdown(f"**{escape_markdown(name)}** {badge}\n\n" + "\n\n".join(texts))
    for values in rows:
        if shape := _output_image_shape(run, values):
            st.image(row_image_url(values.astype("float32"), shape, 96), width=96, alt=f"What {name} answers")


def _output_image_shape(run: Run, values: np.ndarray) -> tuple[int, int] | None:
    """Return the shape of an output that is an image, as the inputs are; None for any other output."""
    shape = run.image_shape
    return shape if shape and not run.labels and values.size == math.prod(shape) else None


def _prediction_text(run: Run, values: np.ndarray) -> str:
    if _is_class_output(run, values):
        best = int(values.argmax())
        confidence = f"{values[best]:.0%} sure" if np.isfinite(values).all() else "not a number"
        return f"## {escape_markdown(run.labels[best])}\n:gray[{escape_markdown(confidence)}]"
    if _output_image_shape(run, values):
        return ""
    unit = demo_unit(run.demo)
    return f"## {escape_markdown(format_values(values))}" + (f"\n:gray[{escape_markdown(unit)}]" if unit else "")


def _agreement_badge(run: Run, prediction: LivePrediction, baseline: LivePrediction) -> str:
    """Return a badge in Markdown: whether the prediction is the same answer as the baseline's."""
    std = std_by_output(load_reference(run.id).predictions)
    classes = bool(run.labels) or None
    result = compare(baseline.outputs, prediction.outputs, classes, with_metrics=False, reference_std=std)
    if result.changed.any():
        return ":orange-badge[:material/warning: another answer]"
    return ":green-badge[:material/check: same answer]"


def _show_probabilities(run: Run, predictions: dict[str, LivePrediction]) -> None:
    """Show each copy's probability of every class, from its first output with a number for each class."""
    bars: dict[str, list[float]] = {}
    for name, prediction in predictions.items():
        rows = [values[0] for values in prediction.outputs.values() if _is_class_output(run, values[0])]
        bars |= {name: np.nan_to_num(rows[0].astype("float64")).tolist()} if rows else {}
    if bars:
        alt = "Probabilities of each class by each copy"
        st.plotly_chart(probability_bars(run.labels, bars), config=PLOTLY_CONFIG, alt=alt, key="panel-bars")


def _is_class_output(run: Run, values: np.ndarray) -> bool:
    return bool(run.labels) and values.shape == (len(run.labels),)
