"""Views of one input on which two models disagree, as an image, a line chart or a form; and of both predictions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from core.arrays import Arrays
from core.demos import DEMOS, output_image_shape
from core.demos.base import Demo
from core.figures.images import change_image, data_url, row_image_url
from core.figures.tensors import value_line_chart
from core.figures.theme import PLOTLY_CONFIG
from core.library import Run
from core.runtimes.reference import select_by_prefix
from ui.charts import probability_bars
from ui.components import escape_markdown

LARGE_IMAGE, SMALL_IMAGE = 224, 88  # sides of images, in pixels
MIN_CHART_VALUES = 8  # numbers of one input without names from which on they are drawn as a line
MAX_FIELDS = 24  # values of a row that are listed


@dataclass(frozen=True)
class DisagreementView:
    """Facts and arrays of a search, as `core.jobs.disagreement` stores them, and the names of the two models."""

    run: Run
    facts: Mapping[str, Any]
    arrays: Arrays
    names: list[str]

    @property
    def demo(self) -> Demo | None:
        return next((demo for demo in DEMOS if demo.key == self.run.demo), None)

    @property
    def inputs(self) -> Arrays:
        """The arrays of the input by name, (1, …) each."""
        return select_by_prefix("input:", self.arrays)

    @property
    def origin(self) -> Arrays:
        """The row of the data that the input came from, in the same form."""
        return select_by_prefix("origin:", self.arrays)

    @property
    def input_noun(self) -> str:
        """The noun for one input."""
        if self.run.image_shape:
            return "picture"
        return "text" if all(array.dtype.kind == "U" for array in self.inputs.values()) else "row"

    @property
    def column_noun(self) -> str:
        return "pixels" if self.run.image_shape else "values"

    @property
    def charted_inputs(self) -> list[str]:
        """Names of the inputs with many numbers that have no labels, which are drawn as a line."""
        if self.run.image_shape:
            return []
        labelled = self._column_labels
        numbers = {name: array for name, array in self.inputs.items() if array.dtype.kind != "U"}
        return [name for name in numbers if numbers[name].size >= MIN_CHART_VALUES and name not in labelled]

    @property
    def fields(self) -> list[tuple[str, Any, Any]]:
        """Label, value, and value in the row of the data, of each value that is not drawn."""
        fields: list[tuple[str, Any, Any]] = []
        if self.run.image_shape:
            return fields
        for name in [name for name in self.inputs if name not in self.charted_inputs]:
            values, origins = self.inputs[name].reshape(-1), self.origin[name].reshape(-1)
            numbered = [name if values.size == 1 else f"{name} {index}" for index in range(values.size)]
            fields += zip(self._column_labels.get(name, numbered), values, origins, strict=True)
        return fields

    @property
    def _column_labels(self) -> dict[str, list[str]]:
        """The labels of the columns of each input, where the demo has form fields."""
        labels: dict[str, list[str]] = {}
        for field in self.demo.input_fields if self.demo else ():
            labels.setdefault(field.input, []).append(field.label)
        return labels

    def prediction(self, side: int) -> np.ndarray:
        """Return one model's prediction for the input, of the output that decides, without the batch axis."""
        return self.arrays[f"{'ab'[side]}:{self.facts['output']}"][0]

    def origin_prediction(self, side: int) -> str | None:
        """Return one model's prediction for the row of the data, in words; None where it has several values."""
        prediction = self.arrays[f"origin-{'ab'[side]}:{self.facts['output']}"][0]
        if self.facts["kind"] != "class":
            return self.format_value(prediction.reshape(-1)[0]) if prediction.size == 1 else None
        if not np.isfinite(prediction).all():
            return "nothing that is a number"
        return self.class_labels(prediction)[int(prediction.argmax())]

    def class_labels(self, prediction: np.ndarray) -> list[str]:
        labels = self.run.labels
        return labels if len(labels) == prediction.size else [str(index) for index in range(prediction.size)]

    def format_value(self, value: Any) -> str:
        """Return a value as text, with the demo's unit, if any."""
        if isinstance(value, str):
            return f"“{value}”"
        unit = f" {self.demo.unit}" if self.demo and self.demo.unit else ""
        return f"{value:.5g}{unit}"


