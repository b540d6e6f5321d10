"""Distances and verdicts: each verdict at its border, numbers that are not finite, renamed outputs, text."""

import json

import numpy as np
import pytest

from core.compare import (
    ATOL,
    CHANGED_STD_SHARE,
    DIFFERENT_ROW_SHARE,
    RTOL,
    OutputMatch,
    Verdict,
    compare,
    compare_all,
    match_outputs,
    std_by_output,
)
from core.errors import InputError

NAN, INF = np.nan, np.inf


def single_output(rows, dtype="float32") -> dict[str, np.ndarray]:
    """A single output named "y"."""
    return {"y": np.asarray(rows, dtype=dtype)}


def make_spread_values(rows: int = 100) -> np.ndarray:
    """Values from 0 to 1 in one column: not probabilities, with a known spread."""
    return np.linspace(0, 1, rows, dtype="float64").reshape(rows, 1)


# The verdicts


def test_verdicts_are_ordered_best_first_with_labels():
    assert [(verdict.value, verdict.label, verdict.rank) for verdict in Verdict] == [
        ("bit-identical", "Bit-identical", 0),
        ("rounding", "Same answers (rounding only)", 1),
        ("same-answers", "Same answers", 2),
        ("some-changed", "Some answers changed", 3),
        ("different", "Different answers", 4),
        ("not-comparable", "Cannot be compared", 5),
        ("does-not-load", "Does not load", 6),
        ("not-run", "Not run", 7),
        ("not-verified", "Not verified", 8),
    ]


def test_equal_bytes_are_bit_identical():
    comparison = compare(single_output([[0.25, 0.75], [0.5, 0.5]]), single_output([[0.25, 0.75], [0.5, 0.5]]))
    assert (comparison.verdict, comparison.max_abs, comparison.mean_abs, comparison.changed_rows, comparison.rows) == (
        Verdict.BIT_IDENTICAL,
        0.0,
        0.0,
        0,
        2,
    )


def test_verdict_one_ulp_apart_is_rounding():
    near = np.nextafter(np.float32(0.25), np.float32(1))
    comparison = compare(single_output([[0.25, 0.75]]), single_output([[near, 0.75]]))
    assert comparison.verdict is Verdict.ROUNDING
    assert comparison.max_abs == pytest.approx(float(near) - 0.25, rel=1e-12)
    assert comparison.mean_abs == pytest.approx(comparison.max_abs / 2)


def test_verdict_same_class_at_larger_distance_is_same_answers():
    comparison = compare(single_output([[0.2, 0.8], [0.9, 0.1]]), single_output([[0.4, 0.6], [0.6, 0.4]]))
    assert comparison.verdict is Verdict.SAME_ANSWERS
    assert comparison.max_abs == pytest.approx(0.3)


def test_verdict_other_class_in_a_row_is_some_changed():
    comparison = compare(single_output([[0.2, 0.8], [0.9, 0.1]]), single_output([[0.2, 0.8], [0.1, 0.9]]))
    assert comparison.verdict is Verdict.SOME_CHANGED
    assert comparison.changed.tolist() == [False, True]


def test_verdict_more_than_half_of_rows_changed_is_different():
    reference, answers = single_output(np.eye(2)[[0] * 10]), np.eye(2)[[0] * 10]
    answers[:5] = [0, 1]
    assert compare(reference, single_output(answers)).changed.mean() == DIFFERENT_ROW_SHARE
    assert compare(reference, single_output(answers)).verdict is Verdict.SOME_CHANGED
    answers[5] = [0, 1]
    assert compare(reference, single_output(answers)).verdict is Verdict.DIFFERENT


