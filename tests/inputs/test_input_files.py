"""Files of inputs: each kind in each of its forms, what is noted about it, and every refusal in words."""

import csv
import io
import json
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from core.errors import InputError
from core.inputs import Inputs, archives, nested
from core.settings import Settings
from tests.inputs.conftest import BILL, DAY, GUESTS, MIXED, PIXELS

FOUR = [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]
FLAG = {"name": "flag", "dtype": "bool", "shape": [None, 1]}
LARGE = {"name": "large", "dtype": "int64", "shape": [None, 1]}
GRID = {"name": "grid", "dtype": "float32", "shape": [None, 2, 2, 1]}
FREE = {"name": "free", "dtype": "float32", "shape": [None, None]}
MINERALS = [
    {"name": "a", "dtype": "float32", "shape": [None, 2]},
    {"name": "b", "dtype": "float32", "shape": [None, 1]},
]
ROWS = {"bill": [[24.5], [10.0]], "guests": [[4], [2]], "day": [["Sun"], ["Fri"]]}


def npz(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npy(array: np.ndarray, **more) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **more)
    return buffer.getvalue()


def as_json(found) -> bytes:
    return json.dumps(found).encode()


def read(store: Inputs, folder: Path, name: str, content: bytes, specs: list[dict], **more):
    (folder / name).write_bytes(content)
    return store.file(folder / name, specs, **more)


def values(store: Inputs, kept) -> dict[str, list]:
    return {name: array.tolist() for name, array in store.take(kept.id, slice(None)).items()}


