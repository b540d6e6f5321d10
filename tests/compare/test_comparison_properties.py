"""A comparison of whatever numbers Hypothesis draws."""

import json

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.compare import (
    Verdict,
    compare,
)

# Whatever the numbers are

FLOATS = st.floats(-1e6, 1e6, width=32)
ANY_FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)
SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 4))


@st.composite
def array_pairs(draw, elements=FLOATS):
    """Two arrays of one shape."""
    shape = draw(SHAPES)
    return draw(hnp.arrays("float32", shape, elements=elements)), draw(hnp.arrays("float32", shape, elements=elements))


@given(array_pairs(ANY_FLOATS))
def test_identical_predictions_are_bit_identical(pair):
    comparison = compare({"y": pair[0]}, {"y": pair[0].copy()})
    assert (comparison.verdict, comparison.max_abs, comparison.changed_rows) == (Verdict.BIT_IDENTICAL, 0.0, 0)


@given(array_pairs(ANY_FLOATS))
def test_distances_are_symmetric(pair):
    there, back = compare({"y": pair[0]}, {"y": pair[1]}), compare({"y": pair[1]}, {"y": pair[0]})
    assert (there.max_abs, there.mean_abs) == (back.max_abs, back.mean_abs)


@given(array_pairs(ANY_FLOATS), st.sampled_from([True, False, None]))
def test_comparison_json_is_valid_and_ordered(pair, classes):
    comparison = compare({"y": pair[0]}, {"y": pair[1]}, classes)
    document = json.loads(json.dumps(comparison.to_json(), allow_nan=False))
    assert 0 <= document["mean_abs"] <= document["max_abs"] * (1 + 1e-12)
    assert 0 <= document["changed_rows"] <= document["rows"] == len(pair[0])
    assert (comparison.verdict is Verdict.BIT_IDENTICAL) == (pair[0].tobytes() == pair[1].tobytes())


@given(array_pairs())
def test_changed_row_is_never_rounding_or_same_answers(pair):
    comparison = compare({"y": pair[0]}, {"y": pair[1]})
    assume(comparison.changed_rows)
    assert comparison.verdict in (Verdict.SOME_CHANGED, Verdict.DIFFERENT)


@given(hnp.arrays("float32", st.tuples(st.integers(2, 6), st.integers(2, 4)), elements=st.floats(0, 1, width=32)))
def test_reversed_rows_change_as_many_classes_as_counted(values):
    there = compare({"y": values}, {"y": values[::-1].copy()}, classes=True)
    changed = int((values.argmax(axis=1) != values[::-1].argmax(axis=1)).sum())
    assert there.changed_rows == changed


@given(hnp.arrays("float32", st.tuples(st.integers(1, 5), st.just(3)), elements=FLOATS), st.permutations(range(3)))
def test_renamed_outputs_of_distinct_values_find_each_other(values, order):
    reference = {f"y{index}": values + np.float32(1e7) * index for index in range(3)}
    answers = {f"output_{place}": reference[f"y{index}"] for place, index in enumerate(order)}
    assert compare(reference, answers).verdict is Verdict.BIT_IDENTICAL
