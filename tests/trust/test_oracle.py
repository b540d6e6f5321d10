"""Bad inputs, end to end: each is brought in as a person would, and the one oracle of `conftest.py` is asked."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gate.makers import BAD_INPUTS, Bad, keras_file
from tests.trust.conftest import Oracle
from tests.trust.makers_of_traps import AIMED, BY_LOAD, file_of, good_graph, one_more_layer, onnx_loop, other_weights

pytestmark = pytest.mark.trust
Tally = Callable[..., None]


def one_of_each_rule() -> set[str]:
    first: dict[str, str] = {}
    for one in BAD_INPUTS:
        first.setdefault(one.rule, one.id)
    return set(first.values())


# In every run a quarter of the rules goes the whole way; the gate and the inspector are asked by tests of their own.
FIRST = set(sorted(one_of_each_rule())[::4])
EVERY = [pytest.param(one, id=one.id, marks=[] if one.id in FIRST else [pytest.mark.long]) for one in BAD_INPUTS]
IN_CI = ("wrong-shapes", "onnx-expand-1-tb", "onnx-loop-2-62")
LOADED = [pytest.param(one, marks=[] if one in IN_CI else [pytest.mark.long]) for one in BY_LOAD]


@pytest.mark.parametrize("one", EVERY)
def test_a_bad_input_is_refused_by_its_rule_and_nothing_of_it_stays(
    one: Bad, oracle: Oracle, tmp_path: Path, tally: Tally
):
    oracle.refuses(one.make(tmp_path), f"refused:{one.rule}")
    tally("bad inputs refused")


@pytest.mark.parametrize("id_", AIMED)
def test_what_a_bad_input_aims_at_is_not_touched(id_: str, oracle: Oracle, tmp_path: Path, tally: Tally):
    rule, make, name = AIMED[id_]
    oracle.refuses(file_of(make(oracle.traps), name, tmp_path), f"refused:{rule}")
    tally("bad inputs refused")


@pytest.mark.parametrize("id_", LOADED)
def test_what_breaks_no_rule_is_stopped_by_the_process_that_loads_it(
    id_: str, oracle: Oracle, tmp_path: Path, tally: Tally
):
    codes, make, name = BY_LOAD[id_]
    oracle.refuses(file_of(make(), name, tmp_path), *codes)
    tally("bad inputs refused")


GOOD = {
    "graph": (good_graph, "model.zip"),
    "loop": (lambda: onnx_loop(3), "model.onnx"),
    "keras": (keras_file, "m.keras"),
}


@pytest.mark.long
@pytest.mark.parametrize("id_", GOOD)
def test_what_those_are_made_of_is_itself_let_in(id_: str, oracle: Oracle, tmp_path: Path):
    """Otherwise they would be stopped for being badly made."""
    make, name = GOOD[id_]
    end = oracle.brought(file_of(make(), name, tmp_path))
    assert end.state == "done", end.error


@pytest.mark.long
def test_numbers_of_a_layer_that_the_model_does_not_have_are_let_in_and_change_no_answer(
    oracle: Oracle, tmp_path: Path
):
    """Keras passes over them, so they are carried along and never used."""
    good, more = (
        oracle.brought(file_of(content, "m.keras", tmp_path))
        for content in (keras_file(), other_weights(one_more_layer))
    )
    assert (good.result["parameters"], good.result["verdict"]) == (8, "bit-identical")
    assert (more.result["parameters"], more.result["verdict"]) == (8, "bit-identical")


def test_a_file_into_which_looking_takes_too_long_is_refused_for_that(oracle: Oracle, tmp_path: Path, tally: Tally):
    with oracle.allowing(confined_seconds=0.001):
        oracle.refuses(file_of(keras_file(), "m.keras", tmp_path), "refused:inspector-slow")
    tally("bad inputs refused")


def test_after_all_of_them_a_good_upload_works(oracle: Oracle, tmp_path: Path):
    oracle.lets_a_good_one_in(tmp_path)