@pytest.mark.parametrize(
    ("reference", "moved", "verdict"),
    [
        (0.0, ATOL * 0.99, Verdict.ROUNDING),
        (0.0, ATOL * 1.01, Verdict.SAME_ANSWERS),
        (100.0, (ATOL + RTOL * 100) * 0.99, Verdict.ROUNDING),
        (100.0, (ATOL + RTOL * 100) * 1.01, Verdict.SAME_ANSWERS),
    ],
)
def test_rounding_ends_at_the_tolerance(reference, moved, verdict):
    # A second row gives the spread, so that a small move of the first changes no answer.
    before = np.array([[reference, 0.0], [reference - 10.0, 1000.0]])
    after = before.copy()
    after[0, 0] += moved
    assert compare(single_output(before, "float64"), single_output(after, "float64"), classes=False).verdict is verdict


@pytest.mark.parametrize(("share", "changed"), [(0.99, 0), (1.01, 1)])
def test_value_is_changed_beyond_a_share_of_the_spread(share, changed):
    before = make_spread_values()
    after = before.copy()
    after[3] += share * CHANGED_STD_SHARE * before.std()
    assert compare({"y": before}, {"y": after}).changed_rows == changed


def test_single_row_verdict_uses_given_spread():
    known = std_by_output({"y": np.linspace(0, 1, 64).reshape(64, 1), "word": np.array(["a", "b"])})
    assert known == {"y": pytest.approx(0.293, abs=1e-3)}
    for answer, verdict in ((3.0005, Verdict.SAME_ANSWERS), (3.005, Verdict.DIFFERENT)):
        for numbers in (True, False):
            assert (
                compare(
                    single_output([[3.0]]), single_output([[answer]]), with_metrics=numbers, reference_std=known
                ).verdict
                is verdict
            )
    assert compare(single_output([[3.0]]), single_output([[3.0005]])).verdict is Verdict.DIFFERENT
    cells = compare_all({"a": single_output([[3.0]]), "b": single_output([[3.0005]])}, reference_std=known)
    assert [cell["verdict"] for cell in cells] == ["same-answers"]


# Classes or values


def test_probabilities_are_detected_and_compared_by_class():
    assert compare(single_output([[0.5, 0.4, 0.1]]), single_output([[0.45, 0.4, 0.15]])).changed_rows == 0
    assert (
        compare(single_output([[0.5, 0.4, 0.1]]), single_output([[0.45, 0.4, 0.15]]), classes=False).changed_rows == 1
    )


def test_non_probability_rows_are_values_unless_classes_requested():
    assert compare(single_output([[5.0, 4.0]]), single_output([[4.5, 4.0]])).changed_rows == 1
    assert compare(single_output([[5.0, 4.0]]), single_output([[4.5, 4.0]]), classes=True).changed_rows == 0


def test_single_column_output_is_compared_by_value():
    assert compare(single_output([[1.0], [0.0]]), single_output([[0.6], [0.0]]), classes=True).changed.tolist() == [
        True,
        False,
    ]


# NaN and infinities


def test_nan_at_the_same_place_with_the_same_bits_is_bit_identical():
    comparison = compare(single_output([[NAN, 1.0], [2.0, 3.0]]), single_output([[NAN, 1.0], [2.0, 3.0]]))
    assert (comparison.verdict, comparison.not_finite, comparison.changed_rows) == (Verdict.BIT_IDENTICAL, 1, 0)


def test_nan_with_other_bits_is_rounding():
    quiet = np.array([0x7FC00000, 0x7FC00001], dtype="uint32").view("float32").reshape(2, 1)
    comparison = compare({"y": quiet[:1]}, {"y": quiet[1:]})
    assert (comparison.verdict, comparison.changed_rows, comparison.max_abs) == (Verdict.ROUNDING, 0, 0.0)


@pytest.mark.parametrize(
    ("reference", "answer"), [(1.0, NAN), (NAN, 1.0), (1.0, INF), (INF, 1.0), (INF, -INF), (NAN, INF)]
)
def test_unequal_non_finite_value_changes_the_row(reference, answer):
    comparison = compare(single_output([[reference], [0.5], [0.6]]), single_output([[answer], [0.5], [0.6]]))
    assert comparison.changed.tolist() == [True, False, False]
    assert comparison.verdict is Verdict.SOME_CHANGED
    assert comparison.not_finite == int(not np.isfinite(answer))


