"""Arrays of a file paired with the variables of a model, whose names depend on how it was made."""

from typing import NamedTuple

import pytest

from core.errors import DoesNotLoad
from core.runtimes.variables import pair_variables


class Named(NamedTuple):
    path: str
    shape: tuple[int, ...] = (2, 3)
    name: str = ""


PAIRED = {
    "the same names": (["a/kernel", "b/kernel"], ["b/kernel", "a/kernel"], [], ["b/kernel", "a/kernel"]),
    "the name of the model before them": (["p/kernel"], ["sequential_7/p/kernel"], [], ["p/kernel"]),
    "names of models inside": (
        ["d/kernel", "e/kernel"],
        ["s/enc/d/kernel", "s/e/kernel"],
        [],
        ["d/kernel", "e/kernel"],
    ),
    "numbered afresh": (["dense_3/kernel", "dense_4/kernel"], ["m/dense/kernel", "m/dense_1/kernel"], [1, 0], [1, 0]),
    "two of one name": (["d/kernel", "d/kernel"], ["e1/d/kernel", "e2/d/kernel"], [0, 1], [0, 1]),
}


@pytest.mark.parametrize(("own", "stored", "order", "expected"), PAIRED.values(), ids=PAIRED.keys())
def test_pair_variables_finds_the_variable_of_each_name(own, stored, order, expected):
    variables = [Named(path) for path in own]
    pairs = pair_variables(variables, dict.fromkeys(stored, (2, 3)), [stored[at] for at in order])
    positions = [next(at for at, each in enumerate(variables) if each is pairs[name]) for name in stored]
    wanted = [own.index(each) if isinstance(each, str) else order.index(at) for at, each in enumerate(expected)]
    assert positions == wanted


MISFITS = {
    "one is missing": (["a/kernel"], {"a/kernel": (2, 3), "a/bias": (2, 3)}, []),
    "another shape": (["a/kernel"], {"m/a/kernel": (3, 2)}, ["m/a/kernel"]),
    "another last part": (["a/kernel"], {"a/bias": (2, 3)}, ["a/bias"]),
    "no order to tell them apart": (["d/kernel", "d/kernel"], {"e1/d/kernel": (2, 3), "e2/d/kernel": (2, 3)}, []),
}


@pytest.mark.parametrize(("own", "stored", "order"), MISFITS.values(), ids=MISFITS.keys())
def test_pair_variables_without_one_to_one_pairs_raises(own, stored, order):
    with pytest.raises(DoesNotLoad, match="The names in the file are not those of the model"):
        pair_variables([Named(path) for path in own], stored, order)
