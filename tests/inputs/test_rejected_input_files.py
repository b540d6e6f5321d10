"""Files of inputs that cannot be used: every refusal is a sentence with a cure, and nothing is kept."""

import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from core.inputs import Inputs
from tests.factories.broken_input_files import (
    make_broken_npz,
    make_npy_with_header,
    make_overlapping_members,
    make_too_many_members,
    make_zip,
    overwrite_uint32,
)
from tests.factories.input_files import (
    BILL,
    DAY,
    FLAG,
    GRID,
    GUESTS,
    LARGE,
    MINERALS,
    MIXED,
    PIXELS,
    make_npy,
    make_npz,
    read_input_file,
)

REJECTED_FILES = {
    "nothing": ("x.csv", b"", [PIXELS], "The file is empty."),
    "no arrays": ("x.npz", make_npz(), [PIXELS], "There are no inputs in it."),
    "names missing": (
        "x.npz",
        make_npz(bill=np.zeros((2, 1)), x=np.zeros((2, 1))),
        MIXED,
        "The model takes “bill”, “guests”, “day”, and “guests”, “day” are missing.",
    ),
    "one name missing": (
        "x.npz",
        make_npz(bill=np.zeros((2, 1)), guests=np.zeros((2, 1))),
        MIXED,
        "The model takes “bill”, “guests”, “day”, and “day” is missing.",
    ),
    "rows that differ": (
        "x.npz",
        make_npz(a=np.zeros((2, 2)), b=np.zeros((3, 1))),
        MINERALS,
        "The arrays do not have the same number of rows.",
    ),
    "0 rows": ("x.npy", make_npy(np.zeros((0, 4), "float32")), [PIXELS], "There are 0 rows in it."),
    "no axis of rows": ("x.npy", make_npy(np.float32(1)), [PIXELS], "“x.npy” has no axis of rows."),
    "a wrong shape": ("x.npy", make_npy(np.zeros((2, 5))), [PIXELS], "Each row of “pixels” must be 4 values."),
    "a single row": ("x.npy", make_npy(np.zeros(4)), [PIXELS], "Each row of “pixels” must be 4 values."),
    "a grid for a row": ("x.npy", make_npy(np.zeros((2, 4, 1, 1))), [GRID], "Each row of “grid” must be 2 × 2 × 1."),
    "text for numbers": ("x.npy", make_npy(np.full((2, 4), "a")), [PIXELS], "“pixels” takes numbers (float32)."),
    "numbers for text": ("x.npy", make_npy(np.zeros((2, 1))), [DAY], "“day” takes text."),
    "complex numbers": (
        "x.npy",
        make_npy(np.zeros((2, 4), "complex64")),
        [PIXELS],
        "“pixels” takes no values of the dtype complex64.",
    ),
    "dates": (
        "x.npy",
        make_npy(np.zeros((2, 4), "datetime64[s]")),
        [PIXELS],
        "“pixels” takes no values of the dtype datetime64[s].",
    ),
    "records": (
        "x.npy",
        make_npy(np.zeros(2, [("a", "<f4")])),
        [BILL],
        "“bill” takes no values of the dtype [('a', '<f4')].",
    ),
    "fractions for whole numbers": (
        "x.npy",
        make_npy(np.array([[1], [2.5]])),
        [GUESTS],
        "“guests” takes whole numbers (int32).",
    ),
    "NaN for whole numbers": (
        "x.npy",
        make_npy(np.array([[np.nan]])),
        [GUESTS],
        "“guests” takes whole numbers (int32).",
    ),
    "whole numbers out of range": (
        "x.npy",
        make_npy(np.array([[2**40]])),
        [GUESTS],
        "“guests” takes numbers from -2,147,483,648 to 2,147,483,647 (int32).",
    ),
    "unsigned numbers out of range": (
        "x.npy",
        make_npy(np.array([[2**64 - 1]], "uint64")),
        [LARGE],
        "“large” takes numbers from -9,223,372,036,854,775,808 to 9,223,372,036,854,775,807 (int64).",
    ),
    "two for true": ("x.npy", make_npy(np.array([[2]])), [FLAG], "“flag” takes true and false, or 1 and 0."),
    "pickled objects": (
        "x.npy",
        make_npy(np.array([[{"a": 1}]], "O"), allow_pickle=True),
        [PIXELS],
        "“x.npy” holds Python objects, which only pickle could read, and pickle may run any code.",
    ),
    "pickled objects in a zip": (
        "x.npz",
        make_npz(x=np.array([[None]], "O")),
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
        make_npy(np.zeros((2, 4), "float32"))[:-4],
        [PIXELS],
        "“x.npy” says that it has 32 bytes of values, and there are 28.",
    ),
    "a header alone": ("x.npy", b"\x93NUMPY\x01\x00", [PIXELS], "“x.npy” is no array that NumPy wrote."),
    "a header that is code": (
        "x.npy",
        make_npy_with_header("__import__('os').getcwd()"),
        [PIXELS],
        "“x.npy” is no array that NumPy wrote.",
    ),
    "a negative shape": ("x.npy", make_npy_with_header("(-1, 4)"), [PIXELS], "“x.npy” has no axis of rows."),
    "a shape beyond the file": (
        "x.npy",
        make_npy_with_header("(70000, 4)"),
        [PIXELS],
        "These inputs are larger than a set of inputs may be.",
    ),
    "a shape beyond the file, in a zip": (
        "x.npz",
        make_zip("x.npy", make_npy_with_header("(70000, 4)")),
        [PIXELS],
        "These inputs are larger than a set of inputs may be.",
    ),
    "more than a set may have": (
        "x.npy",
        make_npy(np.zeros((70_000, 4), "float32")),
        [PIXELS],
        "These inputs are larger than a set of inputs may be.",
    ),
    "no zip": ("x.npz", b"PK\x03\x04 and no more", [PIXELS], "The file is damaged, or no NPZ file."),
    "a zip of something else": (
        "x.npz",
        make_zip("xl/workbook.xml", b"<x/>"),
        [PIXELS],
        "The file is a zip, but not of arrays.",
    ),
    "an array that is larger, well packed": (
        "x.npz",
        make_zip("x.npy", make_npy(np.zeros((600_000, 4), "float32")), zipfile.ZIP_DEFLATED),
        [PIXELS],
        "These inputs are larger than a set of inputs may be.",
    ),
    "an array that claims more than it holds": (
        "x.npz",
        make_broken_npz(overwrite_uint32(24, 2**17)),
        [PIXELS],
        "The file claims to unpack to more than it can hold.",
    ),
    "two names for one array": (
        "x.npz",
        make_overlapping_members(),
        [PIXELS],
        "The file claims to unpack to more than it can hold.",
    ),
    "too many arrays": ("x.npz", make_too_many_members(), [PIXELS], "The file holds more than 256 arrays."),
    "an encrypted array": (
        "x.npz",
        make_broken_npz(lambda entry: entry.__setitem__(8, entry[8] | 1)),
        [PIXELS],
        "An array in the file is encrypted, or compressed in a way that NumPy does not write.",
    ),
    "an array packed by another method": (
        "x.npz",
        make_zip("x.npy", make_npy(np.zeros((2, 4))), zipfile.ZIP_LZMA),
        [PIXELS],
        "An array in the file is encrypted, or compressed in a way that NumPy does not write.",
    ),
    "a flipped bit": (
        "x.npz",
        make_npz(x=np.zeros((2, 4), "float32")).replace(bytes(32), bytes(31) + b"\x01"),
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


@pytest.mark.parametrize("case", REJECTED_FILES.values(), ids=REJECTED_FILES)
def test_refused_input_file_has_sentence_and_cure_and_stores_nothing(case: tuple, store: Inputs, tmp_path: Path):
    name, content, specs, sentence = case
    with pytest.raises(InputError) as refusal:
        read_input_file(store, tmp_path, name, content, specs)
    assert refusal.value.sentence == sentence
    assert refusal.value.cure
    home = tmp_path / "store"
    assert [path for path in home.rglob("*") if path.is_file()] == []


@pytest.mark.trust
@pytest.mark.parametrize("wide", [False, True], ids=["in 32 bits", "in 64 bits"])
def test_npz_index_of_hundred_thousand_arrays_is_refused_unread(wide: bool, store: Inputs, tmp_path: Path):
    """Read, it takes ten times the memory of the file."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0x21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    index, count, length = entry * 100_000, 100_000 % 2**16, len(entry) * 100_000
    if wide:
        index += struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 100_000, 100_000, length, 0)
        index += struct.pack("<4sLQL", b"PK\x06\x07", 0, length, 1)
        count, length = 1, len(entry)
    content = index + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, length, 0, 0)
    tracemalloc.start()
    with pytest.raises(InputError, match="The file is damaged" if wide else "more than 256 arrays"):
        read_input_file(store, tmp_path, "x.npz", content, [PIXELS])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**20