def show_input(view: DisagreementView) -> None:
    """Show the input, beside the row of the data that it came from."""
    if view.run.image_shape:
        _show_images(view, view.run.image_shape)
    for name in view.charted_inputs:
        rows = {"this row": view.inputs[name]}
        if view.facts["steps"]:
            rows["where it came from"] = view.origin[name]
        _show_value_chart(rows, name, f"course-{name}", f"The values of {name}, in order")
    _show_fields(view)


def _show_images(view: DisagreementView, shape: tuple[int, int]) -> None:
    """Show the input's image large, and beside it the original image and the difference."""
    image, origin = (next(iter(arrays.values()))[0].astype("float32") for arrays in (view.inputs, view.origin))
    with st.container(horizontal=True, vertical_alignment="center"):
        url = row_image_url(image, shape, LARGE_IMAGE)
        st.image(url, "this picture", LARGE_IMAGE, alt="The picture on which they disagree most")
        if view.facts["steps"]:
            with st.container(width=SMALL_IMAGE, gap="xsmall"):
                url = row_image_url(origin, shape, SMALL_IMAGE)
                st.image(url, "began as", SMALL_IMAGE, alt="The row that it came from")
                url = data_url(change_image(image, origin, shape, SMALL_IMAGE))
                alt = "The difference: violet where ink was added, orange where it was taken away"
                st.image(url, "violet: added, orange: taken", SMALL_IMAGE, alt=alt)


def _show_value_chart(rows: Arrays, title: str, key: str, alt: str) -> None:
    figure = value_line_chart({name: _numbers(array) for name, array in rows.items()}, title)
    st.plotly_chart(figure, config=PLOTLY_CONFIG, key=key, alt=alt)


def _numbers(array: np.ndarray) -> list[float]:
    return [float(value) for value in array.reshape(-1)]


def _show_fields(view: DisagreementView) -> None:
    """Show values as in a form; changed ones with their previous value."""
    fields = view.fields
    with st.grid(min_column_width=260 if view.input_noun == "text" else 150):
        for label, value, origin in fields[:MAX_FIELDS]:
            is_same = value == origin or (value != value and origin != origin)  # two NaNs are the same, too
            _show_field(label, _value_text(value), "" if is_same else f"was {_value_text(origin)}")
    if len(fields) > MAX_FIELDS:
        st.caption(f"The first {MAX_FIELDS} of {len(fields)} values.")


def _show_field(label: str, value: str, previous: str = "") -> None:
    suffix = f" :small[:violet[{escape_markdown(previous)}]]" if previous else ""
    with st.container(border=True, height="stretch", gap="xsmall"):
        st.caption(escape_markdown(label))
        st.markdown(f"**{escape_markdown(value)}**{suffix}")


def _value_text(value: Any) -> str:
    return str(value) if isinstance(value, str) else f"{value:.5g}"


def show_both_predictions(view: DisagreementView) -> None:
    """Show both predictions: bars for classes, images for images, else the values."""
    predictions = {name: view.prediction(side) for side, name in enumerate(view.names)}
    shape = output_image_shape(view.run.demo, view.run.settings)
    first = next(iter(predictions.values()))
    if view.facts["kind"] == "class":
        bars = {name: _numbers(np.nan_to_num(array)) for name, array in predictions.items()}
        figure, alt = probability_bars(view.class_labels(first), bars), "What each of the two makes of every class"
        st.plotly_chart(figure, config=PLOTLY_CONFIG, key="disagreement-bars", alt=alt)
    elif shape and first.size == shape[0] * shape[1]:
        _show_output_images(predictions, shape)
    elif first.size == 1:
        with st.grid(min_column_width=220):
            for name, array in predictions.items():
                _show_field(name, view.format_value(array.reshape(-1)[0]))
    else:
        alt = "The values that each of the two answers"
        _show_value_chart(predictions, view.facts["output"], "disagreement-course", alt)


def _show_output_images(predictions: Arrays, shape: tuple[int, int]) -> None:
    images = {name: array.astype("float32") for name, array in predictions.items()}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for name, image in images.items():
            url = row_image_url(image, shape, LARGE_IMAGE)
            st.image(url, escape_markdown(name), LARGE_IMAGE, alt=f"The answer of {name}")
        first, second = images.values()
        url = data_url(change_image(second, first, shape, SMALL_IMAGE))
        st.image(url, "the difference", SMALL_IMAGE, alt="Where the two pictures differ")
