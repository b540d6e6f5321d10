"""The command line: the same functions as the pages, JSON for programs, one sentence on standard error for people."""

import json
import subprocess
import sys

import pytest

from core.settings import PROJECT

RESULT = {"artifact", "format", "bytes", "seconds", "verdict", "max_abs", "changed_rows", "rows", "run"}


def test_a_run_is_trained_saved_compared_shown_removed_and_restored(say):
    status, out, _ = say("train", "digits-mlp", "--epochs", "1", "--seed", "3", "--json")
    run = json.loads(out)["run"]
    assert (status, json.loads(out)["settings"]["seed"]) == (0, 3)
    status, out, _ = say("save", run, "keras", "onnx", "--option", "onnx.opset=15", "--json")
    rows = {row["format"]: row for row in json.loads(out)}
    assert (status, rows["keras"]["verdict"]) == (0, "bit-identical")
    ids = [row["artifact"] for row in rows.values()]
    status, out, _ = say("show", ids[1], "--json")
    assert (status, json.loads(out)["options"]) == (0, {"opset": 15})
    status, out, _ = say("compare", *ids, "--rows", "20", "--json")
    compared = json.loads(out)
    assert (status, [row["rows"] for row in compared]) == (0, [20, 20])
    assert set(compared[0]) >= RESULT
    assert say("verify", *ids, run)[0] == 0
    assert say("remove", ids[0])[0] == 0
    status, out, _ = say("list", run, "--json")
    assert [entry["artifact"] for entry in json.loads(out)] == [ids[1]]
    thrown = {entry["artifact"]: entry["format"] for entry in json.loads(say("list", "--trash", "--json")[1])}
    assert thrown[ids[0]] == "keras"
    assert say("restore", ids[0])[0] == 0
    status, out, _ = say("resume", run, *ids, "--epochs", "1", "--json")
    assert (status, [row["ending"] for row in json.loads(out)]) == (0, ["exact", "cannot-train"])
    status, out, _ = say("matrix", run, "--json")
    assert [row["format"] for row in json.loads(out)] == ["keras", "onnx"]
    assert say("matrix", run)[1].startswith("| format | Answers |")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", "digits-mlp", "--epochs", "0"], "The setting 'epochs' should be greater than or equal to 1."),
        (["train", "digits-mlp", "--seed", "x"], "The setting 'seed' should be a valid integer"),
        (["train", "nothing"], "There is no such demo. Received: nothing."),
        (["save", "r0000000000", "keras"], "Nothing in the library has this id. Received: r0000000000."),
        (["show", "../../etc/passwd"], "Nothing in the library has this id."),
        (["compare", "a0000000000"], "Nothing in the library has this id."),
        (["compare", "a0000000000", "--rows", "x"], "The option --rows takes a whole number. Received: x."),
        (["compare", "a0000000000", "--code", "x"], "The option --code takes ID=SOURCE."),
        (["resume", "r0000000000", "a0000000000"], "Nothing in the library has this id. Received: r0000000000."),
        (["resume", "r0000000000", "a0000000000", "--epochs", "x"], "The option --epochs takes a whole number."),
        (["verify"], "Nothing was named to verify."),
    ],
)
def test_what_does_not_fit_is_one_sentence_and_status_1(say, words: list[str], sentence: str):
    status, out, errors = say(*words)
    assert (status, out) == (1, "")
    assert errors.startswith(sentence)
    assert "\n" not in errors.strip()


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("onnx.opset=99", "The option 'Opset' does not fit. Received: 99."),
        ("keras.colour=blue", "Keras file (.keras) has no such option. Received: colour."),
        ("opset", "The option --option takes FORMAT.KEY=VALUE. Received: opset."),
    ],
)
def test_an_option_that_does_not_fit_is_one_sentence(say, trained, option: str, sentence: str):
    status, _, errors = say("save", trained("digits-mlp"), "onnx", "keras", "--option", option)
    assert (status, errors.startswith(sentence)) == (1, True), errors


def test_a_format_that_refuses_is_said_and_the_status_is_1(say, trained):
    status, out, errors = say("save", trained("digits-core"), "checkpoint", "h5", "--json")
    assert [row["verdict"] for row in json.loads(out)] == ["bit-identical", None]
    assert status == 1
    assert errors.startswith("h5: Takes Keras models only;")


def test_two_demos_with_other_inputs_are_not_compared(say, saved):
    ids = [saved(demo, "keras")["artifact"] for demo in ("digits-mlp", "two-in-two-out")]
    status, _, errors = say("compare", *ids)
    assert status == 1
    assert f"{ids[1]}: This model takes 2 inputs" in errors


def test_a_process_says_its_error_on_standard_error_and_nothing_else():
    ended = subprocess.run(
        [sys.executable, "-m", "core", "train", "nothing"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("There is no such demo. Received: nothing. Choose from digits-mlp,")
    assert ended.stderr.count("\n") == 1


def test_a_comparison_is_written_as_reports_and_another_ending_is_refused_before_the_work(say, saved, tmp_path):
    id_ = saved("digits-mlp", "keras")["artifact"]
    paths = [tmp_path / f"a.{kind}" for kind in ("html", "json", "csv")]
    asked = [word for path in paths for word in ("--report", str(path))]
    status, out, _ = say("compare", id_, "--rows", "20", "--tolerance", "0", "--json", *asked)
    (row,) = json.loads(out)
    assert (status, row["passed"]) == (0, True)
    told = json.loads(paths[1].read_text(encoding="utf-8"))
    assert told["artifacts"][id_]["outputs"] == row["outputs"]
    assert told["artifacts"][id_]["tolerance"] == row["tolerance"]
    assert "Bit-identical" in paths[0].read_text(encoding="utf-8")
    assert paths[2].read_text(encoding="utf-8").count("\n") == 2
    status, out, error = say("compare", id_, "--rows", "21", "--report", str(tmp_path / "a.pdf"))
    assert (status, out) == (1, "")
    assert error.startswith("A report is an .html, a .json or a .csv file. Received: a.pdf.")