# name, content, specs, values, notes
GOOD = {
    "npz, one array of any name": ("x.npz", npz(x=np.array(FOUR, "float32")), [PIXELS], {"pixels": FOUR}, []),
    "npz, roles": (
        "x.npz",
        npz(**{"input:pixels": np.array(FOUR, "float32"), "answer:y": np.zeros(9)}),
        [PIXELS],
        {"pixels": FOUR},
        ["Passed over: answer:y."],
    ),
    "npz, by name in another order": (
        "x.npz",
        npz(
            day=np.array(ROWS["day"]),
            guests=np.array(ROWS["guests"], "int32"),
            bill=np.array(ROWS["bill"], "float32"),
            tip=np.zeros(2),
        ),
        MIXED,
        ROWS,
        ["Passed over, because no input asks for it: “tip”."],
    ),
    "npz, columns together and bytes turned": (
        "x.npz",
        npz(x=np.asfortranarray(np.array(FOUR, ">f4"))),
        [PIXELS],
        {"pixels": FOUR},
        [],
    ),
    "npy, cast": (
        "x.npy",
        npy(np.array(FOUR)),
        [PIXELS],
        {"pixels": FOUR},
        ["“pixels” came as float64 and was turned into float32."],
    ),
    "npy, laid out anew": (
        "x.npy",
        npy(np.array(FOUR, "float32")),
        [GRID],
        {"grid": np.reshape(FOUR, (2, 2, 2, 1)).tolist()},
        ["Each row of “grid” came as 4 values and was laid out as 2 × 2 × 1."],
    ),
    "npy, an axis of one missing": (
        "x.npy",
        npy(np.array([1, 2], "float32")),
        [BILL],
        {"bill": [[1], [2]]},
        ["Each row of “bill” came as a single value and was laid out as 1 value."],
    ),
    "npy, text as bytes": ("x.npy", npy(np.array([[b"Sun"], ["Fri"]], "S")), [DAY], {"day": [["Sun"], ["Fri"]]}, []),
    "npy, a free axis": ("x.npy", npy(np.array(FOUR, "float32")), [FREE], {"free": FOUR}, []),
    "npy, whole numbers written as floats": (
        "x.npy",
        npy(np.array([[4.0], [2.0]])),
        [GUESTS],
        {"guests": [[4], [2]]},
        ["“guests” came as float64 and was turned into int32."],
    ),
    "npz, a model that does not say what it takes": (
        "x.npz",
        npz(left=np.array(FOUR), right=np.array([["a"], ["b"]])),
        [],
        {"left": FOUR, "right": [["a"], ["b"]]},
        [],
    ),
    "csv, no header": ("x.csv", b"1,2,3,4\n5,6,7,8\n", [PIXELS], {"pixels": FOUR}, []),
    "csv, names of ours in another order": (
        "x.csv",
        b"pixels_3,pixels_1,pixels_2,pixels_0\n4,2,3,1\n8,6,7,5\n",
        [PIXELS],
        {"pixels": FOUR},
        [],
    ),
    "csv, any names": (
        "x.csv",
        b"w,x,y,z\n1,2,3,4\n5,6,7,8\n",
        [PIXELS],
        {"pixels": FOUR},
        ["The first line was taken for a header: w, x, y, z."],
    ),
    "csv, numbered by pandas": (
        "x.csv",
        b"0,1,2,3\n1,2,3,4\n5,6,7,8\n",
        [PIXELS],
        {"pixels": FOUR},
        ["The first line was taken for a header: 0, 1, 2, 3."],
    ),
    "csv, semicolons, a byte order mark and Windows lines": (
        "x.csv",
        b"\xef\xbb\xbfbill;guests;day\r\n24.5;4;Sun\r\n10;2;Fri\r\n\r\n",
        MIXED,
        ROWS,
        [],
    ),
    "csv, columns by name and one too many": (
        "x.csv",
        b"day,tip,guests,bill\nSun,1,4,24.5\nFri,2,2,10\n",
        MIXED,
        ROWS,
        ["Passed over, because no input asks for it: “tip”."],
    ),
    "csv, several inputs without a header": (
        "x.csv",
        b"24.5,4,Sun\n10,2,Fri\n",
        MIXED,
        ROWS,
        ["It has no header: the columns were taken in the order “bill”, “guests”, “day”."],
    ),
    "csv, inputs of several columns": (
        "x.csv",
        b"b,a_0,a_1\n3,1,2\n",
        MINERALS,
        {"a": [[1, 2]], "b": [[3]]},
        [],
    ),
    "csv, text without a header": (
        "x.csv",
        b'"Korea, Rep."\nPeru\n',
        [DAY],
        {"day": [["Korea, Rep."], ["Peru"]]},
        ["The first line was taken for a row, because it does not say “day”."],
    ),
    "csv, true and false": ("x.csv", b"flag\ntrue\nNo\n1\n", [FLAG], {"flag": [[True], [False], [True]]}, []),
    "csv, whole numbers that no float holds": (
        "x.csv",
        b"9007199254740993\n-4\n",
        [LARGE],
        {"large": [[9007199254740993], [-4]]},
        [],
    ),
    "csv, a free number of columns": ("x.csv", b"1,2\n3,4\n", [FREE], {"free": [[1, 2], [3, 4]]}, []),
    "tabs in a .txt": ("x.txt", b"1\t2\t3\t4\n5\t6\t7\t8\n", [PIXELS], {"pixels": FOUR}, []),
    "json, rows": ("x.json", as_json(FOUR), [PIXELS], {"pixels": FOUR}, []),
    "json, by name": ("x.json", as_json(ROWS), MIXED, ROWS, []),
    "json, inputs by name": ("x.json", as_json({"inputs": ROWS}), MIXED, ROWS, []),
    "json, inputs of a single one": ("x.json", as_json({"inputs": FOUR}), [PIXELS], {"pixels": FOUR}, []),
    "json, an input called inputs": (
        "x.json",
        as_json({"inputs": FOUR}),
        [PIXELS | {"name": "inputs"}],
        {"inputs": FOUR},
        [],
    ),
    "json, instances": (
        "x.json",
        as_json({"signature_name": "serving_default", "instances": FOUR}),
        [PIXELS],
        {"pixels": FOUR},
        [],
    ),
    "json, instances by name": (
        "x.json",
        as_json({"instances": [{"bill": 24.5, "guests": 4, "day": "Sun"}, {"day": "Fri", "guests": 2, "bill": 10}]}),
        MIXED,
        ROWS,
        [],
    ),
    "json, in a file of another name": ("x.txt", b" [[1, 2, 3, 4], [5, 6, 7, 8]]", [PIXELS], {"pixels": FOUR}, []),
}


