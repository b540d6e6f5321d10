"""Every number has a name, a meaning and a writing; what became of the right answers is said as it is."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.compare import ClassificationMetrics, OutputMetrics, compare
from core.library import Entry
from core.text.labels import number_equal, score_label, short_labels
from core.text.metrics import ALL_METRICS, WORST_VALUE_METRICS
from core.text.numbers import format_cosine, format_exact, format_number, format_rounded_up, format_share
from core.text.summaries import summarize_changes
from core.text.verdicts import tolerance_label

UNLABELLED_FIELDS = {
    "output",
    "answer",
    "by",
    "rows",
    "values",
    "identical",
    "rounding",
}  # headings, or said by the verdict
PLOTTED_FIELDS = {"histogram", "by_magnitude", "by_column", "heat", "agreement"}


def test_metrics_cover_every_number_with_name_and_description():
    text = {metric.key.partition(".")[0] for metric in ALL_METRICS}
    assert {field.name for field in fields(OutputMetrics)} - UNLABELLED_FIELDS - PLOTTED_FIELDS == text
    classes = {metric.key.removeprefix("classes.") for metric in ALL_METRICS if metric.key.startswith("classes.")}
    assert {field.name for field in fields(ClassificationMetrics)} - PLOTTED_FIELDS - {
        "classes",
        "changed",
        "astray",
    } == classes
    assert [
        metric.key for metric in ALL_METRICS if len(metric.description) < 20 or not metric.description.endswith(".")
    ] == []


def test_format_number_is_short_and_readable():
    assert [format_number(item) for item in (0.0, 1.79e-7, 0.00123456, 756082.3, "inf", "-inf", "nan")] == [
        "0", "1.79e-7", "0.00123", "756,082", "∞", "−∞", "NaN"
    ]  # fmt: skip
    assert [format_cosine(item) for item in (1.0, 1 - 1e-15, 1 - 2.5e-6, 0.5)] == [
        "1",
        "1",
        "1\u00a0−\u00a02.5e-6",
        "0.5",
    ]
    assert (
        tolerance_label({"passed": False, "rows_failing": 3, "values_failing": 1200}) == "Fail: 1,200 values in 3 rows"
    )


def test_format_share_is_in_percent_without_exponent():
    values = (0.0, 3e-7, 1e-6, 0.00042, 0.0099, 0.12, 1.0, 12.5)
    expected = ["0 %", "3e-7", "0.0001 %", "0.042 %", "0.99 %", "12 %", "100 %", "1,250 %"]
    assert [format_share(value) for value in values] == expected


@given(st.floats(0, 1e300))
def test_formatted_needed_tolerance_passes_when_typed_in(value):
    assert value <= float(format_rounded_up(value)) <= value * 1.01 + 1e-322
    assert float(format_exact(value)) == value


def test_tolerances_needed_are_rounded_upward():
    result = {"atol_needed": 1.2341e-5, "rtol_needed": 1234.5}
    text = [metric.format_from(result) for metric in ALL_METRICS if metric.key in result]
    assert text == ["1.24e-5", "1.24e3"]
    assert [format_rounded_up(item) for item in (0.0, 0.5, "inf")] == ["0", "0.5", "∞"]


def test_metrics_of_text_output_are_dashes():
    result = compare({"y": np.array(["a", "b"])}, {"y": np.array(["a", "="])}).to_json()["outputs"][0]
    text = {metric.key: metric.format_from(result) for metric in ALL_METRICS}
    assert text["max_abs"] == text["classes.broken"] == "–"
    assert [text[metric.key] for metric in WORST_VALUE_METRICS] == ["row 1", "b", "="]


TRUTH = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2])


def compare_predictions(reference: list[int], answer: list[int]) -> dict:
    rows = [np.eye(3, dtype="float32")[item] for item in (reference, answer)]
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
def test_summarize_changes_equal_accuracy_mentions_changed_classes(reference: list[int], answer: list[int], words: str):
    assert summarize_changes(compare_predictions(reference, answer)) == words


def test_summarize_changes_without_targets_counts_changes_only():
    rows = np.eye(3, dtype="float32")
    result = compare({"y": rows}, {"y": rows[[0, 1, 1]]}, True).to_json()["outputs"][0]
    assert summarize_changes(result) == "1 answer changed. The right answers are not known for these rows."
    assert summarize_changes(compare({"y": rows}, {"y": rows}, True).to_json()["outputs"][0]) == "No answer changed."


def test_summarize_changes_mentions_non_finite_rows():
    rows = np.eye(3, dtype="float32")
    other = rows.copy()
    other[0, 0] = np.inf
    result = compare({"y": rows}, {"y": other}, True, {"y": np.arange(3)}).to_json()["outputs"][0]
    assert summarize_changes(result).endswith(
        "1 answer changed: 1 is of the same class, with a number that is not finite."
    )


def test_number_equal_leaves_the_first_and_counts_on():
    names = {"a": "Keras file", "b": "ONNX", "c": "Keras file", "d": "Keras file"}
    assert number_equal(names) == {"a": "Keras file", "b": "ONNX", "c": "Keras file #2", "d": "Keras file #3"}


def test_short_labels_number_equal_copies_by_age():
    entries = {
        "a1": Entry("a1", format="onnx", trust="ours", created="2026-11-30T02:00:00+00:00"),
        "a2": Entry("a2", format="onnx", trust="ours", created="2026-11-30T01:00:00+00:00"),
    }
    assert short_labels(["a1", "a2"], entries) == {"a1": "ONNX #2", "a2": "ONNX"}


def test_short_labels_name_run_live_model_and_missing_copy_by_id():
    assert short_labels(["r0123456789", "a0123456789"], {}) == {
        "r0123456789": "Live model",
        "a0123456789": "a0123456789",
    }


@pytest.mark.parametrize(
    ("score_name", "label"),
    [
        ("accuracy", "Accuracy on test examples"),
        ("mean absolute error in dollars", "Average error in dollars"),
        ("mean absolute error in ink, from 0 to 1", "Average pixel error in ink, from 0 to 1"),
    ],
)
def test_score_label_of_a_recorded_name_is_plain_english(score_name, label):
    assert score_label(score_name) == label
