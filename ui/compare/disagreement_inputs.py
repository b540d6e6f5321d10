"""One input on which two were asked, as a picture, a course or a form; and what both answered, side by side."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from core.arrays import Arrays
from core.demos import DEMOS
from core.demos.base import Demo
from core.figures.images import change_image, data_url, row_image_url
from core.figures.theme import PLOTLY_CONFIG
from core.library import Run
from ui.charts import probability_bars, value_line_chart
from ui.components import escape_markdown

LARGE_IMAGE, SMALL_IMAGE = 224, 88  # sides of pictures, in pixels
MIN_CHART_VALUES = 8  # numbers of one input without names from which on they are drawn as a course
MAX_FIELDS = 24  # values of a row that are listed


@dataclass(frozen=True)
class DisagreementView:
    """What is shown: facts and arrays as `core.jobs.disagreement` keeps them, and how the two are called."""

    run: Run
    facts: dict[str, Any]
    arrays: Arrays
    names: list[str]

    @property
    def demo(self) -> Demo | None:
        return next((demo for demo in DEMOS if demo.key == self.run.demo), None)

    @property
    def input_noun(self) -> str:
        """What one input is, in a word."""
        if self.run.image_shape:
            return "picture"
        return "text" if all(array.dtype.kind == "U" for array in self.inputs.values()) else "row"

    @property
    def column_noun(self) -> str:
        return "pixels" if self.run.image_shape else "values"

    @property
    def charted_inputs(self) -> list[str]:
        """Inputs of many numbers without names, which are drawn as a course."""
        if self.run.image_shape:
            return []
        many = [
            name for name, array in self.inputs.items() if array.dtype.kind != "U" and array.size >= MIN_CHART_VALUES
        ]
        return [name for name in many if name not in self._column_labels]

    @property
    def fields(self) -> list[tuple[str, Any, Any]]:
        """What each value is called where it is not drawn, what it is now, and what it was in the row of the data."""
        if self.run.image_shape:
            return []
        fields = []
        for name in [name for name in self.inputs if name not in self.charted_inputs]:
            now, then = self.inputs[name].reshape(-1), self.origin[name].reshape(-1)
            numbered = [name if now.size == 1 else f"{name} {at}" for at in range(now.size)]
            fields += zip(self._column_labels.get(name, numbered), now, then, strict=True)
        return fields

    @property
    def _column_labels(self) -> dict[str, list[str]]:
        """By input what each of its columns is called, where the demo says so."""
        labels: dict[str, list[str]] = {}
        for box in self.demo.input_fields if self.demo else ():
            labels.setdefault(box.input, []).append(box.label)
        return labels

    @property
    def inputs(self) -> Arrays:
        return self._arrays_with_prefix("input:")

    @property
    def origin(self) -> Arrays:
        return self._arrays_with_prefix("origin:")

    def _arrays_with_prefix(self, prefix: str) -> Arrays:
        return {name.removeprefix(prefix): array for name, array in self.arrays.items() if name.startswith(prefix)}

    def prediction(self, side: int) -> np.ndarray:
        """What one of the two answered to the input, of the output that decides, without the batch."""
        return self.arrays[f"{'ab'[side]}:{self.facts['output']}"][0]

    def origin_prediction(self, side: int) -> str | None:
        """What one of the two answered to the row of the data; None where that is many values."""
        answer = self.arrays[f"origin-{'ab'[side]}:{self.facts['output']}"][0]
        if self.facts["kind"] == "class":
            return (
                self.class_labels(answer)[int(answer.argmax())]
                if np.isfinite(answer).all()
                else "nothing that is a number"
            )
        return self.format_value(answer.reshape(-1)[0]) if answer.size == 1 else None

    def class_labels(self, prediction: np.ndarray) -> list[str]:
        return (
            self.run.labels if len(self.run.labels) == prediction.size else [str(one) for one in range(prediction.size)]
        )

    def format_value(self, value: Any) -> str:
        """One value with its unit, where the demo says which."""
        if isinstance(value, str):
            return f"“{value}”"
        unit = f" {self.demo.unit}" if self.demo and self.demo.unit else ""
        return f"{value:.5g}{unit}"


def show_input(view: DisagreementView) -> None:
    """The input, with the row of the data that it came from beside it."""
    if view.run.image_shape:
        _show_images(view)
    for name in view.charted_inputs:
        _show_value_chart(view, name)
    _show_fields(view)


def _show_images(view: DisagreementView) -> None:
    """The picture large, and beside it the one that it came from and what was changed of that."""
    shape = view.run.image_shape
    found, origin = (next(iter(arrays.values()))[0].astype("float32") for arrays in (view.inputs, view.origin))
    with st.container(horizontal=True, vertical_alignment="center"):
        picture = row_image_url(found, shape, LARGE_IMAGE)
        st.image(picture, "this picture", LARGE_IMAGE, alt="The picture on which they disagree most")
        if view.facts["steps"]:
            with st.container(width=SMALL_IMAGE, gap="xsmall"):
                st.image(
                    row_image_url(origin, shape, SMALL_IMAGE), "began as", SMALL_IMAGE, alt="The row that it came from"
                )
                moved = change_image(found, origin, shape, SMALL_IMAGE)
                alt = "The difference: violet where ink was added, orange where it was taken away"
                st.image(data_url(moved), ":violet[added], :orange[taken]", SMALL_IMAGE, alt=alt)


def _show_value_chart(view: DisagreementView, name: str) -> None:
    rows = {"this row": view.inputs[name], "where it came from": view.origin[name]}
    drawn = {said: [float(one) for one in array.reshape(-1)] for said, array in rows.items()}
    drawn = drawn if view.facts["steps"] else {"this row": drawn["this row"]}
    figure = value_line_chart(drawn, name)
    st.plotly_chart(figure, config=PLOTLY_CONFIG, key=f"course-{name}", alt=f"The values of {name}, in order")


def _show_fields(view: DisagreementView) -> None:
    """Values as a form would have them, those that were changed with what they were."""
    fields = view.fields
    with st.grid(min_column_width=260 if view.input_noun == "text" else 150):
        for label, now, then in fields[:MAX_FIELDS]:
            same = now == then or (now != now and then != then)
            _show_field(label, _value_text(now), "" if same else f"was {_value_text(then)}")
    if len(fields) > MAX_FIELDS:
        st.caption(f"The first {MAX_FIELDS} of {len(fields)} values.")


def _show_field(label: str, value: str, previous: str = "") -> None:
    with st.container(border=True, height="stretch", gap="xsmall"):
        st.caption(escape_markdown(label))
        st.markdown(
            f"**{escape_markdown(value)}**" + (f" :small[:violet[{escape_markdown(previous)}]]" if previous else "")
        )


def _value_text(value: Any) -> str:
    return str(value) if isinstance(value, str) else f"{value:.5g}"


def show_both_predictions(view: DisagreementView) -> None:
    """Both answers: bars for classes, pictures for pictures, else the values."""
    answers = {name: view.prediction(side) for side, name in enumerate(view.names)}
    shape = (view.demo.output_image_shapes if view.demo else {}).get((view.run.settings or {}).get("dataset", ""))
    first = next(iter(answers.values()))
    if view.facts["kind"] == "class":
        drawn = {name: [float(one) for one in np.nan_to_num(array)] for name, array in answers.items()}
        figure = probability_bars(view.class_labels(first), drawn)
        st.plotly_chart(
            figure, config=PLOTLY_CONFIG, key="disagreement-bars", alt="What each of the two makes of every class"
        )
    elif shape and first.size == shape[0] * shape[1]:
        _show_output_images(answers, shape)
    elif first.size == 1:
        _show_two_values(view, answers)
    else:
        drawn = {name: [float(one) for one in array.reshape(-1)] for name, array in answers.items()}
        figure = value_line_chart(drawn, view.facts["output"])
        st.plotly_chart(
            figure, config=PLOTLY_CONFIG, key="disagreement-course", alt="The values that each of the two answers"
        )


def _show_output_images(predictions: Arrays, shape: tuple[int, int]) -> None:
    one, two = (array.astype("float32") for array in predictions.values())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for name, array in zip(predictions, (one, two), strict=True):
            st.image(
                row_image_url(array, shape, LARGE_IMAGE),
                escape_markdown(name),
                LARGE_IMAGE,
                alt=f"The answer of {name}",
            )
        moved = change_image(two, one, shape, SMALL_IMAGE)
        st.image(data_url(moved), "the difference", SMALL_IMAGE, alt="Where the two pictures differ")


def _show_two_values(view: DisagreementView, predictions: Arrays) -> None:
    with st.grid(min_column_width=220):
        for name, array in predictions.items():
            _show_field(name, view.format_value(array.reshape(-1)[0]))
