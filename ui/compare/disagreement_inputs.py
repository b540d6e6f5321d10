"""One input on which two were asked, as a picture, a course or a form; and what both answered, side by side."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from core.arrays import Arrays
from core.demos import DEMOS
from core.demos.base import Demo
from core.figures.images import data_url, moved_image, row_image_url
from core.figures.theme import CONFIG
from core.library import Run
from ui.charts import probabilities, values_in_order
from ui.components import plain

LARGE, SMALL = 224, 88  # sides of pictures, in pixels
COURSE = 8  # numbers of one input without names from which on they are drawn as a course
FORM = 24  # values of a row that are listed


@dataclass(frozen=True)
class Shown:
    """What is shown: facts and arrays as `core.jobs.disagreement` keeps them, and how the two are called."""

    run: Run
    facts: dict[str, Any]
    arrays: Arrays
    names: list[str]

    @property
    def demo(self) -> Demo | None:
        return next((demo for demo in DEMOS if demo.key == self.run.demo), None)

    @property
    def what(self) -> str:
        """What one input is, in a word."""
        if self.run.image_shape:
            return "picture"
        return "text" if all(array.dtype.kind == "U" for array in self.inputs.values()) else "row"

    @property
    def columns(self) -> str:
        return "pixels" if self.run.image_shape else "values"

    @property
    def courses(self) -> list[str]:
        """Inputs of many numbers without names, which are drawn as a course."""
        if self.run.image_shape:
            return []
        many = [name for name, array in self.inputs.items() if array.dtype.kind != "U" and array.size >= COURSE]
        return [name for name in many if name not in self._labels]

    @property
    def fields(self) -> list[tuple[str, Any, Any]]:
        """What each value is called where it is not drawn, what it is now, and what it was in the row of the data."""
        if self.run.image_shape:
            return []
        fields = []
        for name in [name for name in self.inputs if name not in self.courses]:
            now, then = self.inputs[name].reshape(-1), self.origin[name].reshape(-1)
            numbered = [name if now.size == 1 else f"{name} {at}" for at in range(now.size)]
            fields += zip(self._labels.get(name, numbered), now, then, strict=True)
        return fields

    @property
    def _labels(self) -> dict[str, list[str]]:
        """By input what each of its columns is called, where the demo says so."""
        labels: dict[str, list[str]] = {}
        for box in self.demo.boxes if self.demo else ():
            labels.setdefault(box.input, []).append(box.label)
        return labels

    @property
    def inputs(self) -> Arrays:
        return self._under("input:")

    @property
    def origin(self) -> Arrays:
        return self._under("origin:")

    def _under(self, prefix: str) -> Arrays:
        return {name.removeprefix(prefix): array for name, array in self.arrays.items() if name.startswith(prefix)}

    def answer(self, side: int) -> np.ndarray:
        """What one of the two answered to the input, of the output that decides, without the batch."""
        return self.arrays[f"{'ab'[side]}:{self.facts['output']}"][0]

    def row_says(self, side: int) -> str | None:
        """What one of the two answered to the row of the data; None where that is many values."""
        answer = self.arrays[f"origin-{'ab'[side]}:{self.facts['output']}"][0]
        if self.facts["kind"] == "class":
            return (
                self.labels(answer)[int(answer.argmax())] if np.isfinite(answer).all() else "nothing that is a number"
            )
        return self.value(answer.reshape(-1)[0]) if answer.size == 1 else None

    def labels(self, answer: np.ndarray) -> list[str]:
        return self.run.labels if len(self.run.labels) == answer.size else [str(one) for one in range(answer.size)]

    def value(self, value: Any) -> str:
        """One value with its unit, where the demo says which."""
        if isinstance(value, str):
            return f"“{value}”"
        unit = f" {self.demo.unit}" if self.demo and self.demo.unit else ""
        return f"{value:.5g}{unit}"


def show_input(shown: Shown) -> None:
    """The input, with the row of the data that it came from beside it."""
    if shown.run.image_shape:
        _pictures(shown)
    for name in shown.courses:
        _course(shown, name)
    _form(shown)


def _pictures(shown: Shown) -> None:
    """The picture large, and beside it the one that it came from and what was changed of that."""
    shape = shown.run.image_shape
    found, origin = (next(iter(arrays.values()))[0].astype("float32") for arrays in (shown.inputs, shown.origin))
    with st.container(horizontal=True, vertical_alignment="center"):
        picture = row_image_url(found, shape, LARGE)
        st.image(picture, "this picture", LARGE, alt="The picture on which they disagree most")
        if shown.facts["steps"]:
            with st.container(width=SMALL, gap="xsmall"):
                st.image(row_image_url(origin, shape, SMALL), "began as", SMALL, alt="The row that it came from")
                moved = moved_image(found, origin, shape, SMALL)
                alt = "The difference: violet where ink was added, orange where it was taken away"
                st.image(data_url(moved), ":violet[added], :orange[taken]", SMALL, alt=alt)


def _course(shown: Shown, name: str) -> None:
    rows = {"this row": shown.inputs[name], "where it came from": shown.origin[name]}
    drawn = {said: [float(one) for one in array.reshape(-1)] for said, array in rows.items()}
    drawn = drawn if shown.facts["steps"] else {"this row": drawn["this row"]}
    figure = values_in_order(drawn, name)
    st.plotly_chart(figure, config=CONFIG, key=f"course-{name}", alt=f"The values of {name}, in order")


def _form(shown: Shown) -> None:
    """Values as a form would have them, those that were changed with what they were."""
    fields = shown.fields
    with st.grid(min_column_width=260 if shown.what == "text" else 150):
        for label, now, then in fields[:FORM]:
            same = now == then or (now != now and then != then)
            _field(label, _value(now), "" if same else f"was {_value(then)}")
    if len(fields) > FORM:
        st.caption(f"The first {FORM} of {len(fields)} values.")


def _field(label: str, value: str, was: str = "") -> None:
    with st.container(border=True, height="stretch", gap="xsmall"):
        st.caption(plain(label))
        st.markdown(f"**{plain(value)}**" + (f" :small[:violet[{plain(was)}]]" if was else ""))


def _value(value: Any) -> str:
    return str(value) if isinstance(value, str) else f"{value:.5g}"


def show_answers(shown: Shown) -> None:
    """Both answers: bars for classes, pictures for pictures, else the values."""
    answers = {name: shown.answer(side) for side, name in enumerate(shown.names)}
    shape = (shown.demo.answer_shapes if shown.demo else {}).get((shown.run.settings or {}).get("dataset", ""))
    first = next(iter(answers.values()))
    if shown.facts["kind"] == "class":
        drawn = {name: [float(one) for one in np.nan_to_num(array)] for name, array in answers.items()}
        figure = probabilities(shown.labels(first), drawn)
        st.plotly_chart(figure, config=CONFIG, key="disagreement-bars", alt="What each of the two makes of every class")
    elif shape and first.size == shape[0] * shape[1]:
        _answered_pictures(answers, shape)
    elif first.size == 1:
        _two_values(shown, answers)
    else:
        drawn = {name: [float(one) for one in array.reshape(-1)] for name, array in answers.items()}
        figure = values_in_order(drawn, shown.facts["output"])
        st.plotly_chart(figure, config=CONFIG, key="disagreement-course", alt="The values that each of the two answers")


def _answered_pictures(answers: Arrays, shape: tuple[int, int]) -> None:
    one, two = (array.astype("float32") for array in answers.values())
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for name, array in zip(answers, (one, two), strict=True):
            st.image(row_image_url(array, shape, LARGE), plain(name), LARGE, alt=f"The answer of {name}")
        moved = moved_image(two, one, shape, SMALL)
        st.image(data_url(moved), "the difference", SMALL, alt="Where the two pictures differ")


def _two_values(shown: Shown, answers: Arrays) -> None:
    with st.grid(min_column_width=220):
        for name, array in answers.items():
            _field(name, shown.value(array.reshape(-1)[0]))