@pytest.mark.parametrize("case", GOOD.values(), ids=GOOD)
def test_each_form_is_read_and_what_was_done_is_noted(case: tuple, store: Inputs, tmp_path: Path):
    name, content, specs, wanted, notes = case
    kept = read(store, tmp_path, name, content, specs)
    assert values(store, kept) == wanted
    assert kept.notes == notes
    assert kept.rows == len(next(iter(wanted.values())))
    assert kept.words == f"{kept.rows} row{'s' * (kept.rows > 1)} of the file “{name}”"
    if specs:
        assert [one["name"] for one in kept.columns] == [one["name"] for one in specs]
        assert [one["dtype"] for one in kept.columns] == [one["dtype"] for one in specs]


def test_numbers_that_are_none_are_kept_and_counted(store: Inputs, tmp_path: Path):
    kept = read(store, tmp_path, "x.csv", b"1,nan,,4\ninf,-inf,1e40,0\n", [PIXELS])
    row = store.take(kept.id, slice(None))["pixels"]
    assert (int(np.isnan(row).sum()), int(np.isinf(row).sum())) == (2, 3)
    assert kept.notes == [
        "2 of the numbers in “pixels” are NaN.",
        "2 of the numbers in “pixels” are infinite.",
        "1 of the numbers in “pixels” are too large for float32 and became infinite.",
    ]


def broken_zip(change) -> bytes:
    """A good .npz whose one central entry was changed: `change` is given the entry as a bytearray."""
    data = bytearray(npz(x=np.zeros((2, 4), "float32")))
    at = data.rindex(b"PK\x01\x02")
    entry = data[at:]
    change(entry)
    return bytes(data[:at] + entry)


def put(at: int, value: int):
    return lambda entry: entry.__setitem__(slice(at, at + 4), struct.pack("<I", value))


def many_members() -> bytes:
    return npz(**{f"a{at}": np.zeros(1) for at in range(archives.MEMBERS + 1)})


