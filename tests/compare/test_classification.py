"""Answers among classes, compared with scikit-learn, SciPy and a plain sort."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, confusion_matrix

from core.compare import ClassificationMetrics, compare
from core.compare.classification import wilson_interval
from core.errors import InputError

NAN, INF = np.nan, np.inf


def classification_metrics(
    reference: np.ndarray, answer: np.ndarray, targets: np.ndarray | None = None
) -> ClassificationMetrics:
    right = None if targets is None else {"y": targets}
    return compare({"y": reference}, {"y": answer}, True, right).outputs[0].classes


@st.composite
def score_pairs(draw):
    """Scores of two sides for the same rows and classes, with ties, NaN and infinities."""
    shape = draw(st.tuples(st.integers(1, 12), st.one_of(st.integers(2, 9), st.integers(30, 36))))
    dtype = draw(st.sampled_from(["float16", "float32", "float64"]))
    elements = st.one_of(st.integers(-3, 3).map(float), st.sampled_from([NAN, INF, -INF, 0.5, -0.0]))
    return tuple(draw(hnp.arrays(dtype, shape, elements=elements)) for _ in range(2))


def softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (raised / raised.sum(axis=1, keepdims=True)).astype("float32")


def make_two_models(rows: int = 2000, classes: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of two models that often agree, and the right classes."""
    random = np.random.default_rng(classes)
    scores = random.normal(size=(rows, classes))
    other = scores + 0.3 * random.normal(size=scores.shape)
    return softmax(scores), softmax(other), random.integers(0, classes, rows)


def order_by_sorting(values: np.ndarray) -> list[list[int]]:
    """Classes of each row, largest first, of equal values the first first, NaN as the smallest."""
    rows = np.where(np.isnan(values.astype("float64")), -INF, values.astype("float64")).tolist()
    return [sorted(range(len(row)), key=lambda place: (-row[place], place)) for row in rows]


def test_agreement_matches_scikit_learn_confusion_matrix():
    left, right, _ = make_two_models()
    result = classification_metrics(left, right)
    assert result.agreement == confusion_matrix(left.argmax(axis=1), right.argmax(axis=1)).tolist()
    assert result.changed == (left.argmax(axis=1) != right.argmax(axis=1)).sum() > 100


@given(score_pairs())
def test_agreement_excludes_rows_with_nan(sides):
    spoken = ~np.any([np.isnan(side.astype("float64")).any(axis=1) for side in sides], axis=0)
    text = [side.argmax(axis=1)[spoken] for side in sides]
    classes = range(sides[0].shape[1])
    expected = confusion_matrix(*text, labels=classes) if spoken.any() else np.zeros((len(classes),) * 2, int)
    assert classification_metrics(*sides).agreement == expected.tolist()


def test_agreement_is_computed_up_to_a_hundred_classes():
    assert np.sum(classification_metrics(*make_two_models(50, 100)[:2]).agreement) == 50
    result = classification_metrics(*make_two_models(50, 101)[:2])
    assert (result.agreement, result.classes) == (None, 101)


@given(score_pairs())
def test_top5_order_matches_plain_sort(sides):
    left, right = (order_by_sorting(side) for side in sides)
    first = min(5, len(left[0]))
    result = classification_metrics(*sides)
    assert result.top5_changed == sum(a[:first] != b[:first] for a, b in zip(left, right, strict=True))
    moves = [abs(b.index(a[rank]) - rank) for a, b in zip(left, right, strict=True) for rank in range(first)]
    assert result.top5_rank_change == pytest.approx(sum(moves) / len(moves))


def test_top5_swap_below_first_changes_order_and_no_class():
    result = classification_metrics(
        np.array([[0.6, 0.3, 0.1], [0.6, 0.3, 0.1]]), np.array([[0.6, 0.1, 0.3], [0.6, 0.3, 0.1]])
    )
    assert (result.changed, result.top5_changed, result.top5_rank_change) == (0, 1, pytest.approx(2 / 6))


def test_accuracy_matches_scikit_learn_and_interval_matches_scipy():
    left, right, targets = make_two_models()
    result = classification_metrics(left, right, targets)
    for side, accuracy in ((left, result.reference_accuracy), (right, result.answer_accuracy)):
        right_ones = int((side.argmax(axis=1) == targets).sum())
        interval = binomtest(right_ones, len(side)).proportion_ci(0.95, method="wilson")
        assert accuracy.value == accuracy_score(targets, side.argmax(axis=1))
        assert (accuracy.low, accuracy.high) == pytest.approx((interval.low, interval.high))
        assert accuracy.rows == 2000


@given(st.integers(1, 10_000), st.data())
def test_wilson_interval_matches_scipy_for_any_counts(rows, data):
    right = data.draw(st.integers(0, rows))
    interval, result = binomtest(right, rows).proportion_ci(0.95, method="wilson"), wilson_interval(right, rows)
    assert (result.low, result.high) == pytest.approx((interval.low, interval.high), rel=1e-9, abs=1e-12)
    assert 0 <= result.low <= result.value <= result.high <= 1


