"""Tables and texts cell by cell: what is wrong is named with its row, what is odd is read as it was meant."""

import csv
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.errors import InputError
from core.inputs import Inputs, from_json
from core.settings import Settings
from tests.factories.input_files import (
    DAY,
    FOUR_COLUMNS,
    GUESTS,
    MIXED,
    PIXELS,
    make_npy,
    read_input_file,
    to_json_bytes,
)


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (b"1,2,3,4\n1,2,3,4\n1,oops,3,4\n", "oops in row 2"),
        (b"w,x,y,z\n1,2,3,4\n1,2,3,four\n", "four in row 1"),
    ],
)
def test_csv_invalid_cell_is_named_with_its_row(content: bytes, received: str, store: Inputs, tmp_path: Path):
    with pytest.raises(InputError) as refusal:
        read_input_file(store, tmp_path, "x.csv", content, [PIXELS])
    assert refusal.value.received == received


def test_csv_and_npy_invalid_value_far_down_is_named_with_its_row(store: Inputs, tmp_path: Path):
    rows = np.ones((9_000, 1))
    rows[8_999] = 1.5
    for name, content in (("x.npy", make_npy(rows)), ("x.csv", b"\n".join(str(row[0]).encode() for row in rows))):
        with pytest.raises(InputError) as refusal:
            read_input_file(store, tmp_path, name, content, [GUESTS])
        assert refusal.value.received == "1.5 in row 8,999"


@pytest.mark.parametrize("odd", ["", '"8"', "nan", " 8 ", "1_0"])
def test_csv_unusual_cell_does_not_affect_other_rows(odd: str, store: Inputs, tmp_path: Path):
    rows = np.arange(36_000.0).reshape(9_000, 4)
    lines = [",".join(map(repr, row)) for row in rows.tolist()]
    lines[5_000] = f"1,2,{odd},4"
    rows[5_000] = [1, 2, float(odd.strip('"') or "nan"), 4]
    input_file = read_input_file(store, tmp_path, "x.csv", "\n\n".join(lines).encode(), [PIXELS])
    np.testing.assert_array_equal(store.read_rows(input_file.id, slice(None))["pixels"], rows.astype("float32"))


def test_csv_row_of_wrong_width_is_named_by_its_line(store: Inputs, tmp_path: Path):
    with pytest.raises(InputError) as refusal:
        read_input_file(store, tmp_path, "x.csv", b"w,x,y,z\n" + b"1,2,3,4\n" * 5_000 + b"1,2,3\n", [PIXELS])
    assert refusal.value.received == "3 on line 5,002"


def test_json_file_above_size_limit_is_refused(store: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(from_json, "MAX_FILE_BYTES", 20)
    with pytest.raises(InputError, match="The file is too large to be read as JSON"):
        read_input_file(store, tmp_path, "x.json", to_json_bytes(FOUR_COLUMNS), [PIXELS])


def test_csv_overlong_line_is_refused(store: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.inputs.from_csv.MAX_LINE_LENGTH", 1000)
    with pytest.raises(InputError, match="A line is longer than 1,000 characters"):
        read_input_file(store, tmp_path, "x.csv", b"1," * 2000, [PIXELS])


def test_csv_quoted_comma_cell_is_not_the_delimiter(store: Inputs, tmp_path: Path):
    input_file = read_input_file(store, tmp_path, "x.csv", b'"1.5";"2";","\r\n"2.5";"3";","\r\n', MIXED)
    assert store.read_rows(input_file.id, slice(None))["day"].tolist() == [[","], [","]]


@given(
    cells=st.lists(
        st.tuples(
            st.floats(width=32),
            st.integers(-(2**31), 2**31 - 1),
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6),
        ),
        min_size=1,
        max_size=5,
    ),
    header=st.booleans(),
    delimiter=st.sampled_from(",;\t"),
)
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_csv_any_table_round_trips(cells, header: bool, delimiter: str, tmp_path_factory):
    home = tmp_path_factory.mktemp("inputs")
    store = Inputs(home, Settings(home=home))
    with (home / "x.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerows([["bill", "guests", "day"]] * header + [[repr(a), b, c] for a, b, c in cells])
    rows = store.read_rows(store.add_file(home / "x.csv", MIXED).id, slice(None))
    bills = np.array([[a] for a, _, _ in cells], "float32")
    np.testing.assert_array_equal(rows["bill"], bills)
    assert rows["guests"].tolist() == [[b] for _, b, _ in cells]
    assert rows["day"].tolist() == [[c] for _, _, c in cells]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("long.json", to_json_bytes({"day": [["x"]] * 4000 + [["y" * 50_000]]})),
        ("mixed.json", to_json_bytes({"day": [["y" * 50_000], *([[1.5]] * 4000)]})),
        ("long.csv", b"day\n" + b"x\n" * 4000 + b"y" * 50_000 + b"\n"),
        ("later.csv", b"day\n" + b"y" * 50_000 + b"\n" + b"x\n" * 6000),
        ("two.csv", b"day\n" + b"x\n" * 4096 + b"y" * 50_000 + b"\n"),
    ],
)
def test_input_file_with_one_long_text_is_refused_in_bounded_memory(store, tmp_path, name, content):
    tracemalloc.start()
    with pytest.raises(InputError, match="larger than a set of inputs may be") as caught:
        read_input_file(store, tmp_path, name, content, [DAY])
    assert tracemalloc.get_traced_memory()[1] < 64 * 2**20  # the array would have 800 MB
    tracemalloc.stop()
    assert int(caught.value.received.split()[0].replace(",", "")) > 4000 * 50_000 * 4
