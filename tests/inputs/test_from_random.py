"""Random inputs: what the signature asks for, the same for the same seed, any number in little memory."""

import tracemalloc

import numpy as np
import pytest

from core.errors import InputError
from core.inputs import Inputs, from_random, npy
from core.settings import Settings
from tests.factories.input_files import DAY, GUESTS, MIXED, PIXELS
from tests.helpers import are_bit_identical

DTYPES = ("float16", "float32", "float64", "bfloat16", "int8", "uint8", "int16", "int32", "int64", "bool", "object")


def take_random_inputs(store: Inputs, specs: list[dict], rows: int, *rest, **more) -> dict[str, np.ndarray]:
    return store.read_rows(store.add_random(specs, rows, *rest, **more).id, slice(None))


@pytest.mark.parametrize("dtype", DTYPES)
def test_random_values_have_dtype_range_and_variety(dtype: str, store: Inputs):
    values = take_random_inputs(store, [{"name": "x", "dtype": dtype, "shape": [None, 3]}], 500, 2, 9, seed=1)["x"]
    assert values.shape == (500, 3)
    if dtype == "object":
        assert all(3 <= len(word) <= 8 and word.isascii() and word.islower() for word in values.flat)
        assert len(set(values.flat)) > 1000
    elif dtype == "bool":
        assert 0.4 < values.mean() < 0.6
    else:
        assert values.dtype.name == dtype.replace("bfloat16", "float32")
        assert values.min() >= 2
        assert values.max() < 9
        assert len(np.unique(values)) == 7 or len(np.unique(values)) > 100


def test_random_integers_cover_range_without_its_end(store: Inputs):
    assert set(take_random_inputs(store, [GUESTS], 500, -1, 2)["guests"].flat) == {-1, 0, 1}


@pytest.mark.parametrize("dtype", DTYPES)
def test_random_values_are_independent_of_chunk_size(dtype: str, monkeypatch: pytest.MonkeyPatch):
    specs = [{"name": "x", "dtype": dtype, "shape": [None, 3]}, MIXED[0]]
    whole = read_random_chunks(specs)
    monkeypatch.setattr(npy, "CHUNK_BYTES", 7 * 24)
    pieces = read_random_chunks(specs)
    assert len(whole) == 1
    assert len(pieces) >= 20
    assert are_bit_identical({name: np.concatenate([piece[name] for piece in pieces]) for name in whole[0]}, whole[0])


def read_random_chunks(specs: list[dict]) -> list[dict[str, np.ndarray]]:
    return list(from_random.random_source(specs, 100, 0, 5, seed=3).chunks)


def test_random_inputs_are_reproducible_by_seed(store: Inputs):
    first = store.add_random(MIXED, 50, 0, 9, seed=1)
    assert store.add_random(MIXED, 50, 0, 9, seed=1).id == first.id
    assert store.add_random(MIXED, 50, 0, 9, seed=2).id != first.id
    assert first.words == "50 random rows from 0 to 9, seed 1"
    assert store.add_random([DAY], 1, seed=1).words == "1 random row, seed 1"


def test_random_inputs_of_equal_specs_differ(store: Inputs):
    values = take_random_inputs(store, [PIXELS, PIXELS | {"name": "more"}], 5)
    assert not np.array_equal(values["pixels"], values["more"])


def test_free_axes_take_the_sizes_that_are_given(store: Inputs):
    free = {"name": "x", "dtype": "float32", "shape": [None, None, 3, None]}
    assert take_random_inputs(store, [free], 4, sizes={"x": [5, 2]})["x"].shape == (4, 5, 3, 2)


@pytest.mark.parametrize(
    ("specs", "asked", "sentence"),
    [
        ([], {}, "The model does not say what it takes."),
        ([PIXELS], {"rows": 0}, "At least one row must be made."),
        ([PIXELS], {"seed": -1}, "A seed is a whole number from 0 on."),
        ([PIXELS], {"low": 1, "high": 1}, "The range must begin at a number below that at which it ends."),
        ([PIXELS], {"low": float("nan")}, "The range must begin at a number below that at which it ends."),
        ([PIXELS], {"high": float("inf")}, "The range must begin at a number below that at which it ends."),
        ([PIXELS], {"high": 1e39}, "“pixels” takes numbers up to 3.4e+38 (float32)."),
        (
            [GUESTS],
            {"low": 0.2, "high": 0.8},
            "“guests” takes whole numbers from -2,147,483,648 to 2,147,483,647 (int32), and the range holds none of "
            "them, or others too.",
        ),
        (
            [GUESTS],
            {"high": 1e10},
            "“guests” takes whole numbers from -2,147,483,648 to 2,147,483,647 (int32), and the range holds none of "
            "them, or others too.",
        ),
        (
            [{"name": "x", "dtype": "float32", "shape": [None, None]}],
            {},
            "“x” has one axis of any size, and each needs one here.",
        ),
        (
            [{"name": "x", "dtype": "float32", "shape": None}],
            {},
            "“x” has an unknown number of axes of any size, and each needs one here.",
        ),
        ([PIXELS], {"rows": 10**9}, "These inputs are larger than a set of inputs may be."),
    ],
)
def test_random_inputs_invalid_request_is_refused(specs: list[dict], asked: dict, sentence: str, store: Inputs):
    with pytest.raises(InputError) as refusal:
        store.add_random(specs, **{"rows": 10} | asked)
    assert refusal.value.sentence == sentence
    assert refusal.value.cure


def test_random_inputs_million_rows_use_bounded_memory(tmp_path):
    store = Inputs(tmp_path, Settings(home=tmp_path))
    reply: list[float] = []
    tracemalloc.start()
    try:
        input_set = store.add_random(MIXED, 1_000_000, 0, 10, on_progress=reply.append)
        store.write_npz(input_set.id, tmp_path / "million.npz")
        again = store.add_file(tmp_path / "million.npz", MIXED)
        rows = sum(len(chunk["bill"]) for chunk in store.iter_chunks(again.id))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rows == again.rows == input_set.rows == 1_000_000
    assert input_set.bytes > 40e6
    assert peak < 24e6, f"{peak:,}"
    assert reply == sorted(reply)
    assert reply[-1] == 1