def zipped(name: str, content: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def overlapping() -> bytes:
    """Two names for one member, as in a zip bomb that overlaps itself."""
    data = zipped("x.npy", npy(np.zeros((200, 4), "float32")))
    at = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry, tail = data[at:end], bytearray(data[end:])
    other = entry.replace(b"x.npy", b"y.npy")
    tail[8:12] = struct.pack("<HH", 2, 2)
    tail[12:16] = struct.pack("<I", 2 * len(entry))
    return data[:at] + entry + other + bytes(tail)


def header(shape: str, descr: str = "'<f4'") -> bytes:
    """A .npy that says so of itself, with sixteen bytes behind it."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + bytes(16)


BAD = {
    "nothing": ("x.csv", b"", [PIXELS], "The file is empty."),
    "no arrays": ("x.npz", npz(), [PIXELS], "There are no inputs in it."),
    "names missing": (
        "x.npz",
        npz(bill=np.zeros((2, 1)), x=np.zeros((2, 1))),
        MIXED,
        "The model takes “bill”, “guests”, “day”, and “guests”, “day” are missing.",
    ),
    "one name missing": (
        "x.npz",
        npz(bill=np.zeros((2, 1)), guests=np.zeros((2, 1))),
        MIXED,
        "The model takes “bill”, “guests”, “day”, and “day” is missing.",
    ),
    "rows that differ": (
        "x.npz",
        npz(a=np.zeros((2, 2)), b=np.zeros((3, 1))),
        MINERALS,
        "The arrays do not have the same number of rows.",
    ),
    "0 rows": ("x.npy", npy(np.zeros((0, 4), "float32")), [PIXELS], "There are 0 rows in it."),
    "no axis of rows": ("x.npy", npy(np.float32(1)), [PIXELS], "“x.npy” has no axis of rows."),
    "a wrong shape": ("x.npy", npy(np.zeros((2, 5))), [PIXELS], "Each row of “pixels” must be 4 values."),
    "a single row": ("x.npy", npy(np.zeros(4)), [PIXELS], "Each row of “pixels” must be 4 values."),
    "a grid for a row": ("x.npy", npy(np.zeros((2, 4, 1, 1))), [GRID], "Each row of “grid” must be 2 × 2 × 1."),
    "text for numbers": ("x.npy", npy(np.full((2, 4), "a")), [PIXELS], "“pixels” takes numbers (float32)."),
    "numbers for text": ("x.npy", npy(np.zeros((2, 1))), [DAY], "“day” takes text."),
    "complex numbers": (
        "x.npy",
        npy(np.zeros((2, 4), "complex64")),
        [PIXELS],
        "“pixels” takes no values of the dtype complex64.",
    ),
    "dates": (
        "x.npy",
        npy(np.zeros((2, 4), "datetime64[s]")),
        [PIXELS],
        "“pixels” takes no values of the dtype datetime64[s].",
    ),
    "records": (
        "x.npy",
        npy(np.zeros(2, [("a", "<f4")])),
        [BILL],
        "“bill” takes no values of the dtype [('a', '<f4')].",
    ),
    "fractions for whole numbers": (
        "x.npy",
        npy(np.array([[1], [2.5]])),
        [GUESTS],
        "“guests” takes whole numbers (int32).",
    ),
    "NaN for whole numbers": ("x.npy", npy(np.array([[np.nan]])), [GUESTS], "“guests” takes whole numbers (int32)."),
    "whole numbers out of range": (
        "x.npy",
        npy(np.array([[2**40]])),
        [GUESTS],
        "“guests” takes numbers from -2,147,483,648 to 2,147,483,647 (int32).",
    ),
    "unsigned numbers out of range": (
        "x.npy",
        npy(np.array([[2**64 - 1]], "uint64")),
        [LARGE],
        "“large” takes numbers from -9,223,372,036,854,775,808 to 9,223,372,036,854,775,807 (int64).",
    ),
    "two for true": ("x.npy", npy(np.array([[2]])), [FLAG], "“flag” takes true and false, or 1 and 0."),
    "pickled objects": (
        "x.npy",
        npy(np.array([[{"a": 1}]], "O"), allow_pickle=True),
        [PIXELS],
        "“x.npy” holds Python objects, which only pickle could read, and pickle may run any code.",
    ),
    "pickled objects in a zip": (
        "x.npz",
        npz(x=np.array([[None]], "O")),
        [PIXELS],
        "“x” holds Python objects, which only pickle could read, and pickle may run any code.",
    ),
    "a pickle": (
        "x.npy",
        b"\x80\x04K\x01.",
        [PIXELS],
        "The file is not what its name says: it does not begin as a NPY file does.",
    ),
    "a cut .npy": (
        "x.npy",
        npy(np.zeros((2, 4), "float32"))[:-4],
        [PIXELS],
        "“x.npy” says that it has 32 bytes of values, and there are 28.",
    ),
    "a header alone": ("x.npy", b"\x93NUMPY\x01\x00", [PIXELS], "“x.npy” is no array that NumPy wrote."),
    "a header that is code": (
        "x.npy",
        header("__import__('os').getcwd()"),
        [PIXELS],
        "“x.npy” is no array that NumPy wrote.",
    ),
    "a negative shape": ("x.npy", header("(-1, 4)"), [PIXELS], "“x.npy” has no axis of rows."),
    "a shape beyond the file": (
        "x.npy",
        header("(900000000000, 4)"),
        [PIXELS],
        "These inputs are larger than a set of inputs may be.",
    ),
    "a shape beyond the file, in a zip": (
        "x.npz",
        zipped("x.npy", header("(900000000000, 4)")),
        [PIXELS],
        "These inputs are larger than a set of inputs may be.",
    ),
    "more than a set may have": (
        "x.npy",
        npy(np.zeros((70_000, 4), "float32")),
        [PIXELS],
        "These inputs are larger than a set of inputs may be.",
    ),
    "no zip": ("x.npz", b"PK\x03\x04 and no more", [PIXELS], "The file is damaged, or no NPZ file."),
    "a zip of something else": (
        "x.npz",
        zipped("xl/workbook.xml", b"<x/>"),
        [PIXELS],
        "The file is a zip, but not of arrays.",
    ),
    "a bomb that says so": (
        "x.npz",
        zipped("x.npy", npy(np.zeros((600_000, 4), "float32")), zipfile.ZIP_DEFLATED),
        [PIXELS],
        "These inputs are larger than a set of inputs may be.",
    ),
    "a bomb by its ratio": (
        "x.npz",
        broken_zip(put(24, 2**31)),
        [PIXELS],
        "The file claims to unpack to more than it can hold, as a zip bomb does.",
    ),
    "a bomb that overlaps itself": (
        "x.npz",
        overlapping(),
        [PIXELS],
        "The file claims to unpack to more than it can hold, as a zip bomb does.",
    ),
    "too many arrays": ("x.npz", many_members(), [PIXELS], "The file holds more than 256 arrays."),
    "an encrypted array": (
        "x.npz",
        broken_zip(lambda entry: entry.__setitem__(8, entry[8] | 1)),
        [PIXELS],
        "An array in the file is encrypted, or compressed in a way that NumPy does not write.",
    ),
    "an array packed by another method": (
        "x.npz",
        zipped("x.npy", npy(np.zeros((2, 4))), zipfile.ZIP_LZMA),
        [PIXELS],
        "An array in the file is encrypted, or compressed in a way that NumPy does not write.",
    ),
    "a flipped bit": (
        "x.npz",
        npz(x=np.zeros((2, 4), "float32")).replace(bytes(32), bytes(31) + b"\x01"),
        [PIXELS],
        "The file is damaged, or no NPZ file.",
    ),
    "csv, too few columns": ("x.csv", b"1,2,3\n", [PIXELS], "The model takes 4 columns: 4 for “pixels”."),
    "csv, a row that is longer": (
        "x.csv",
        b"1,2,3,4\n1,2,3,4,5\n",
        [PIXELS],
        "Not every line has the same number of columns: the first has 4.",
    ),
    "csv, a row that is shorter": (
        "x.csv",
        b"1,2,3,4\n1,2,3\n",
        [PIXELS],
        "Not every line has the same number of columns: the first has 4.",
    ),
    "csv, a word for a number": ("x.csv", b"1,2,3,4\n1,2,three,4\n", [PIXELS], "“pixels” takes numbers (float32)."),
    "csv, a fraction for a whole number": (
        "x.csv",
        b"guests\n1.5\n",
        [GUESTS],
        "“guests” takes whole numbers (int32).",
    ),
    "csv, nothing for a whole number": ("x.csv", b'guests\n""\n', [GUESTS], "“guests” takes whole numbers (int32)."),
    "csv, a column missing": (
        "x.csv",
        b"bill,day\n1,Sun\n",
        MIXED,
        "The table has no column “guests”.",
    ),
    "csv, columns missing": (
        "x.csv",
        b"pixels_0,b,c,d\n1,2,3,4\n",
        [PIXELS],
        "The table has no column “pixels_1”, and 2 more are missing.",
    ),
    "csv, a header alone": ("x.csv", b"w,x,y,z\n", [PIXELS], "There are 0 rows in it, only a header."),
    "csv, empty lines": ("x.csv", b"\n\n", [PIXELS], "There are 0 rows in it."),
    "csv, no text": ("x.csv", b"\xff\xfe1,2\x00", [PIXELS], "The file is no CSV in UTF-8."),
    "csv, a cell without an end": ("x.csv", b'"' + b"a" * 200_000, [DAY], "The file is no CSV in UTF-8."),
    "csv, a model that does not say what it takes": (
        "x.csv",
        b"1,2\n",
        [],
        "The model does not say what it takes, so a table could be read in many ways.",
    ),
    "json, no json": ("x.json", b"{1}", [PIXELS], "The file is no JSON, or too deeply nested."),
    "json, too deep": ("x.json", b"[" * 200_000, [PIXELS], "The file is no JSON, or too deeply nested."),
    "json, a number": ("x.json", b"3", [PIXELS], "The file holds neither arrays by name nor a list of rows."),
    "json, no rows": ("x.json", b"[]", [PIXELS], "There are 0 rows in it."),
    "json, a value for rows": (
        "x.json",
        b'{"pixels": 1}',
        [PIXELS],
        "“pixels” is a single value, without an axis of rows.",
    ),
    "json, ragged": ("x.json", b"[[1, 2, 3, 4], [1, 2]]", [PIXELS], "Not all rows of “pixels” have the same shape."),
    "json, null": (
        "x.json",
        b"[[1, 2, null, 4]]",
        [PIXELS],
        "“pixels” holds something else than numbers alone or text alone.",
    ),
    "json, numbers and text": (
        "x.json",
        b'[[1, 2, "3", 4]]',
        [PIXELS],
        "“pixels” holds something else than numbers alone or text alone.",
    ),
    "json, numbers and truths": (
        "x.json",
        b"[[1, 2, true, 4]]",
        [PIXELS],
        "“pixels” holds something else than numbers alone or text alone.",
    ),
    "json, a number beyond 64 bits": (
        "x.json",
        b"[[1, 2, 3, 99999999999999999999]]",
        [PIXELS],
        "“pixels” holds something else than numbers alone or text alone.",
    ),
    "json, text for numbers": ("x.json", b'[["a", "b", "c", "d"]]', [PIXELS], "“pixels” takes numbers (float32)."),
    "json, rows of other names": (
        "x.json",
        b'[{"bill": 1, "guests": 2, "day": "Sun"}, {"bill": 1}]',
        MIXED,
        "Row 1 has other names than the first row.",
    ),
    "a picture for a model of none": ("x.png", b"\x89PNG\r\n\x1a\n", MIXED, "This model does not take pictures."),
    "a picture by its name alone": (
        "x.png",
        b"1,2,3,4",
        [PIXELS],
        "The file is not what its name says: it does not begin as a PNG file does.",
    ),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_each_refusal_is_a_sentence_with_a_cure_and_nothing_is_kept(case: tuple, store: Inputs, tmp_path: Path):
    name, content, specs, sentence = case
    with pytest.raises(InputError) as refusal:
        read(store, tmp_path, name, content, specs)
    assert refusal.value.sentence == sentence
    assert refusal.value.cure
    home = tmp_path / "store"
    assert [path for path in home.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (b"1,2,3,4\n1,2,3,4\n1,oops,3,4\n", "oops in row 2"),
        (b"w,x,y,z\n1,2,3,4\n1,2,3,four\n", "four in row 1"),
    ],
)
def test_a_wrong_cell_is_named_with_its_row(content: bytes, received: str, store: Inputs, tmp_path: Path):
    with pytest.raises(InputError) as refusal:
        read(store, tmp_path, "x.csv", content, [PIXELS])
    assert refusal.value.received == received


def test_a_wrong_value_far_down_is_named_with_its_row(store: Inputs, tmp_path: Path):
    rows = np.ones((9_000, 1))
    rows[8_999] = 1.5
    for name, content in (("x.npy", npy(rows)), ("x.csv", b"\n".join(str(one[0]).encode() for one in rows))):
        with pytest.raises(InputError) as refusal:
            read(store, tmp_path, name, content, [GUESTS])
        assert refusal.value.received == "1.5 in row 8,999"


@pytest.mark.parametrize("odd", ["", '"8"', "nan", " 8 ", "1_0"])
def test_one_odd_cell_changes_nothing_about_the_rows_around_it(odd: str, store: Inputs, tmp_path: Path):
    rows = np.arange(36_000.0).reshape(9_000, 4)
    lines = [",".join(map(repr, row)) for row in rows.tolist()]
    lines[5_000] = f"1,2,{odd},4"
    rows[5_000] = [1, 2, float(odd.strip('"') or "nan"), 4]
    kept = read(store, tmp_path, "x.csv", "\n\n".join(lines).encode(), [PIXELS])
    np.testing.assert_array_equal(store.take(kept.id, slice(None))["pixels"], rows.astype("float32"))


def test_a_row_of_another_width_is_named_by_its_line(store: Inputs, tmp_path: Path):
    with pytest.raises(InputError) as refusal:
        read(store, tmp_path, "x.csv", b"w,x,y,z\n" + b"1,2,3,4\n" * 5_000 + b"1,2,3\n", [PIXELS])
    assert refusal.value.received == "3 on line 5,002"


def test_json_beyond_what_python_can_hold_is_refused(store: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nested, "MOST", 20)
    with pytest.raises(InputError, match="The file is too large to be read as JSON"):
        read(store, tmp_path, "x.json", as_json(FOUR), [PIXELS])


def test_a_line_without_an_end_is_not_read_into_memory(store: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.inputs.cells.LINE", 1000)
    with pytest.raises(InputError, match="A line is longer than 1,000 characters"):
        read(store, tmp_path, "x.csv", b"1," * 2000, [PIXELS])


def test_a_comma_that_is_a_cell_of_its_own_is_not_taken_for_the_delimiter(store: Inputs, tmp_path: Path):
    kept = read(store, tmp_path, "x.csv", b'"1.5";"2";","\r\n"2.5";"3";","\r\n', MIXED)
    assert store.take(kept.id, slice(None))["day"].tolist() == [[","], [","]]


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
def test_any_table_that_csv_can_hold_comes_back_as_it_was(cells, header: bool, delimiter: str, tmp_path_factory):
    home = tmp_path_factory.mktemp("inputs")
    store = Inputs(home, Settings(home=home))
    with (home / "x.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerows([["bill", "guests", "day"]] * header + [[repr(a), b, c] for a, b, c in cells])
    kept = store.take(store.file(home / "x.csv", MIXED).id, slice(None))
    bills = np.array([[a] for a, _, _ in cells], "float32")
    np.testing.assert_array_equal(kept["bill"], bills)
    assert kept["guests"].tolist() == [[b] for _, b, _ in cells]
    assert kept["day"].tolist() == [[c] for _, _, c in cells]


# Pictures


def picture(mode: str, size: tuple[int, int], paper: int, ink: int, kind: str = "PNG") -> bytes:
    """A thick stroke from top to bottom, a little right of the middle."""
    image = Image.new("L", size, paper)
    width, height = size
    ImageDraw.Draw(image).rectangle([width * 0.5, height * 0.2, width * 0.6 - 1, height * 0.8], fill=ink)
    buffer = io.BytesIO()
    image.convert(mode).save(buffer, kind)
    return buffer.getvalue()


DIGIT = {"name": "pixels", "dtype": "float32", "shape": [None, 64]}


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255)], ids=["dark on light", "light on dark"])
@pytest.mark.parametrize("shape", [[None, 64], [None, 8, 8], [None, 8, 8, 1]], ids=str)
def test_a_picture_of_a_digit_becomes_a_row_in_which_ink_is_one(
    shape: list, paper: int, ink: int, kind: str, store: Inputs, tmp_path: Path
):
    specs = [DIGIT | {"shape": shape}]
    content = picture("RGB", (120, 90), paper, ink, kind)
    kept = read(store, tmp_path, "x.png", content, specs, image_shape=(8, 8))
    row = store.take(kept.id, [0])["pixels"]
    assert row.shape == (1, *shape[1:])
    drawn = row.reshape(8, 8)
    assert drawn.max() > 0.8
    assert drawn[:, 0].max() == drawn[:, -1].max() == 0
    assert drawn[:, 2:6].sum() == drawn.sum()


def test_a_picture_for_a_model_of_no_demo_keeps_its_place(store: Inputs, tmp_path: Path):
    grey = [{"name": "x", "dtype": "uint8", "shape": [None, 10, 20, 1]}]
    kept = read(store, tmp_path, "x.png", picture("L", (200, 100), 255, 0), grey)
    row = store.take(kept.id, [0])["x"][0, :, :, 0]
    assert row.dtype == "uint8"
    assert row[5].tolist() == [255 if 10 <= at < 12 else 0 for at in range(20)]
    colours = [{"name": "x", "dtype": "float32", "shape": [None, 10, 20, 3]}]
    kept = read(store, tmp_path, "x.png", picture("RGB", (200, 100), 255, 0), colours)
    assert store.take(kept.id, [0])["x"][0, 5, :, 2].tolist() == [0 if 10 <= at < 12 else 1 for at in range(20)]


def test_several_pictures_are_one_set_in_their_order(store: Inputs, tmp_path: Path):
    for at, size in enumerate([(80, 80), (50, 90), (300, 200)]):
        (tmp_path / f"{at}.png").write_bytes(picture("RGB", size, 255, 0))
    paths = [tmp_path / f"{at}.png" for at in range(3)]
    kept = store.file(paths, [DIGIT], (8, 8))
    assert (kept.rows, kept.words) == (3, "3 rows of 3 files, the first “0.png”")
    alone = [store.take(store.file(one, [DIGIT], (8, 8)).id, [0])["pixels"][0] for one in paths]
    np.testing.assert_array_equal(store.take(kept.id, slice(None))["pixels"], alone)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (picture("RGB", (90, 90), 255, 0)[:60], "This file is no picture that can be read."),
        (picture("RGB", (6000, 6000), 255, 255), "This picture is too large."),
    ],
    ids=["cut short", "huge"],
)
def test_a_picture_that_cannot_be_used_is_refused(content: bytes, sentence: str, store: Inputs, tmp_path: Path):
    with pytest.raises(InputError) as refusal:
        read(store, tmp_path, "x.png", content, [DIGIT], image_shape=(8, 8))
    assert refusal.value.sentence == sentence


def test_several_files_must_all_be_pictures(store: Inputs, tmp_path: Path):
    (tmp_path / "x.csv").write_bytes(b"1,2,3,4")
    (tmp_path / "x.png").write_bytes(picture("RGB", (90, 90), 255, 0))
    with pytest.raises(InputError, match="Of several files all must be pictures"):
        store.file([tmp_path / "x.csv", tmp_path / "x.png"], [DIGIT], (8, 8))
    with pytest.raises(InputError, match="There is no file"):
        store.file([], [DIGIT])


def test_names_of_uploads_touch_no_path_and_stand_in_the_words(store: Inputs, tmp_path: Path):
    kept = store.upload([("../../<b>x</b>.JSON", io.BytesIO(as_json(FOUR)))], [PIXELS])
    assert kept.words == "2 rows of the file “../../<b>x</b>.JSON”"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]
    two = [(f"{at}.png", io.BytesIO(picture("RGB", (90, 90), 255, 0))) for at in range(2)]
    assert store.upload(two, [DIGIT], (8, 8)).words == "2 rows of 2 files, the first “0.png”"
    assert list((tmp_path / "store" / "staging").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("long.json", as_json({"day": [["x"]] * 4000 + [["y" * 50_000]]})),
        ("mixed.json", as_json({"day": [["y" * 50_000], *([[1.5]] * 4000)]})),
        ("long.csv", b"day\n" + b"x\n" * 4000 + b"y" * 50_000 + b"\n"),
        ("later.csv", b"day\n" + b"y" * 50_000 + b"\n" + b"x\n" * 6000),
        ("two.csv", b"day\n" + b"x\n" * 4096 + b"y" * 50_000 + b"\n"),
    ],
)
def test_one_long_text_among_short_ones_is_refused_before_it_takes_all_memory(store, tmp_path, name, content):
    tracemalloc.start()
    with pytest.raises(InputError, match="larger than a set of inputs may be") as caught:
        read(store, tmp_path, name, content, [DAY])
    assert tracemalloc.get_traced_memory()[1] < 64 * 2**20  # the array would have 800 MB
    tracemalloc.stop()
    assert int(caught.value.received.split()[0].replace(",", "")) > 4000 * 50_000 * 4
