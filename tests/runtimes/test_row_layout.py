"""Which axis counts rows: by the names that a file gives its axes, else by those that it leaves free."""

import numpy as np
import pytest

from core.arrays import Arrays
from core.runtimes.batch_adapter import NO_INPUT, adapt_batch_size
from core.runtimes.row_layout import RowLayout, find_row_layout
from core.runtimes.specs import Spec

CELL = {"input": (None, 4), "state": (2, None, 3), "rate": ()}
CELL_NAMES = {"input": ["batch", ""], "state": ["", "batch", ""], "stateN": ["", "batch", ""], "y": ["batch", ""]}
NAMED_CELL = {"input": ["batch", 4], "state": [2, "batch", 3], "rate": []}
FREE_CELL = {"input": [None, 4], "state": [2, None, 3], "rate": []}
# Inputs and outputs as a file states them, rows of one call, and the axis that counts rows in each.
LAYOUTS: dict[str, tuple] = {
    "names": (NAMED_CELL, {"y": ["batch", 3], "stateN": [2, "batch", 3]}, None, (0, 1, None), (0, 1)),
    "no names": (FREE_CELL, {"y": [None, 3], "stateN": [2, None, 3]}, None, (0, 1, None), (0, 1)),
    "names that nothing shares": ({"a": ["u1", 4], "b": ["u2", 4]}, {"y": ["u3"]}, None, (0, 0), (0,)),
    "steps first": ({"x": ["seq", "batch", 4]}, {"y": ["seq", "batch", 3]}, None, (1,), (1,)),
    "rows of one output alone": ({"x": ["T", "N"]}, {"y": ["N", 3]}, None, (1,), (0,)),
    "one row": ({"x": [1, 4]}, {"y": [1, 3]}, 1, (0,), (0,)),
    "three rows": ({"x": [3, 4]}, {"y": [3, 2]}, 3, (0,), (0,)),
    "no rows": ({"x": [4]}, {"y": [3]}, 1, (None,), (None,)),
    "one value for all": ({"x": [None, 4], "weights": [1, 4]}, {"y": [None, 3]}, None, (0, None), (0,)),
    "unclear": ({"x": [None, None]}, {"y": [20, None, None]}, 1, (0,), (None,)),
    "1 for any number": ({"x": [None, 4]}, {"y": [1, 3]}, None, (0,), ()),
}


def to_shapes(ports: dict[str, list]) -> dict[str, tuple]:
    return {name: tuple(size if isinstance(size, int) else None for size in sizes) for name, sizes in ports.items()}


@pytest.mark.parametrize("case", LAYOUTS)
def test_find_row_layout_finds_the_axis_of_each(case: str):
    inputs, outputs, rows, taken, given = LAYOUTS[case]
    ports = inputs | outputs
    names = {name: [size if isinstance(size, str) else "" for size in ports[name]] for name in ports}
    layout = find_row_layout(to_shapes(inputs), to_shapes(outputs), names)
    assert (layout.rows, tuple(layout.inputs.values())) == (rows, taken)
    assert tuple(layout.outputs[name] for name in outputs if name in layout.outputs) == given


def test_row_layout_names_what_counts_rows_elsewhere():
    assert RowLayout(None, {"x": 0, "state": 1, "rate": None}, {"y": 2}).moved == ["state", "y"]


def test_adapt_batch_size_moves_rows_first_and_asks_shared_values_together():
    calls = []

    def call(inputs: Arrays) -> Arrays:
        calls.append({name: array.shape for name, array in inputs.items()})
        state = inputs["state"] + inputs["input"][None, :, :3] * inputs["rate"]
        return {"y": state[0], "stateN": state}

    specs = [Spec(name, "float32", shape) for name, shape in CELL.items()]
    adapter = adapt_batch_size(specs, {"y": (None, 3), "stateN": (2, None, 3)}, call, CELL_NAMES)
    assert [spec.shape for spec in adapter.specs] == [(None, 4), (None, 2, 3), (None,)]
    rows = np.arange(20, dtype="float32").reshape(5, 4)
    answers = adapter.predict(
        {"input": rows, "state": np.ones((5, 2, 3), "float32"), "rate": np.float32([1, 1, 2, 2, 2])}
    )
    assert np.array_equal(answers["stateN"][3], 1 + np.stack([rows[3, :3]] * 2) * 2)
    assert np.array_equal(answers["y"], answers["stateN"][:, 0])
    assert [call["state"] for call in calls] == [(2, 2, 3), (2, 3, 3)]
    assert "another axis than the first in state, stateN" in adapter.remark


def test_adapt_batch_size_grows_by_rows_and_not_by_their_square():
    adapter = adapt_batch_size(
        [Spec("x", "float32", (None, 20, 4))],
        {"y": (20, None, 4)},
        lambda inputs: {"y": inputs["x"].transpose(1, 0, 2)},
    )
    rows = np.random.default_rng(0).random((600, 20, 4), "float32")
    assert np.array_equal(adapter.predict({"x": rows})["y"], rows)


def test_adapt_batch_size_of_function_without_inputs_answers_each_row():
    adapter = adapt_batch_size([], {"y": (2,)}, lambda inputs: {"y": np.array([1.0, 2.0])})
    assert adapter.specs == (NO_INPUT,)
    assert adapter.predict({"row": np.arange(3)})["y"].tolist() == [[1.0, 2.0]] * 3
    assert "takes nothing" in adapter.remark
