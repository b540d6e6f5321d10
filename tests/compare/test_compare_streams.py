"""Streams of rows: the same numbers for any chunks, in bounded memory, and plain words for what does not fit."""

import tracemalloc
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.compare import Verdict, check_tolerance, compare, compare_all, compare_streams, comparison, quantiles
from core.compare import chunks as chunks_module
from core.errors import InputError
from tests.compare.strategies import numeric_array_pairs


def split_into_chunks(array: np.ndarray, cuts: list[int]) -> chunks_module.ChunkSource:
    """The rows of an array, cut before each of `cuts`; some chunks are empty."""
    return lambda: np.split(array, sorted(cut for cut in cuts if cut <= len(array)))


CUTS = st.lists(st.integers(0, 9), max_size=6)


@given(numeric_array_pairs(), CUTS, CUTS, st.sampled_from([True, False, None]), st.integers(1, 12))
def test_compare_streams_equals_compare_for_any_chunks(pair, cuts, other_cuts, classes, values):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks_module, "BLOCK_VALUES", values)
        patch.setattr(quantiles, "MAX_BUFFERED_VALUES", 3)
        targets = np.arange(len(pair[0])) % 3
        whole = compare({"y": pair[0]}, {"y": pair[1]}, classes, {"y": targets})
        streamed = compare_streams(
            {"y": split_into_chunks(pair[0], cuts)},
            {"y": split_into_chunks(pair[1], other_cuts)},
            classes,
            {"y": split_into_chunks(targets, other_cuts)},
        )
    assert streamed.to_json() == whole.to_json()
    assert np.array_equal(streamed.changed, whole.changed)
    assert np.array_equal(streamed.distance, whole.distance)


@given(numeric_array_pairs(), st.integers(1, 12), st.sampled_from([True, False, None]))
def test_compare_small_blocks_equal_large_blocks(pair, values, classes):
    whole = compare({"y": pair[0]}, {"y": pair[1]}, classes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks_module, "BLOCK_VALUES", values)
        patch.setattr(quantiles, "MAX_BUFFERED_VALUES", 3)
        small = compare({"y": pair[0]}, {"y": pair[1]}, classes)
    assert small.verdict is whole.verdict
    assert np.array_equal(small.changed, whole.changed)
    item, other = small.outputs[0], whole.outputs[0]
    for name, value in vars(other).items():
        if isinstance(value, float):
            assert getattr(item, name) == pytest.approx(value, rel=1e-9, abs=1e-12), name
        elif name not in {"heat", "by_column"}:
            assert repr(getattr(item, name)) == repr(value), name


def test_compare_streams_joins_text_chunks_of_different_widths():
    words = [np.array(["a", "bb"]), np.array(["cccc"]), np.array([b"d"], object)]
    whole = np.array(["a", "bb", "cccc", "e"])
    result = compare_streams({"y": lambda: [whole]}, {"y": lambda: [*words[:2], np.array(["d"])]})
    assert result.changed.tolist() == [False, False, False, True]


def test_compare_streams_tolerates_reused_chunk_buffer():
    def generated():
        buffer = np.zeros((3, 2), "float32")
        for start in range(0, 30, 3):
            buffer[:] = start
            yield buffer

    expected = np.repeat(np.arange(0, 30, 3, dtype="float32"), 3)[:, None] * np.ones((1, 2), "float32")
    assert compare_streams({"y": lambda: [expected]}, {"y": generated}).verdict is Verdict.BIT_IDENTICAL


def make_probability_stream(total: int, chunk: int, seed: int) -> chunks_module.ChunkSource:
    """Probabilities that are made anew, chunk by chunk, each time."""

    def chunks():
        random = np.random.default_rng(0)
        small = np.random.default_rng(seed)
        for _ in range(0, total, chunk):
            values = random.random((chunk, 10), dtype="float32") + 1e-3 * small.random((chunk, 10), dtype="float32")
            yield values / values.sum(axis=1, keepdims=True)

    return chunks


def test_compare_streams_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(quantiles, "MAX_BUFFERED_VALUES", 2**16)

    def peak(total: int) -> int:
        tracemalloc.start()
        compare_streams({"y": make_probability_stream(total, 2000, 1)}, {"y": make_probability_stream(total, 2000, 2)})
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    peak(20_000)
    few, many = peak(20_000), peak(200_000)
    # Each row adds its distance and flags, some 16 bytes while they are put together; its values alone have 80.
    assert many - few < 180_000 * 18


