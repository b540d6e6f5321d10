"""Every number has a name, a meaning and a writing; what became of the right answers is said as it is."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.compare import ClassificationMetrics, OutputMetrics, compare
from core.text.labels import short_labels
from core.text.metrics import (
    ALL_METRICS,
    WORST_VALUE_METRICS,
    format_cosine,
    format_exact,
    format_number,
    format_rounded_up,
    tolerance_label,
)
from core.text.summaries import summarize_changes

UNSAID = {"output", "answer", "by", "rows", "values", "identical", "rounding"}  # headings, or said by the verdict
DRAWN = {"histogram", "by_magnitude", "by_column", "heat", "agreement"}


def test_every_number_has_a_name_and_a_meaning():
    said = {one.key.partition(".")[0] for one in ALL_METRICS}
    assert {one.name for one in fields(OutputMetrics)} - UNSAID - DRAWN == said
    classes = {one.key.removeprefix("classes.") for one in ALL_METRICS if one.key.startswith("classes.")}
    assert {one.name for one in fields(ClassificationMetrics)} - DRAWN - {"classes", "changed", "astray"} == classes
    assert [one.key for one in ALL_METRICS if len(one.description) < 20 or not one.description.endswith(".")] == []


def test_numbers_are_written_for_people():
    assert [format_number(one) for one in (0.0, 1.79e-7, 0.00123456, 756082.3, "inf", "-inf", "nan")] == [
        "0", "1.79e-7", "0.00123", "756,082", "∞", "−∞", "NaN"
    ]  # fmt: skip
    assert [format_cosine(one) for one in (1.0, 1 - 1e-15, 1 - 2.5e-6, 0.5)] == [
        "1",
        "1",
        "1\u00a0−\u00a02.5e-6",
        "0.5",
    ]
    assert (
        tolerance_label({"passed": False, "rows_failing": 3, "values_failing": 1200}) == "Fail: 1,200 values in 3 rows"
    )


@given(st.floats(0, 1e300))
def test_a_tolerance_needed_is_shown_so_that_it_passes_when_it_is_typed_in(value):
    assert value <= float(format_rounded_up(value)) <= value * 1.01 + 1e-322
    assert float(format_exact(value)) == value


def test_tolerances_needed_are_rounded_upward():
    found = {"atol_needed": 1.2341e-5, "rtol_needed": 1234.5}
    said = [one.format_from(found) for one in ALL_METRICS if one.key in found]
    assert said == ["1.24e-5", "1.24e3"]
    assert [format_rounded_up(one) for one in (0.0, 0.5, "inf")] == ["0", "0.5", "∞"]


def test_texts_have_dashes_where_numbers_make_no_sense():
    found = compare({"y": np.array(["a", "b"])}, {"y": np.array(["a", "="])}).to_json()["outputs"][0]
    said = {one.key: one.format_from(found) for one in ALL_METRICS}
    assert said["max_abs"] == said["classes.broken"] == "–"
    assert [said[one.key] for one in WORST_VALUE_METRICS] == ["row 1", "b", "="]


TRUTH = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2])


def sides(reference: list[int], answer: list[int]) -> dict:
    rows = [np.eye(3, dtype="float32")[one] for one in (reference, answer)]
    return compare({"y": rows[0]}, {"y": rows[1]}, True, {"y": TRUTH}).to_json()["outputs"][0]


@pytest.mark.parametrize(
    ("reference", "answer", "words"),
    [
        (
            [0, 0, 0, 0, 1, 1, 1, 2, 2, 0],
            [0, 0, 0, 1, 1, 1, 1, 2, 2, 2],
            "Both are right on 90.0% of the rows, and yet 2 answers changed: 1 was right before and is wrong now, 1 "
            "was wrong before and is right now.",
        ),
        (
            [0, 0, 0, 0, 1, 1, 1, 2, 2, 0],
            [0, 0, 0, 0, 1, 1, 1, 2, 2, 1],
            "Both are right on 90.0% of the rows, and yet 1 answer changed: 1 was wrong before and is wrong now, in "
            "another way.",
        ),
        (
            [0, 0, 0, 0, 1, 1, 1, 2, 2, 2],
            [1, 1, 0, 0, 1, 1, 1, 2, 2, 2],
            "The copy is right on 80.0% of the rows, the baseline on 100.0%. 2 answers changed: 2 were right before "
            "and are wrong now.",
        ),
        (
            [0, 0, 0, 0, 1, 1, 1, 2, 2, 0],
            [0, 0, 0, 0, 1, 1, 1, 2, 2, 0],
            "No answer changed: both are right on the same 90.0% of the rows.",
        ),
    ],
)
def test_the_same_accuracy_is_never_said_to_be_the_same_answers(reference: list[int], answer: list[int], words: str):
    assert summarize_changes(sides(reference, answer)) == words


def test_without_the_right_answers_only_the_changed_ones_are_said():
    rows = np.eye(3, dtype="float32")
    found = compare({"y": rows}, {"y": rows[[0, 1, 1]]}, True).to_json()["outputs"][0]
    assert summarize_changes(found) == "1 answer changed. The right answers are not known for these rows."
    assert summarize_changes(compare({"y": rows}, {"y": rows}, True).to_json()["outputs"][0]) == "No answer changed."


def test_a_row_that_holds_infinity_is_said_apart():
    rows = np.eye(3, dtype="float32")
    other = rows.copy()
    other[0, 0] = np.inf
    found = compare({"y": rows}, {"y": other}, True, {"y": np.arange(3)}).to_json()["outputs"][0]
    assert summarize_changes(found).endswith(
        "1 answer changed: 1 is of the same class, with a number that is not finite."
    )


def test_only_a_run_is_called_the_live_model_and_a_copy_that_is_gone_keeps_its_id():
    assert short_labels(["r0123456789", "a0123456789"], {}) == {
        "r0123456789": "Live model",
        "a0123456789": "a0123456789",
    }
