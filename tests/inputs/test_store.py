"""Input sets: kept once, named by their content, read in pieces, forgotten when nobody uses them."""

import io
import os
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from core.errors import Damaged, InputError, StorageFailed, UnknownName, UnreadableRecord
from core.inputs import Inputs, add_inputs_from_file
from core.inputs.npy import RowReader, RowWriter
from core.library import Library, Run
from core.settings import Settings
from tests.factories.input_files import HELD_OUT_ROWS, MIXED, PIXELS
from tests.helpers import are_bit_identical

ROW = {"pixels": np.array([[1, 2, 3, 4]], "float32")}
SLOW_TEST_SETTINGS = hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def take_all(store: Inputs, id_: str) -> dict[str, np.ndarray]:
    return store.read_rows(id_, slice(None))


# Test examples


@pytest.mark.parametrize(
    ("asked", "index", "words"),
    [
        ({}, list(range(HELD_OUT_ROWS)), "All 40 test examples of “colours”"),
        ({"rows": 5}, [0, 1, 2, 3, 4], "The first 5 test examples of “colours”"),
        ({"rows": 1}, [0], "The first test example of “colours”"),
        ({"rows": 3, "classes": ["green"]}, [1, 4, 7], "The first 3 test examples of “colours”, class green"),
        (
            {"classes": ["red", "blue"]},
            [row for row in range(HELD_OUT_ROWS) if row % 3 != 1],
            "The first 27 test examples of “colours”, classes red and blue",
        ),
    ],
)
def test_held_out_takes_first_rows_of_the_classes(
    asked: dict, index: list[int], words: str, store: Inputs, library: Library, colours_run: Run
):
    input_set = store.add_held_out(library, colours_run.id, **asked)
    assert input_set.origin["index"] == index
    assert input_set.origin["run"] == colours_run.id
    assert input_set.words == words
    reference = library.reference(colours_run.id)
    assert are_bit_identical(take_all(store, input_set.id), {"pixels": reference.inputs["pixels"][index]})
    assert are_bit_identical(store.read_targets(input_set.id), {"colour": reference.targets["colour"][index]})


def test_held_out_with_seed_samples_sorted_rows_without_repeats(store: Inputs, library: Library, colours_run: Run):
    input_set = store.add_held_out(library, colours_run.id, 10, ["red", "green"], seed=7)
    index = input_set.origin["index"]
    assert index == sorted(set(index))
    assert len(index) == 10
    assert {row % 3 for row in index} <= {0, 1}
    assert index != [row for row in range(HELD_OUT_ROWS) if row % 3 != 2][:10]
    assert input_set.words == "10 test examples of “colours”, classes red and green, seed 7"
    assert store.add_held_out(library, colours_run.id, 10, ["red", "green"], seed=7).id == input_set.id
    assert store.add_held_out(library, colours_run.id, 10, ["red", "green"], seed=8).id != input_set.id


def test_held_out_fewer_rows_than_requested_has_note(store: Inputs, library: Library, colours_run: Run):
    input_set = store.add_held_out(library, colours_run.id, 100, ["blue"])
    assert input_set.rows == 13
    assert input_set.notes == ["100 rows were wanted, and there are 13."]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"rows": 0}, "At least one row must be asked."),
        ({"classes": ["purple"]}, "There is no such class."),
        ({"seed": -1}, "A seed is a whole number from 0 on."),
    ],
)
def test_held_out_invalid_request_is_refused(
    asked: dict, sentence: str, store: Inputs, library: Library, colours_run: Run
):
    with pytest.raises(InputError) as refusal:
        store.add_held_out(library, colours_run.id, **asked)
    assert refusal.value.sentence == sentence
    assert refusal.value.cure


# Kept once, named by content


def test_store_equal_inputs_share_id_and_folder(store: Inputs, tmp_path: Path):
    first, second = store.add_typed(ROW, "typed"), store.add_typed({"pixels": ROW["pixels"].copy()}, "typed again")
    assert first.id == second.id
    assert [folder.name for folder in (tmp_path / "store" / "inputs").iterdir()] == [first.id]
    assert store.read(first.id).words == "typed again"
    assert list((tmp_path / "store" / "staging").iterdir()) == []


@pytest.mark.parametrize(
    "other",
    [
        {"pixels": np.array([[1, 2, 3, 5]], "float32")},
        {"pixels": np.array([[1, 2, 3, 4]], "float64")},
        {"pixels": np.array([[[1, 2], [3, 4]]], "float32")},
        {"pictures": np.array([[1, 2, 3, 4]], "float32")},
    ],
    ids=["a value", "a dtype", "a shape", "a name"],
)
def test_store_different_inputs_have_different_ids(other: dict, store: Inputs):
    assert store.add_typed(other).id != store.add_typed(ROW).id


