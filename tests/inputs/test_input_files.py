"""Files of inputs: each kind in each of its forms, and what is noted about it."""

from pathlib import Path

import numpy as np
import pytest

from core.inputs import Inputs
from core.uploads import NamedFile
from tests.factories.input_files import (
    BILL,
    DAY,
    DIGIT,
    FLAG,
    FOUR_COLUMNS,
    FREE,
    GRID,
    GUESTS,
    LARGE,
    MINERALS,
    MIXED,
    PIXELS,
    TIPS_ROWS,
    make_npy,
    make_npz,
    make_stroke_image,
    read_input_file,
    read_values,
    to_json_bytes,
)

# name, content, specs, values, notes
ACCEPTED_FILES = {
    "npz, one array of any name": (
        "x.npz",
        make_npz(x=np.array(FOUR_COLUMNS, "float32")),
        [PIXELS],
        {"pixels": FOUR_COLUMNS},
        [],
    ),
    "npz, roles": (
        "x.npz",
        make_npz(**{"input:pixels": np.array(FOUR_COLUMNS, "float32"), "answer:y": np.zeros(9)}),
        [PIXELS],
        {"pixels": FOUR_COLUMNS},
        ["Passed over: answer:y."],
    ),
    "npz, by name in another order": (
        "x.npz",
        make_npz(
            day=np.array(TIPS_ROWS["day"]),
            guests=np.array(TIPS_ROWS["guests"], "int32"),
            bill=np.array(TIPS_ROWS["bill"], "float32"),
            tip=np.zeros(2),
        ),
        MIXED,
        TIPS_ROWS,
        ["Passed over, because no input asks for it: “tip”."],
    ),
    "npz, columns together and bytes turned": (
        "x.npz",
        make_npz(x=np.asfortranarray(np.array(FOUR_COLUMNS, ">f4"))),
        [PIXELS],
        {"pixels": FOUR_COLUMNS},
        [],
    ),
    "npy, cast": (
        "x.npy",
        make_npy(np.array(FOUR_COLUMNS)),
        [PIXELS],
        {"pixels": FOUR_COLUMNS},
        ["“pixels” came as float64 and was turned into float32."],
    ),
    "npy, laid out anew": (
        "x.npy",
        make_npy(np.array(FOUR_COLUMNS, "float32")),
        [GRID],
        {"grid": np.reshape(FOUR_COLUMNS, (2, 2, 2, 1)).tolist()},
        ["Each row of “grid” came as 4 values and was laid out as 2 × 2 × 1."],
    ),
    "npy, an axis of one missing": (
        "x.npy",
        make_npy(np.array([1, 2], "float32")),
        [BILL],
        {"bill": [[1], [2]]},
        ["Each row of “bill” came as a single value and was laid out as 1 value."],
    ),
    "npy, text as bytes": (
        "x.npy",
        make_npy(np.array([[b"Sun"], ["Fri"]], "S")),
        [DAY],
        {"day": [["Sun"], ["Fri"]]},
        [],
    ),
    "npy, a free axis": ("x.npy", make_npy(np.array(FOUR_COLUMNS, "float32")), [FREE], {"free": FOUR_COLUMNS}, []),
    "npy, whole numbers written as floats": (
        "x.npy",
        make_npy(np.array([[4.0], [2.0]])),
        [GUESTS],
        {"guests": [[4], [2]]},
        ["“guests” came as float64 and was turned into int32."],
    ),
    "npz, a model that does not say what it takes": (
        "x.npz",
        make_npz(left=np.array(FOUR_COLUMNS), right=np.array([["a"], ["b"]])),
        [],
        {"left": FOUR_COLUMNS, "right": [["a"], ["b"]]},
        [],
    ),
    "csv, no header": ("x.csv", b"1,2,3,4\n5,6,7,8\n", [PIXELS], {"pixels": FOUR_COLUMNS}, []),
    "csv, names of ours in another order": (
        "x.csv",
        b"pixels_3,pixels_1,pixels_2,pixels_0\n4,2,3,1\n8,6,7,5\n",
        [PIXELS],
        {"pixels": FOUR_COLUMNS},
        [],
    ),
    "csv, any names": (
        "x.csv",
        b"w,x,y,z\n1,2,3,4\n5,6,7,8\n",
        [PIXELS],
        {"pixels": FOUR_COLUMNS},
        ["The first line was taken for a header: w, x, y, z."],
    ),
    "csv, numbered by pandas": (
        "x.csv",
        b"0,1,2,3\n1,2,3,4\n5,6,7,8\n",
        [PIXELS],
        {"pixels": FOUR_COLUMNS},
        ["The first line was taken for a header: 0, 1, 2, 3."],
    ),
    "csv, semicolons, a byte order mark and Windows lines": (
        "x.csv",
        b"\xef\xbb\xbfbill;guests;day\r\n24.5;4;Sun\r\n10;2;Fri\r\n\r\n",
        MIXED,
        TIPS_ROWS,
        [],
    ),
    "csv, columns by name and one too many": (
        "x.csv",
        b"day,tip,guests,bill\nSun,1,4,24.5\nFri,2,2,10\n",
        MIXED,
        TIPS_ROWS,
        ["Passed over, because no input asks for it: “tip”."],
    ),
    "csv, several inputs without a header": (
        "x.csv",
        b"24.5,4,Sun\n10,2,Fri\n",
        MIXED,
        TIPS_ROWS,
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
    "tabs in a .txt": ("x.txt", b"1\t2\t3\t4\n5\t6\t7\t8\n", [PIXELS], {"pixels": FOUR_COLUMNS}, []),
    "json, rows": ("x.json", to_json_bytes(FOUR_COLUMNS), [PIXELS], {"pixels": FOUR_COLUMNS}, []),
    "json, by name": ("x.json", to_json_bytes(TIPS_ROWS), MIXED, TIPS_ROWS, []),
    "json, inputs by name": ("x.json", to_json_bytes({"inputs": TIPS_ROWS}), MIXED, TIPS_ROWS, []),
    "json, inputs of a single one": (
        "x.json",
        to_json_bytes({"inputs": FOUR_COLUMNS}),
        [PIXELS],
        {"pixels": FOUR_COLUMNS},
        [],
    ),
    "json, an input called inputs": (
        "x.json",
        to_json_bytes({"inputs": FOUR_COLUMNS}),
        [PIXELS | {"name": "inputs"}],
        {"inputs": FOUR_COLUMNS},
        [],
    ),
    "json, instances": (
        "x.json",
        to_json_bytes({"signature_name": "serving_default", "instances": FOUR_COLUMNS}),
        [PIXELS],
        {"pixels": FOUR_COLUMNS},
        [],
    ),
    "json, instances by name": (
        "x.json",
        to_json_bytes(
            {"instances": [{"bill": 24.5, "guests": 4, "day": "Sun"}, {"day": "Fri", "guests": 2, "bill": 10}]}
        ),
        MIXED,
        TIPS_ROWS,
        [],
    ),
    "json, in a file of another name": (
        "x.txt",
        b" [[1, 2, 3, 4], [5, 6, 7, 8]]",
        [PIXELS],
        {"pixels": FOUR_COLUMNS},
        [],
    ),
}


@pytest.mark.parametrize("case", ACCEPTED_FILES.values(), ids=ACCEPTED_FILES)
def test_input_file_is_read_with_notes(case: tuple, store: Inputs, tmp_path: Path):
    name, content, specs, wanted, notes = case
    input_file = read_input_file(store, tmp_path, name, content, specs)
    assert read_values(store, input_file) == wanted
    assert input_file.notes == notes
    assert input_file.rows == len(next(iter(wanted.values())))
    assert input_file.words == f"{input_file.rows} row{'s' * (input_file.rows > 1)} of the file “{name}”"
    if specs:
        assert [column["name"] for column in input_file.columns] == [spec["name"] for spec in specs]
        assert [column["dtype"] for column in input_file.columns] == [spec["dtype"] for spec in specs]


def test_input_file_keeps_and_counts_nan_and_infinity(store: Inputs, tmp_path: Path):
    input_file = read_input_file(store, tmp_path, "x.csv", b"1,nan,,4\ninf,-inf,1e40,0\n", [PIXELS])
    row = store.read_rows(input_file.id, slice(None))["pixels"]
    assert (int(np.isnan(row).sum()), int(np.isinf(row).sum())) == (2, 3)
    assert input_file.notes == [
        "2 of the numbers in “pixels” are NaN.",
        "2 of the numbers in “pixels” are infinite.",
        "1 of the numbers in “pixels” are too large for float32 and became infinite.",
    ]


def test_upload_name_is_only_a_label_never_a_path(store: Inputs, tmp_path: Path):
    sent = tmp_path / "sent"
    sent.write_bytes(to_json_bytes(FOUR_COLUMNS))
    input_set = store.add_upload([NamedFile("../../<b>x</b>.JSON", sent)], [PIXELS])
    assert input_set.words == "2 rows of the file “../../<b>x</b>.JSON”"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sent", "store"]
    sent.write_bytes(make_stroke_image("RGB", (90, 90), 255, 0))
    two = [NamedFile(f"{at}.png", sent) for at in range(2)]
    assert store.add_upload(two, [DIGIT], (8, 8)).words == "2 rows of 2 files, the first “0.png”"
    assert list((tmp_path / "store" / "staging").iterdir()) == []