def test_equal_infinities_are_equal():
    comparison = compare(single_output([[INF], [-INF]]), single_output([[INF], [-INF]]))
    assert (comparison.verdict, comparison.not_finite) == (Verdict.BIT_IDENTICAL, 2)


def test_distance_beside_equal_infinities_stays_finite():
    comparison = compare(single_output([[INF], [1.0], [0.0]]), single_output([[INF], [3.0], [0.0]]))
    assert (comparison.max_abs, comparison.mean_abs) == (2.0, 1.0)


def test_all_nan_predictions_are_different_and_json_serializable():
    comparison = compare(single_output(np.eye(3)), single_output(np.full((3, 3), NAN)))
    assert comparison.verdict is Verdict.DIFFERENT
    assert json.loads(json.dumps(comparison.to_json(), allow_nan=False))["not_finite"] == 9


# Other types


def test_equal_values_of_other_dtype_are_rounding():
    comparison = compare(single_output([[0.5, 0.5]], "float32"), single_output([[0.5, 0.5]], "float64"))
    assert (comparison.verdict, comparison.max_abs) == (Verdict.ROUNDING, 0.0)


def test_float16_is_measured_without_overflow():
    comparison = compare(single_output([[60000.0], [0.0]], "float16"), single_output([[-60000.0], [0.0]], "float16"))
    assert (comparison.max_abs, comparison.changed.tolist()) == (120000.0, [True, False])


@pytest.mark.parametrize(("steps", "verdict"), [(4, Verdict.ROUNDING), (9, Verdict.SOME_CHANGED)])
def test_last_places_of_float16_are_rounding(steps, verdict):
    """Around 1,000 the next number is half a unit away, which is more than the answers spread."""
    values = np.array([[1000.0], [1000.5], [1001.0]], "float16")
    moved = values + np.array([[steps / 2], [0], [0]], "float16")
    comparison = compare({"y": values}, {"y": moved})
    assert (comparison.verdict, comparison.max_abs) == (verdict, steps / 2)
    assert compare({"y": values.astype("float32")}, {"y": moved}).verdict is Verdict.SOME_CHANGED


def test_integers_do_not_wrap_around():
    comparison = compare(single_output([[0], [9]], "uint8"), single_output([[255], [9]], "uint8"))
    assert comparison.max_abs == 255.0


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("std", [None, 1e5])
def test_next_whole_number_is_a_changed_answer(dtype, std):
    ids = np.array([[50_000], [7], [2**31 - 9]], dtype)
    comparison = compare({"y": ids}, {"y": ids + np.array([[1], [0], [0]], dtype)}, reference_std=std and {"y": std})
    assert (comparison.verdict, comparison.changed.tolist()) == (Verdict.SOME_CHANGED, [True, False, False])


def test_whole_numbers_as_floats_are_rounding():
    comparison = compare(single_output([[70_000], [3]], "int64"), single_output([[70_000], [3]], "float32"))
    assert (comparison.verdict, comparison.changed_rows) == (Verdict.ROUNDING, 0)


def test_boolean_outputs_are_compared():
    comparison = compare(
        single_output([[True], [False], [True]], "bool"), single_output([[True], [True], [True]], "bool")
    )
    assert comparison.changed.tolist() == [False, True, False]


def test_vector_output_is_compared_row_by_row():
    comparison = compare({"y": np.array([1.0, 2.0, 3.0])}, {"y": np.array([1.0, 2.5, 3.0])})
    assert (comparison.rows, comparison.changed.tolist()) == (3, [False, True, False])