def test_store_id_is_independent_of_text_width(store: Inputs):
    assert (
        store.add_typed({"day": np.array([["Sun"]], "U3")}).id
        == store.add_typed({"day": np.array([["Sun"]], "U90")}).id
    )


def test_store_records_origin_of_drawn_and_searched_inputs(store: Inputs):
    assert store.add_drawn(ROW).origin == {"kind": "drawn"}
    input_set = store.add_search_result(ROW, {"start": 3}, "On this picture they disagree")
    assert input_set.origin == {"start": 3, "kind": "found"}
    assert store.read(input_set.id).words == "On this picture they disagree"
    assert len({store.add_typed(ROW).id, store.add_drawn(ROW).id, input_set.id}) == 3


# Reading


@pytest.mark.parametrize("rows", [1, 7, HELD_OUT_ROWS, 4096])
def test_chunks_are_all_rows_in_their_order(rows: int, store: Inputs, library: Library, colours_run: Run):
    input_set = store.add_held_out(library, colours_run.id)
    pieces = list(store.iter_chunks(input_set.id, rows))
    assert [len(piece["pixels"]) for piece in pieces[:-1]] == [rows] * (len(pieces) - 1)
    assert are_bit_identical(
        {"pixels": np.concatenate([piece["pixels"] for piece in pieces])}, take_all(store, input_set.id)
    )


@pytest.mark.parametrize("rows", [[3, 1, 2], [5, 6, 7, 0], [], slice(2, 9, 3), slice(-2, None)], ids=str)
def test_any_rows_can_be_taken_in_any_order(rows, store: Inputs, library: Library, colours_run: Run):
    input_set = store.add_held_out(library, colours_run.id)
    wanted = library.reference(colours_run.id).inputs["pixels"][rows]
    assert are_bit_identical(store.read_rows(input_set.id, rows), {"pixels": wanted})


@pytest.mark.parametrize("rows", [[-1], [0, HELD_OUT_ROWS]])
def test_store_read_of_missing_rows_is_refused(rows: list[int], store: Inputs, library: Library, colours_run: Run):
    input_set = store.add_held_out(library, colours_run.id)
    with pytest.raises(InputError, match=r"There is no such row"):
        store.read_rows(input_set.id, rows)


@pytest.mark.parametrize("id_", ["", "i0123456789", "../../etc", "a0123456789"])
def test_store_unknown_id_is_refused(id_: str, store: Inputs):
    with pytest.raises(UnknownName, match=r"These inputs are not kept any more, or never were"):
        store.read(id_)


def test_store_refuses_changed_files_and_damaged_record(store: Inputs, tmp_path: Path):
    input_set = store.add_typed(ROW)
    folder = tmp_path / "store" / "inputs" / input_set.id
    whole = (folder / "input-0.npy").read_bytes()
    (folder / "input-0.npy").write_bytes(whole[:-1] + b"\x01")
    with pytest.raises(Damaged, match="has changed since it was saved"):
        list(store.iter_chunks(input_set.id))
    (folder / "input-0.npy").write_bytes(whole[:-4])
    with pytest.raises(Damaged, match="missing or cut short"):
        store.read_rows(input_set.id, [0])
    assert store.add_typed(ROW).id == input_set.id  # asked anew, it is whole again
    assert are_bit_identical(take_all(store, input_set.id), ROW)
    (folder / "inputs.json").write_text("{", encoding="utf-8")
    with pytest.raises(UnreadableRecord):
        store.read(input_set.id)


# To a file and back


@given(
    floats=arrays.arrays("float32", st.tuples(st.integers(1, 6), st.just(1))),
    data=st.data(),
)
@SLOW_TEST_SETTINGS
def test_npz_of_input_set_read_again_has_the_same_id(floats: np.ndarray, data, tmp_path_factory):
    rows = len(floats)
    whole = data.draw(arrays.arrays("int32", (rows, 1)))
    text = data.draw(arrays.arrays("U5", (rows, 1), elements=st.text(max_size=5).filter(lambda item: "\0" not in item)))
    home = tmp_path_factory.mktemp("inputs")
    store = Inputs(home, Settings(home=home))
    np.savez(home / "first.npz", bill=floats, guests=whole, day=text)
    first = store.add_file(home / "first.npz", MIXED)
    store.write_npz(first.id, home / "again.npz")
    again = store.add_file(home / "again.npz", MIXED)
    assert again.id == first.id
    assert are_bit_identical(take_all(store, again.id), take_all(store, first.id))
    assert take_all(store, first.id)["bill"].tobytes() == floats.tobytes()
    assert take_all(store, first.id)["day"].tolist() == text.tolist()