@pytest.mark.parametrize("form", ["integers", "column", "floats", "one-hot"])
def test_targets_as_class_numbers_or_one_hot_give_same_result(form):
    left, right, targets = make_two_models(300)
    forms = {
        "integers": targets,
        "column": targets.astype("uint8")[:, None],
        "floats": targets.astype("float32"),
        "one-hot": np.eye(10, dtype="float32")[targets],
    }
    assert classification_metrics(left, right, forms[form]) == classification_metrics(left, right, targets)
    assert classification_metrics(left, right, forms[form]).reference_accuracy.rows == 300


@pytest.mark.parametrize("targets", [np.full(300, 0.5), np.zeros((300, 3)), np.array(["a"] * 300)])
def test_targets_that_are_no_classes_give_no_accuracy(targets):
    result = classification_metrics(*make_two_models(300)[:2], targets)
    assert (result.reference_accuracy, result.answer_accuracy) == (None, None)


@pytest.mark.parametrize("rows", [299, 301, 0])
def test_targets_with_wrong_row_count_are_refused(rows):
    with pytest.raises(InputError, match="not as many right answers as rows"):
        classification_metrics(*make_two_models(300)[:2], np.zeros(rows, int))


def test_targets_are_matched_by_name_then_by_position():
    left, right, targets = make_two_models(100)
    sides = {"a": left, "b": left}, {"a": right, "b": right}
    by_name = compare(*sides, True, {"b": targets, "a": (targets + 1) % 10}).outputs
    by_place = compare(*sides, True, {"first": (targets + 1) % 10, "second": targets}).outputs
    assert [item.classes for item in by_name] == [item.classes for item in by_place]
    assert by_name[0].classes != by_name[1].classes


@pytest.mark.parametrize("name", ["b", "c"])
def test_targets_of_another_output_are_not_used(name):
    left, right, targets = make_two_models(100)
    result = compare({"a": left, "b": left}, {"a": right, "b": right}, True, {name: targets}).outputs
    assert [item.classes.reference_accuracy is not None for item in result] == [False, name == "b"]


def test_accuracy_counts_row_with_nan_as_wrong():
    left = np.array([[0.9, 0.1], [0.9, 0.1]])
    result = classification_metrics(left, np.array([[NAN, 0.1], [0.9, 0.1]]), np.array([0, 0]))
    assert (result.reference_accuracy.value, result.answer_accuracy.value) == (1.0, 0.5)


def test_equal_accuracy_does_not_mean_equal_classes():
    left, right = np.eye(2)[[0, 0, 1, 1]], np.eye(2)[[1, 1, 0, 0]]
    result = classification_metrics(left, right, np.array([0, 1, 0, 1]))
    assert result.reference_accuracy == result.answer_accuracy
    assert result.changed == 4
    assert result.agreement == [[0, 2], [2, 0]]


def test_values_are_classes_only_if_requested():
    scores = np.array([[2.0, 1.0], [0.0, 3.0]])
    assert compare({"y": scores}, {"y": scores}).outputs[0].classes is None
    assert compare({"y": scores}, {"y": scores}, False).outputs[0].classes is None
    assert compare({"y": scores}, {"y": scores}, True).outputs[0].classes.classes == 2
    assert compare({"y": softmax(scores)}, {"y": scores}).outputs[0].classes.changed == 0


def test_single_row_without_distribution_makes_output_values(monkeypatch):
    monkeypatch.setattr("core.compare.chunks.BLOCK_VALUES", 4)
    rows = np.tile([[0.25, 0.75]], (9, 1))
    answers = rows[:, ::-1]
    assert compare({"y": rows}, {"y": answers}).outputs[0].classes.changed == 9
    rows[8] = [2.0, 2.0]
    comparison = compare({"y": rows}, {"y": rows + 1e-9})
    assert (comparison.outputs[0].classes, comparison.changed_rows) == (None, 0)


@given(score_pairs(), st.integers(0, 2**32 - 1))
def test_broken_fixed_and_astray_counts_match_row_by_row_count(sides, seed):
    left, right = sides
    truth = np.random.default_rng(seed).integers(0, left.shape[1], len(left))
    result = classification_metrics(left, right, truth)
    text = [[None if np.isnan(row.astype("float64")).any() else int(row.argmax()) for row in side] for side in sides]
    rows = list(zip(*text, truth.tolist(), strict=True))
    assert result.broken == sum(item == y != other for item, other, y in rows)
    assert result.fixed == sum(item != y == other for item, other, y in rows)
    assert result.astray == sum(y not in (item, other) and item != other for item, other, y in rows)
    assert result.broken + result.fixed + result.astray <= result.changed


def test_broken_fixed_and_astray_are_none_without_targets():
    left, right, _ = make_two_models(20)
    result = classification_metrics(left, right)
    assert (result.broken, result.fixed, result.astray) == (None, None, None)
