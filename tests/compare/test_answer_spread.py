"""Whether answers are far enough apart to tell one model from another."""

import numpy as np
import pytest

from core.compare import AnswerSpread, compare, measure_spread
from core.evidence.records import Discrimination

RANDOM = np.random.default_rng(0).random((8, 3), dtype="float32")


def test_spread_of_one_answer_for_all_rows_is_zero():
    assert measure_spread({"y": np.full((5, 2), 0.25, "float32")}) == AnswerSpread(rows=5, distinct=1, share=0.0)


def test_spread_is_the_largest_deviation_as_share_of_the_largest_value():
    assert measure_spread({"y": np.array([[8.0], [10.0]])}) == AnswerSpread(rows=2, distinct=2, share=0.1)


@pytest.mark.parametrize("values", [np.array(["a", "b"]), np.array([[np.nan], [1.0]]), np.array([True, False])])
def test_spread_of_text_nan_and_truths_counts_distinct_rows(values):
    spread = measure_spread({"y": values})
    assert (spread.distinct, spread.share > 0) == (2, True)


def test_discrimination_of_constant_answers_warns():
    found = Discrimination.measure({"y": np.zeros((64, 2))})
    assert found.warning == ("All 64 rows get the same answer, so these inputs cannot tell a good copy from another.")


def test_discrimination_where_one_percent_moves_nothing_warns():
    found = Discrimination.measure({"y": RANDOM}, {"ulp_share": 0.0, "percent_share": 0.0})
    assert found.warning == (
        "Weights that are 1 % off move the answers not at all, so these inputs cannot tell a damaged copy."
    )


def test_discrimination_of_nearly_equal_answers_warns():
    found = Discrimination.measure({"y": 1000 + RANDOM * 1e-2})
    assert found.warning.startswith("The answers of all rows lie within ")


@pytest.mark.parametrize("mutant", [None, {"ulp_share": 1e-8, "percent_share": 0.02}])
def test_discrimination_of_good_inputs_says_nothing(mutant):
    assert Discrimination.measure({"y": RANDOM}, mutant).warning == ""
    assert Discrimination.measure({"y": RANDOM[:1]}, mutant).warning == ""


# What a largest difference does not count, and what has no partner


def test_nan_that_became_infinite_is_counted_and_named():
    result = compare({"y": np.array([[np.nan], [1.0], [2.0]])}, {"y": np.array([[-np.inf], [1.0], [np.inf]])})
    assert result.max_abs == 0.0
    assert result.mismatches == {"NaN became -∞": 1, "a number became ∞": 1}
    facts = result.to_json()
    assert (facts["mismatched"], facts["mismatches"]) == (2, result.mismatches)


def test_equal_nan_and_infinities_are_no_mismatch():
    values = {"y": np.array([[np.nan], [np.inf], [1.0]])}
    assert compare(values, values).mismatches == {}


def test_surplus_output_is_named():
    result = compare({"a": RANDOM}, {"a": RANDOM, "b": RANDOM, "c": RANDOM[:, :1]})
    assert result.surplus == ("b", "c")
    assert result.to_json()["surplus_outputs"] == ["b", "c"]