def test_npz_of_input_set_includes_targets_and_streams(store: Inputs, library: Library, colours_run: Run, tmp_path):
    input_set = store.add_held_out(library, colours_run.id, 6)
    stream = io.BytesIO()
    store.write_npz(input_set.id, stream)
    (tmp_path / "kept.npz").write_bytes(stream.getvalue())
    with np.load(tmp_path / "kept.npz", allow_pickle=False) as result:
        assert list(result) == ["input:pixels", "target:colour"]
    again = store.add_file(tmp_path / "kept.npz", [PIXELS])
    assert are_bit_identical(take_all(store, again.id), take_all(store, input_set.id))
    assert are_bit_identical(store.read_targets(again.id), store.read_targets(input_set.id))
    assert again.words == "6 rows of the file “kept.npz”"


def test_from_file_reads_inputs_for_a_run(
    library: Library, colours_run: Run, store: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "rows.csv").write_text("1,2,3,4\n5,6,7,8\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    stored = add_inputs_from_file(library, "~/rows.csv", colours_run.id)
    assert take_all(store, stored.id)["pixels"].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    with pytest.raises(InputError, match="There is no such file, or it may not be read"):
        add_inputs_from_file(library, tmp_path / "none.csv", colours_run.id)
    with pytest.raises(InputError, match="There is no such file, or it may not be read"):
        add_inputs_from_file(library, tmp_path, colours_run.id)


# Arrays on disk


@given(
    parts=st.lists(
        st.lists(st.text(max_size=9).filter(lambda item: "\0" not in item), min_size=1), min_size=1, max_size=5
    )
)
@SLOW_TEST_SETTINGS
def test_row_writer_text_width_is_that_of_longest_text(parts: list[list[str]], tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text.npy"
    writer = RowWriter(path)
    for part in parts:
        writer.append(np.array(part))
    writer.close()
    every = [item for part in parts for item in part]
    with RowReader(path) as reader:
        assert reader.read(0, len(every)).tolist() == every
        assert reader.header.dtype == np.dtype(f"U{max(1, *map(len, every), 1)}")
    assert np.load(path, allow_pickle=False).tolist() == every


# Forgetting, and a disk that refuses


def set_age(home: Path, id_: str, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(home / "inputs" / id_ / "inputs.json", (then, then))


def make_row(number: int) -> dict[str, np.ndarray]:
    return {"x": np.full((1, 1), number, "float32")}


def test_store_evicts_only_sets_beyond_limit_unused_for_a_day(tmp_path: Path):
    store = Inputs(tmp_path, Settings(home=tmp_path, keep_inputs=2))
    ids = [store.add_typed(make_row(number)).id for number in range(4)]
    for at, id_ in enumerate(ids):
        set_age(tmp_path, id_, 100_000 - at)
    list(store.iter_chunks(ids[0]))  # the oldest is used again
    newest = store.add_typed(make_row(9)).id
    assert {folder.name for folder in (tmp_path / "inputs").iterdir()} == {ids[0], newest}


def test_store_retains_recent_sets_within_total_size(tmp_path: Path):
    store = Inputs(tmp_path, Settings(home=tmp_path, keep_inputs=1, inputs_total_mb=1))
    large = [store.add_typed({"x": np.full((1, 150_000), number, "float32")}).id for number in range(2)]
    assert len(list((tmp_path / "inputs").iterdir())) == 2
    set_age(tmp_path, large[0], 4000)
    newest = store.add_typed(make_row(1)).id
    assert {folder.name for folder in (tmp_path / "inputs").iterdir()} == {large[1], newest}


def test_store_full_disk_raises_and_leaves_nothing_partial(small_disk: Path):
    store = Inputs(small_disk, Settings(home=small_disk))
    with pytest.raises(StorageFailed, match="The disk is full"):
        store.add_random([PIXELS], 500_000)
    assert list((small_disk / "staging").iterdir()) == []
    assert store.add_random([PIXELS], 100).rows == 100


def test_npz_compressed_by_numpy_is_read(store: Inputs, tmp_path: Path):
    np.savez_compressed(tmp_path / "zeros.npz", pixels=np.zeros((10_000, 4), "float32"))
    input_set = store.add_file(tmp_path / "zeros.npz", [PIXELS])
    assert input_set.rows == 10_000
    with zipfile.ZipFile(tmp_path / "zeros.npz") as archive:
        assert archive.infolist()[0].file_size > 300 * archive.infolist()[0].compress_size