@pytest.mark.parametrize("dtype", ["S", "U", "object"])
def test_text_comparison_is_independent_of_dtype(dtype):
    reference = {"y": np.array(["cat", "dog", "cow"]).astype(dtype)}
    assert compare(reference, {"y": np.array(["cat", "dog", "cow"])}).verdict is Verdict.BIT_IDENTICAL
    comparison = compare(reference, {"y": np.array([b"cat", b"dot", b"cow"])})
    assert (comparison.verdict, comparison.changed.tolist(), comparison.max_abs) == (
        Verdict.SOME_CHANGED,
        [False, True, False],
        0.0,
    )


# Pairing


def test_outputs_are_paired_by_name_first():
    a, b = np.zeros((2, 3)), np.ones((2, 3))
    assert match_outputs({"a": a, "b": b}, {"b": b, "a": a}) == (
        OutputMatch("a", "a", "name"),
        OutputMatch("b", "b", "name"),
    )


def test_renamed_output_is_matched_by_shape():
    answers = {"output_1": np.zeros((2, 5)), "output_0": np.zeros((2, 3))}
    assert match_outputs({"a": np.zeros((2, 3)), "b": np.zeros((2, 5))}, answers) == (
        OutputMatch("a", "output_0", "shape"),
        OutputMatch("b", "output_1", "shape"),
    )


def test_renamed_outputs_of_one_shape_are_matched_by_values():
    reference = {"zeta": np.full((2, 3), 3.0), "alpha": np.full((2, 3), 1.0), "mid": np.full((2, 3), 2.0)}
    answers = {"output_0": reference["alpha"], "output_1": reference["mid"], "output_2": reference["zeta"]}
    pairs = {pair.reference: (pair.answer, pair.by) for pair in match_outputs(reference, answers)}
    assert pairs == {"zeta": ("output_2", "value"), "alpha": ("output_0", "value"), "mid": ("output_1", "shape")}
    assert compare(reference, answers).verdict is Verdict.BIT_IDENTICAL


def test_equal_name_with_other_shape_is_not_matched():
    answers = {"a": np.zeros((2, 9)), "b": np.zeros((2, 3))}
    assert match_outputs({"a": np.zeros((2, 3))}, answers) == (OutputMatch("a", "b", "shape"),)


def test_text_outputs_are_paired_by_value_too():
    reference = {"word": np.array(["a", "b"]), "tag": np.array(["x", "y"])}
    answers = {"o0": np.array([b"x", b"y"]), "o1": np.array([b"a", b"b"])}
    assert compare(reference, answers).verdict is Verdict.BIT_IDENTICAL


def test_comparison_json_contains_output_pairs():
    record = compare({"a": np.zeros((2, 3))}, {"output_0": np.zeros((2, 3))}).to_json()
    assert record["pairs"] == [{"reference": "a", "answer": "output_0", "by": "shape"}]


def test_row_is_changed_if_any_output_changed():
    reference = {"a": np.eye(2), "b": np.array([[1.0], [5.0]])}
    comparison = compare(reference, {"a": np.eye(2), "b": np.array([[1.0], [9.0]])})
    assert (comparison.changed.tolist(), comparison.max_abs, comparison.mean_abs) == ([False, True], 4.0, 4.0 / 6)


# What does not fit


def test_compare_unmatched_output_is_refused():
    with pytest.raises(InputError) as caught:
        compare({"y": np.zeros((4, 10))}, {"z": np.zeros((4, 3))})
    assert caught.value.sentence == "No output fits the reference's 'y', which has 4 rows of 10 numbers."
    assert caught.value.received == "z, 4 rows of 3 numbers"
    assert caught.value.cure == "Compare copies of models that answer the same question on the same rows."


def test_compare_different_row_counts_are_refused():
    with pytest.raises(InputError, match=r"No output fits the reference's 'y', which has 4 rows of 1 number\."):
        compare({"y": np.zeros((4, 1))}, {"y": np.zeros((3, 1))})


def test_compare_without_predictions_is_refused():
    with pytest.raises(InputError) as caught:
        compare({"y": np.zeros((4, 1))}, {})
    assert caught.value.received == "no outputs"
