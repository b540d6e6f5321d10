"""What is asked again, alone, before a disagreement is announced, and what is a tie."""

import numpy as np
import pytest

from core.disagreement import (
    DataChunk,
    DisagreementSearch,
    OutputScale,
    SearchBudget,
    ask_again,
    is_tie,
    list_candidates,
)

SCALES = {"y": OutputScale("class")}
ROWS = {"x": np.linspace(0, 1, 12)[:, None]}


def two_classes(lead: np.ndarray) -> dict[str, np.ndarray]:
    """Probabilities of two classes by how far the first leads."""
    return {"y": np.stack([0.5 + lead / 2, 0.5 - lead / 2], axis=1)}


def search_data(left, right, scales=SCALES) -> tuple[DisagreementSearch, object]:
    """A search of all rows, and the two models together."""

    def predict(rows):
        return left(rows["x"][:, 0]), right(rows["x"][:, 0])

    search = DisagreementSearch(predict, scales, SearchBudget(60.0, 12))
    search.scan_data([DataChunk("held-out", 0, ROWS, {})])
    return search, predict


def test_ask_again_drops_what_only_a_larger_batch_shows():
    """One row disagrees by itself; another disagrees more, and only beside others."""

    def right(x):
        lead = np.where(x == x[0], 0.3, 0.5) if len(x) == 1 else np.where(np.arange(len(x)) == 5, -0.9, 0.5)
        return two_classes(np.where(np.isclose(x, ROWS["x"][3]), -0.2, lead))

    search, predict = search_data(lambda x: two_classes(np.full(len(x), 0.5)), right)
    assert search.best.row == 5
    confirmed = ask_again(list_candidates(search), predict, SCALES)
    assert (confirmed.row, confirmed.is_changed, confirmed.amount) == (3, True, pytest.approx(0.2))
    assert not is_tie(confirmed, SCALES)
    np.testing.assert_allclose(confirmed.predictions[1]["y"], [[0.4, 0.6]])


def test_unconfirmed_class_is_a_tie():
    lead = np.float64(6e-8)
    search, predict = search_data(
        lambda x: two_classes(np.full(len(x), lead)),
        lambda x: two_classes(np.full(len(x), -lead if len(x) > 1 else lead)),
    )
    assert search.best.is_changed
    confirmed = ask_again(list_candidates(search), predict, SCALES)
    assert (confirmed.is_changed, is_tie(confirmed, SCALES)) == (False, True)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [(6e-8, -6e-8, True), (6e-8, -0.4, False), (0.4, -6e-8, False), (1e-3, -1e-3, False), (5e-6, -2e-5, True)],
)
def test_tie_is_what_rounding_decides_on_both_sides(left: float, right: float, expected: bool):
    search, predict = search_data(
        lambda x: two_classes(np.full(len(x), left)), lambda x: two_classes(np.full(len(x), right))
    )
    confirmed = ask_again(list_candidates(search), predict, SCALES)
    assert (confirmed.is_changed, is_tie(confirmed, SCALES)) == (True, expected)
    assert is_tie(search.best, SCALES) is expected


def test_values_and_rows_that_never_parted_are_no_ties():
    scales = {"y": OutputScale("value", 1.0)}
    search, predict = search_data(lambda x: {"y": x[:, None]}, lambda x: {"y": x[:, None] + 0.5}, scales)
    assert not is_tie(ask_again(list_candidates(search), predict, scales), scales)
    same, _ = search_data(lambda x: two_classes(x), lambda x: two_classes(x))
    assert list_candidates(same) == []
    assert not is_tie(same.best, SCALES)
