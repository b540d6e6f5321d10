"""How much two disagree: what counts above what, by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.compare import compare
from core.disagreement import OutputScale, measure_disagreement, output_scales

CLASS_SCALE = {"y": OutputScale("class")}


def measure_arrays(left, right, scale=CLASS_SCALE):
    return measure_disagreement({"y": np.array(left)}, {"y": np.array(right)}, scale)


def test_changed_class_scores_above_any_unchanged_row():
    left = [[0.51, 0.49, 0.0], [0.98, 0.01, 0.01]]
    right = [[0.49, 0.51, 0.0], [0.34, 0.33, 0.33]]
    result = measure_arrays(left, right)
    assert result.level.tolist() == [2, 0]
    assert result.score[0] > result.score[1]
    np.testing.assert_allclose(result.largest, [0.02, 0.64])


def test_changed_class_score_grows_with_smaller_top_margin():
    left = [[0.9, 0.1], [0.99, 0.01], [0.6, 0.4]]
    right = [[0.2, 0.8], [0.49, 0.51], [0.1, 0.9]]
    result = measure_arrays(left, right)
    np.testing.assert_allclose(result.amount, [0.6, 0.02, 0.2])  # the smaller lead of the two
    assert np.argsort(-result.score).tolist() == [0, 2, 1]


def test_unchanged_class_scores_by_nearness_to_changing():
    result = measure_arrays([[0.7, 0.3], [0.52, 0.48], [0.7, 0.3]], [[0.6, 0.4], [0.51, 0.49], [0.7, 0.3]])
    np.testing.assert_allclose(result.amount, [0.1 / (0.1 + 0.2), 0.01 / (0.01 + 0.02), 0])
    assert result.level.tolist() == [0, 0, 0]


def test_values_score_in_units_of_the_reference_spread():
    scales = output_scales({"y": np.array([[0.0], [10.0], [20.0]])})
    assert scales["y"].kind == "value"
    assert scales["y"].spread == pytest.approx(np.std([0, 10, 20]))
    result = measure_arrays([[1.0], [1.0]], [[1.05], [3.0]], scales)
    assert result.level.tolist() == [0, 1]  # from 1 % of the spread on it has moved, as in a comparison
    np.testing.assert_allclose(result.amount, np.array([0.05, 2.0]) / np.std([0, 10, 20]))


def test_text_scores_by_number_of_changed_texts():
    scales = output_scales({"y": np.array([["a", "b"]])})
    result = measure_arrays([["a", "b"], ["a", "b"], ["a", "b"]], [["a", "b"], ["a", "x"], ["x", "x"]], scales)
    assert (result.level.tolist(), result.amount.tolist()) == ([0, 2, 2], [0, 1, 2])


def test_one_sided_non_finite_scores_highest_and_nan_equals_nan():
    nan, inf = np.nan, np.inf
    left = [[0.9, 0.1], [nan, nan], [inf, 0.0], [nan, 0.2]]
    right = [[nan, nan], [nan, nan], [inf, 0.0], [nan, 0.2]]
    for scale in (OutputScale("class"), OutputScale("value")):
        result = measure_arrays(left, right, {"y": scale})
        assert result.level.tolist() == [3, 0, 0, 0]
        assert result.amount.tolist() == [2, 0, 0, 0]
        assert np.isfinite(result.score).all()
    assert result.score[0] > measure_arrays([[1.0, 0.0]], [[0.0, 1.0]]).score[0]


def test_huge_values_have_finite_ordered_scores():
    scales = {"y": OutputScale("value", 1e-300)}
    result = measure_arrays([[0.0], [0.0], [1e308]], [[0.0], [1e300], [-1e308]], scales)
    assert np.isfinite(result.score).all()
    assert result.level.tolist() == [0, 1, 1]


def test_output_with_larger_disagreement_decides_the_score():
    scales = {"one": OutputScale("value", 1.0), "two": OutputScale("class")}
    left = {"one": np.array([[0.0], [0.0]]), "two": np.array([[0.9, 0.1], [0.9, 0.1]])}
    right = {"one": np.array([[0.5], [0.0]]), "two": np.array([[0.9, 0.1], [0.2, 0.8]])}
    result = measure_disagreement(left, right, scales)
    assert (result.output.tolist(), result.level.tolist()) == ([0, 1], [1, 2])
    np.testing.assert_allclose(result.score, [1 + (0.5 / 1.5) / 2, 2 + (0.6 / 1.6) / 2])


def test_changed_class_scores_above_any_moved_value():
    scales = {"one": OutputScale("value", 1.0), "two": OutputScale("class")}
    left = {"one": np.array([[0.0], [0.0]]), "two": np.array([[0.9, 0.1], [0.51, 0.49]])}
    right = {"one": np.array([[900.0], [0.0]]), "two": np.array([[0.9, 0.1], [0.49, 0.51]])}
    assert measure_disagreement(left, right, scales).score.argmax() == 1


WHOLE = np.array([[2**60], [50_000], [7]])
HALVES = np.array([[1000.0], [1000.5], [1001.0]], "float16")
PICTURE = np.random.default_rng(0).integers(0, 99, (3, 4, 5)).astype("uint8")
MOVES = {
    "ids": (WHOLE, np.array([[0], [1], [0]])),
    "ids beyond 2^53": (WHOLE, np.array([[1], [0], [0]])),
    "one-hot": (np.eye(3, dtype=bool), np.array([[0, 0, 1], [0, 0, 0], [0, 0, 0]], bool)),
    "four places": (HALVES, np.array([[2.0], [0], [0]], "float16")),
    "five places": (HALVES, np.array([[2.5], [0], [0]], "float16")),
    "one level": (PICTURE, np.ones(PICTURE.shape, "uint8")),
    "two levels": (PICTURE, np.full(PICTURE.shape, 2, "uint8")),
    "complex": (np.array([[1 + 2j], [3j]]), np.array([[1j], [0]])),
}
CHANGED = {
    "ids": [1],
    "ids beyond 2^53": [0],
    "one-hot": [0],
    "five places": [0],
    "two levels": [0, 1, 2],
    "complex": [0],
}


@pytest.mark.parametrize("labels", [0, 3])
@pytest.mark.parametrize("case", MOVES)
def test_dtype_decides_what_has_changed_as_in_compare(case: str, labels: int):
    reference, moves = MOVES[case]
    left, right = {"y": reference}, {"y": reference + moves}
    result = measure_disagreement(left, right, output_scales(left, labels))
    assert np.flatnonzero(result.changed).tolist() == CHANGED.get(case, [])
    assert result.changed.tolist() == compare(left, right, bool(labels) or None).changed.tolist()


def test_output_scales_detect_classes_by_labels_or_sum():
    reference = {"logits": np.array([[3.0, -1.0]]), "shares": np.array([[0.4, 0.6]]), "value": np.array([[5.0]])}
    assert [scale.kind for scale in output_scales(reference).values()] == ["value", "class", "value"]
    assert [scale.kind for scale in output_scales(reference, labels=2).values()] == ["class", "class", "value"]


NUMBERS = st.floats(-1000, 1000, width=32) | st.sampled_from([np.nan, np.inf, -np.inf])
ROWS = hnp.arrays("float32", (6, 3), elements=NUMBERS)
FINITE = hnp.arrays("float32", (6, 3), elements=st.floats(-1000, 1000, width=32))


@settings(max_examples=50, deadline=None)
@given(left=FINITE, right=FINITE)
def test_changed_flag_agrees_with_compare(left, right):
    left, right = {"y": left}, {"y": right}
    values = {"y": OutputScale("value", float(left["y"].astype("float64").std()))}
    for classes, scales in ((True, CLASS_SCALE), (False, values)):
        np.testing.assert_array_equal(
            measure_disagreement(left, right, scales).changed, compare(left, right, classes).changed
        )


@settings(max_examples=50, deadline=None)
@given(left=ROWS, right=ROWS)
def test_score_is_bounded_and_zero_for_identical_predictions(left, right):
    for scale in ({"y": OutputScale("class")}, {"y": OutputScale("value")}):
        assert (measure_disagreement({"y": left}, {"y": right}, scale).score < 4).all()
        assert measure_disagreement({"y": left}, {"y": left.copy()}, scale).score.tolist() == [0.0] * 6
