"""Sentences about a comparison."""

import pytest

from core.text.summaries import describe_batch, describe_mismatches, describe_renamed, list_caveats

OUTCOME = {"input_pairs": [], "pairs": [], "weights": None, "remark": ""}


def test_caveats_name_surplus_outputs_and_what_became_of_nan():
    caveats = list_caveats(OUTCOME | {"surplus_outputs": ["b", "c"], "mismatches": {"NaN became -∞": 3}})
    assert caveats == [
        "It also gives b, c, which the baseline does not.",
        "Not counted in the largest difference: NaN became -∞ (3 times).",
    ]


def test_caveats_tell_parameters_where_there_are_more():
    weights = {"found": 2, "of": 2, "values": 220, "values_of": 110}
    assert list_caveats(OUTCOME | {"weights": weights}) == ["It holds 220 parameters, the run 110."]
    assert list_caveats(OUTCOME | {"weights": weights | {"values": 110}}) == []


def test_caveats_of_older_records_are_those_of_before():
    assert list_caveats(OUTCOME | {"weights": {"found": 1, "of": 2}}) == ["1 of 2 weight tensors are the run's own."]


def test_no_mismatches_are_no_sentence():
    assert describe_mismatches({}) == ""


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        ({}, ""),
        ({"batch": 64, "alone": None}, "Asked 64 rows at a time."),
        ({"batch": 64, "alone": 0.0}, "Asked 64 rows at a time. A row asked alone gets the same bits."),
        (
            {"batch": 32, "alone": 3.2e-7},
            "Asked 32 rows at a time. A row asked alone gets other bits: up to 3.2e-7 of the largest answer off.",
        ),
        ({"batch": 1, "alone": 0.0}, "Asked 1 row at a time."),
        ({"batch": 64, "alone": 0.0, "call_rows": 1}, "Asked 64 rows at a time."),
    ],
)
def test_batch_of_a_verdict_is_said(outcome, sentence):
    assert describe_batch(outcome) == sentence


def test_renamed_inputs_say_once_how_they_were_paired():
    pairs = [
        {"reference": reference, "answer": answer, "by": by}
        for reference, answer, by in (("a", "x", "order"), ("b", "y", "order"), ("c", "c", "name"), ("d", "z", "shape"))
    ]
    assert describe_renamed("Inputs", pairs) == [
        "Inputs were renamed, paired by order: a is x, b is y.",
        "Inputs were renamed, paired by shape: d is z.",
    ]
    assert describe_renamed("Inputs", pairs[2:3]) == []
