"""Files of inputs: each kind in each of its forms, and what is noted about it."""

import io
from pathlib import Path

import numpy as np
import pytest

from core.inputs import Inputs
from tests.inputs.conftest import BILL, DAY, GUESTS, MIXED, PIXELS
from tests.inputs.made_files import (
    DIGIT,
    FLAG,
    FOUR,
    FREE,
    GRID,
    LARGE,
    MINERALS,
    ROWS,
    as_json,
    npy,
    npz,
    picture,
    read,
    values,
)

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
    row = store.read_rows(kept.id, slice(None))["pixels"]
    assert (int(np.isnan(row).sum()), int(np.isinf(row).sum())) == (2, 3)
    assert kept.notes == [
        "2 of the numbers in “pixels” are NaN.",
        "2 of the numbers in “pixels” are infinite.",
        "1 of the numbers in “pixels” are too large for float32 and became infinite.",
    ]


def test_names_of_uploads_touch_no_path_and_stand_in_the_words(store: Inputs, tmp_path: Path):
    kept = store.add_upload([("../../<b>x</b>.JSON", io.BytesIO(as_json(FOUR)))], [PIXELS])
    assert kept.words == "2 rows of the file “../../<b>x</b>.JSON”"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]
    two = [(f"{at}.png", io.BytesIO(picture("RGB", (90, 90), 255, 0))) for at in range(2)]
    assert store.add_upload(two, [DIGIT], (8, 8)).words == "2 rows of 2 files, the first “0.png”"
    assert list((tmp_path / "store" / "staging").iterdir()) == []