# What does not fit


@pytest.mark.parametrize("side", [0, 1])
def test_compare_zero_rows_is_refused(side):
    sides = [{"y": np.zeros((3, 2))}, {"y": np.zeros((3, 2))}]
    sides[side] = {"y": np.zeros((0, 2))}
    with pytest.raises(InputError) as caught:
        compare(*sides)
    assert (caught.value.sentence, caught.value.received) == ("There are no rows to compare.", "0 rows")
    with pytest.raises(InputError, match="no rows to compare"):
        check_tolerance(*(lambda item=item: [item["y"]] for item in sides), 0, 0)


def test_compare_reference_without_outputs_is_refused():
    with pytest.raises(InputError, match="There are no outputs to compare"):
        compare({}, {"y": np.zeros(3)})


def test_compare_scalar_output_is_refused():
    with pytest.raises(InputError, match="An answer has no rows"):
        compare({"y": np.zeros(())}, {"y": np.zeros(())})


@pytest.mark.parametrize("rows_", [(70_000, 70_001), (140_000, 70_000), (65_536, 65_537)])
def test_compare_streams_of_different_lengths_are_refused(rows_):
    sides = [{"y": lambda rows=rows: [np.zeros(rows, "float32")]} for rows in rows_]
    for item, other in (sides, sides[::-1]):
        with pytest.raises(InputError, match="do not have the same number of rows"):
            compare_streams(item, other)


def test_compare_streams_outputs_with_unequal_rows_are_refused():
    side = {"a": np.zeros(70_000, "float32"), "b": np.zeros(80_000, "float32")}
    with pytest.raises(InputError) as caught:
        compare(side, side)
    assert caught.value.received == "a 70,000, b 80,000"


@pytest.mark.parametrize("other", [np.zeros((2, 3)), np.zeros((2, 2), "float32")])
def test_compare_streams_inconsistent_chunks_are_refused(other):
    with pytest.raises(InputError, match="parts of one output do not fit each other"):
        compare_streams({"y": lambda: [np.zeros((2, 2)), other]}, {"y": lambda: [np.zeros((4, 2))]})


# Each against each


def test_compare_all_covers_each_pair_once():
    answers = {
        "a": {"y": np.array([[0.1, 0.9], [0.8, 0.2]])},
        "b": {"z": np.array([[0.1, 0.9], [0.8, 0.2]])},
        "c": {"y": np.array([[0.9, 0.1], [0.8, 0.2]])},
    }
    result = compare_all(answers)
    assert [(entry["a"], entry["b"], entry["verdict"], entry["changed_rows"], entry["rows"]) for entry in result] == [
        ("a", "b", "bit-identical", 0, 2),
        ("a", "c", "some-changed", 1, 2),
        ("b", "c", "some-changed", 1, 2),
    ]
    assert [entry["max_abs"] for entry in result] == [0.0, pytest.approx(0.8), pytest.approx(0.8)]
    for item in result:
        whole = compare(answers[item["a"]], answers[item["b"]]).to_json()
        assert {name: item[name] for name in ("verdict", "max_abs", "changed_rows", "rows")}.items() <= whole.items()


def test_compare_all_measures_what_has_the_same_bits_once(monkeypatch):
    first, second = {"y": np.zeros((3, 2))}, {"y": np.full((3, 2), 1e-9)}
    answers = {"a": first, "b": second, "c": {"y": first["y"].copy()}, "d": {"z": first["y"]}}
    expected = [compare_all({a: answers[a], b: answers[b]})[0] for a, b in combinations(answers, 2)]
    pairs: list[tuple[str, str]] = []
    measure = comparison._compare_pair
    monkeypatch.setattr(comparison, "_compare_pair", lambda a, b, *rest: pairs.append((a, b)) or measure(a, b, *rest))
    assert compare_all(answers) == expected
    assert pairs == [("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")]


def test_compare_all_mismatched_pair_does_not_stop_others():
    answers = {"a": {"y": np.zeros((2, 2))}, "b": {"y": np.zeros((2, 3))}, "c": {"y": np.zeros((2, 2))}}
    result = {(item["a"], item["b"]): item for item in compare_all(answers)}
    assert result["a", "c"]["verdict"] == "bit-identical"
    assert result["a", "c"]["error"] is None
    assert result["a", "b"]["error"]["sentence"] == "No output fits the reference's 'y', which has 2 rows of 2 numbers."
    assert result["a", "b"]["verdict"] is None
