"""What a browser sends is believed only where it is what it must be; then it is judged beside the server's answers."""

from copy import deepcopy

import numpy as np
import pytest

from core.browser_runtimes import decode_outputs, encode_array, first_rows, parse_report
from core.browser_runtimes.exchange import MAX_BYTES, ROWS
from core.browser_runtimes.support import DTYPES
from core.compare import Verdict
from core.errors import InputError
from core.jobs.live_session import LivePrediction
from core.runtimes.reference import Reference
from tests.factories.library_entries import make_run_with_reference
from ui.in_browser import verdicts
from ui.in_browser.verdicts import judge

COSTS = {"bytes": 12, "loaded": 900.5, "first": 30, "answers": 100, "p50": 0.4, "p95": 1.25}
ANSWERS = np.array([[0.25, 0.75], [0.5, 0.5]], "float32")


def make_report(*outputs: dict, **changes) -> dict:
    return {"copy": "a0123456789", "device": "wasm", "outputs": list(outputs), "costs": COSTS} | changes


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_come_back_bit_for_bit(dtype: str):
    array = np.arange(-3, 9).reshape(3, 2, 2).astype(dtype)
    decoded = decode_outputs(parse_report(make_report(encode_array("y", array))))["y"]
    assert (decoded.dtype, decoded.tolist()) == (array.dtype, array.tolist())


@pytest.mark.parametrize(
    "change",
    [
        {"dims": [2, 3]},
        {"dims": [-2, -2]},
        {"dtype": "object"},
        {"base64": "not base 64!"},
        {"base64": "nicht in ASCII: äöü"},
        {"base64": ""},
        {"base64": "", "dims": [0, 2**70]},
        {"dims": "2"},
    ],
)
def test_output_that_is_no_array_is_refused_in_a_sentence(change: dict):
    document = make_report(encode_array("y", ANSWERS) | change)
    with pytest.raises(InputError, match="What this browser answered cannot be read"):
        decode_outputs(parse_report(document))


@pytest.mark.parametrize("path", [("copy",), ("outputs",), ("costs", "p95"), ("costs",)])
def test_report_that_lacks_a_part_is_refused(path: tuple[str, ...]):
    document = deepcopy(make_report(encode_array("y", ANSWERS)))
    part = document
    for key in path[:-1]:
        part = part[key]
    del part[path[-1]]
    with pytest.raises(InputError, match="cannot be read"):
        parse_report(document)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), -1.0])
def test_report_with_a_cost_that_is_no_time_is_refused(value: float):
    document = make_report(encode_array("y", ANSWERS), costs=COSTS | {"p95": value})
    with pytest.raises(InputError, match="cannot be read"):
        parse_report(document)


def test_first_rows_are_fewer_where_a_row_is_large():
    wide = np.zeros((4, MAX_BYTES // 8), "float32")  # half of what is allowed, each
    assert len(first_rows(Reference({"x": wide}, {}, {}))["x"]) == 2
    assert len(first_rows(Reference({"x": np.zeros((ROWS * 2, 3))}, {}, {}))["x"]) == ROWS


class Answering:
    """A session whose copy answers this."""

    ids = ("a0123456789",)

    def predict(self, inputs: dict, ids: list) -> dict[str, LivePrediction]:
        return {"a0123456789": LivePrediction({"digit": ANSWERS}, 0.01)}


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        (ANSWERS, Verdict.BIT_IDENTICAL),
        (np.nextafter(ANSWERS, 1), Verdict.ROUNDING),
        (ANSWERS[:, ::-1], Verdict.SOME_CHANGED),
    ],
)
def test_judge_compares_with_the_servers_answers(
    empty_library, monkeypatch: pytest.MonkeyPatch, answers: np.ndarray, verdict: Verdict
):
    reference = Reference({"x": np.zeros((2, 3), "float32")}, {"digit": ANSWERS}, {})
    run = make_run_with_reference(empty_library, reference, labels=["0", "1"])
    monkeypatch.setattr(verdicts, "load_reference", lambda run_id: reference)
    report = parse_report(make_report(encode_array("Identity:0", np.ascontiguousarray(answers))))
    assert judge(run, report, Answering()).verdict == verdict


def test_report_for_another_copy_is_refused(empty_library):
    run = make_run_with_reference(empty_library, Reference({"x": np.zeros(1)}, {"y": np.zeros(1)}, {}))
    with pytest.raises(InputError, match="for another copy"):
        verdicts.keep_report(run, make_report(copy="a00000000ff"), Answering())
