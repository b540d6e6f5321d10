"""Inputs and outputs that changed their places, and outputs that were damaged and renamed."""

import numpy as np
import pytest

from core.compare import Verdict, compare, find_other_order, match_outputs
from core.evidence.element_order import find_reordered
from core.text.summaries import describe_order, list_caveats

FIRST, SECOND = np.full((4, 2), 1.0), np.full((4, 2), 2.0)
FACTS = {"inputs": [], "input_pairs": [], "lists": []}


def pair(reference: str, answer: str, by: str = "name") -> dict[str, str]:
    return {"reference": reference, "answer": answer, "by": by}


def reordered(predictions: dict[str, np.ndarray], **facts) -> dict[str, list[str]]:
    reference = {"first": FIRST, "second": SECOND}
    found = compare(reference, predictions, with_metrics=False)
    assert found.verdict is Verdict.BIT_IDENTICAL
    return find_reordered(["left", "right"], list(reference), FACTS | facts, list(predictions), found)


def test_renamed_outputs_that_exchange_their_names_stand_in_another_order():
    assert reordered({"Identity:0": FIRST, "Identity_1:0": SECOND}) == {}
    assert reordered({"Identity:0": SECOND, "Identity_1:0": FIRST}) == {"outputs": ["second", "first"]}


def test_numbers_in_names_count_by_value():
    names = [f"head_{at}" for at in range(12)]
    reference = {name: np.full((3, 2), float(at)) for at, name in enumerate(names)}
    by_alphabet = {
        name: reference[f"head_{name.removeprefix('out_')}"] for name in sorted(f"out_{at}" for at in range(12))
    }
    matches = [vars(match) for match in match_outputs(reference, by_alphabet)]
    assert find_other_order(names, list(by_alphabet), matches, is_list=False) == []
    assert find_other_order(names, list(by_alphabet), matches, is_list=True)[:3] == ["head_0", "head_1", "head_10"]


def test_outputs_of_the_same_names_have_places_in_a_list_alone():
    turned = {"second": SECOND, "first": FIRST}
    assert reordered(turned) == {}
    assert reordered(turned, lists=["outputs"]) == {"outputs": ["second", "first"]}


def test_inputs_have_places_in_a_list_alone():
    facts = {
        "inputs": [{"name": "right"}, {"name": "left"}],
        "input_pairs": [pair("right", "right"), pair("left", "left")],
    }
    same = {"first": FIRST, "second": SECOND}
    assert reordered(same, **facts) == {}
    assert reordered(same, **facts, lists=["inputs"]) == {"inputs": ["right", "left"]}


def test_an_input_that_is_unknown_makes_no_order():
    facts = {"inputs": [], "input_pairs": [pair("left", "left")], "lists": ["inputs"]}
    assert reordered({"first": FIRST, "second": SECOND}, **facts) == {}


def test_another_order_is_said():
    said = describe_order({"inputs": ["b", "a"], "outputs": ["y", "x"]})
    assert said == [
        "Inputs stand in another order (b, a): arrays given as a list go to others.",
        "Outputs stand in another order (y, x): read by their place they are others.",
    ]
    outcome = {"input_pairs": [], "pairs": [], "weights": None, "remark": "", "reordered": {"inputs": ["b", "a"]}}
    assert list_caveats(outcome) == said[:1]


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_an_output_that_is_not_finite_takes_no_place_of_another(broken: float):
    """Of the second one half of the rows are broken: it is nearer to itself than the other is."""
    damaged = SECOND.copy()
    damaged[:2] = broken
    reference = {"first": FIRST, "second": SECOND}
    for answers in ({"a": FIRST + 1e-7, "b": damaged}, {"a": damaged, "b": FIRST + 1e-7}):
        partners = {match.reference: match.answer for match in match_outputs(reference, answers)}
        assert answers[partners["second"]] is damaged


def test_renamed_complex_outputs_are_matched_by_both_parts():
    reference = {"first": FIRST + 1j, "second": FIRST - 1j}
    answers = {"a": FIRST - 1j, "b": FIRST + 1j}
    assert compare(reference, answers).verdict is Verdict.BIT_IDENTICAL


def test_outputs_of_which_none_is_near_are_matched_in_their_order():
    """Damage before both heads: the nearest pair is chance, and is no other order."""
    reference = {"first": FIRST, "second": SECOND}
    damaged = {"output_0": FIRST + 5.0, "output_1": SECOND + 2.0}
    matches = match_outputs(reference, damaged)
    assert (matches[0].reference, matches[0].answer, matches[0].by) == ("first", "output_0", "order")
    found = compare(reference, damaged, with_metrics=False)
    assert found.verdict is Verdict.DIFFERENT
    assert find_reordered([], list(reference), FACTS, list(damaged), found) == {}


def test_outputs_that_are_alike_are_matched_by_the_numbers_in_their_names():
    names = [f"head_{at}" for at in range(12)]
    reference = dict.fromkeys(names, FIRST)
    answers = dict.fromkeys(sorted(f"out_{at}" for at in range(12)), FIRST)
    matches = match_outputs(reference, answers)
    assert [match.answer for match in matches] == [f"out_{at}" for at in range(12)]


def test_damaged_output_among_exchanged_outputs_gets_the_place_left():
    reference = {"first": FIRST, "second": SECOND}
    answers = {"a": SECOND, "b": np.full((4, 2), 6.99)}
    assert {match.reference: match.answer for match in match_outputs(reference, answers)} == {
        "second": "a",
        "first": "b",
    }


def test_hundred_alike_renamed_outputs_are_matched_in_order():
    reference = {f"a{at}": np.zeros((2, 2)) for at in range(100)}
    matches = match_outputs(reference, {f"b_{at}": np.zeros((2, 2)) for at in range(100)})
    assert [(match.reference, match.answer) for match in matches] == [(f"a{at}", f"b_{at}") for at in range(100)]
    assert {match.by for match in matches[:-1]} == {"order"}


def test_renamed_texts_that_are_both_damaged_are_matched_in_their_order():
    reference = {"a": np.array(["x"] * 50), "b": np.array(["y"] * 50)}
    given = {"p": np.array(["z"] * 49 + ["y"]), "q": np.array(["z"] * 48 + ["x", "y"])}
    assert [(match.answer, match.by) for match in match_outputs(reference, given)] == [("p", "order"), ("q", "shape")]
