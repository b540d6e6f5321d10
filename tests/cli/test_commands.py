"""The command line: the same functions as the pages, JSON for programs, one sentence on standard error for people."""

import json
import subprocess
import sys

import numpy as np
import pytest

from core.settings import PROJECT

RESULT_KEYS = {"artifact", "format", "bytes", "seconds", "verdict", "max_abs", "changed_rows", "rows", "run"}


def test_cli_trains_saves_compares_shows_removes_and_restores_a_run(run_cli):
    status, out, _ = run_cli("train", "digits-mlp", "--epochs", "1", "--seed", "3", "--json")
    run = json.loads(out)["run"]
    assert (status, json.loads(out)["settings"]["seed"]) == (0, 3)
    status, out, _ = run_cli("save", run, "keras", "onnx", "--option", "onnx.opset=15", "--json")
    rows = {row["format"]: row for row in json.loads(out)}
    assert (status, rows["keras"]["verdict"]) == (0, "bit-identical")
    ids = [row["artifact"] for row in rows.values()]
    status, out, _ = run_cli("show", ids[1], "--json")
    assert (status, json.loads(out)["options"]) == (0, {"opset": 15})
    status, out, _ = run_cli("compare", *ids, "--rows", "20", "--json")
    compared = json.loads(out)
    assert (status, [row["rows"] for row in compared]) == (0, [20, 20])
    assert set(compared[0]) >= RESULT_KEYS
    assert run_cli("verify", *ids, run)[0] == 0
    assert run_cli("remove", ids[0])[0] == 0
    status, out, _ = run_cli("list", run, "--json")
    assert [entry["artifact"] for entry in json.loads(out)] == [ids[1]]
    thrown = {entry["artifact"]: entry["format"] for entry in json.loads(run_cli("list", "--trash", "--json")[1])}
    assert thrown[ids[0]] == "keras"
    assert run_cli("restore", ids[0])[0] == 0
    status, out, _ = run_cli("resume", run, *ids, "--epochs", "1", "--json")
    assert (status, [row["ending"] for row in json.loads(out)]) == (0, ["exact", "cannot-train"])
    status, out, _ = run_cli("matrix", run, "--json")
    assert [row["format"] for row in json.loads(out)] == ["keras", "onnx"]
    assert run_cli("matrix", run, "--markdown")[1].startswith("| format | Answers |")
    lines = {line.split()[0]: " ".join(line.split()) for line in run_cli("matrix", run)[1].splitlines()}
    assert lines["keras"] == f"keras {ids[0]} ✓ kept Everything that was tried came back as it was."
    assert f"onnx {ids[1]} ✓ kept Loses optimizer state, compile settings and further training" in lines["onnx"]
    out = run_cli("show", run)[1]
    assert (out.startswith(f"run         {run}\nname        Read a digit"), "{" in out) == (True, False)
    assert f"{ids[1]}  onnx" in out
    out = run_cli("show", ids[1])[1]
    assert ("options       opset 15\n" in out, "\n- cannot be trained: " in out, "{" in out) == (True, True, False)


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
def test_cli_invalid_arguments_print_one_sentence_and_exit_1(run_cli, words: list[str], sentence: str):
    status, out, errors = run_cli(*words)
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
def test_cli_save_invalid_format_option_prints_one_sentence(run_cli, trained, option: str, sentence: str):
    status, _, errors = run_cli("save", trained("digits-mlp"), "onnx", "keras", "--option", option)
    assert (status, errors.startswith(sentence)) == (1, True), errors


def test_cli_save_refused_format_is_reported_and_exits_1(run_cli, trained):
    status, out, errors = run_cli("save", trained("digits-core"), "checkpoint", "h5", "--json")
    assert [row["verdict"] for row in json.loads(out)] == ["bit-identical", None]
    assert status == 1
    assert errors.startswith("h5: Takes Keras models only;")


def test_cli_compare_models_with_different_inputs_is_refused(run_cli, saved):
    ids = [saved(demo, "keras")["artifact"] for demo in ("digits-mlp", "two-in-two-out")]
    status, _, errors = run_cli("compare", *ids)
    assert status == 1
    assert f"{ids[1]}: This model takes 2 inputs" in errors


def test_cli_process_prints_only_one_line_to_stderr_on_error():
    ended = subprocess.run(
        [sys.executable, "-m", "core", "train", "nothing"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("There is no such demo. Received: nothing. Choose from digits-mlp,")
    assert ended.stderr.count("\n") == 1


def test_cli_compare_writes_reports_and_refuses_unknown_extension_early(run_cli, saved, tmp_path):
    id_ = saved("digits-mlp", "keras")["artifact"]
    paths = [tmp_path / f"a.{kind}" for kind in ("html", "json", "csv")]
    request = [word for path in paths for word in ("--report", str(path))]
    status, out, _ = run_cli("compare", id_, "--rows", "20", "--tolerance", "0", "--json", *request)
    (row,) = json.loads(out)
    assert (status, row["passed"]) == (0, True)
    document = json.loads(paths[1].read_text(encoding="utf-8"))
    assert document["artifacts"][id_]["outputs"] == row["outputs"]
    assert document["artifacts"][id_]["tolerance"] == row["tolerance"]
    assert "Bit-identical" in paths[0].read_text(encoding="utf-8")
    assert paths[2].read_text(encoding="utf-8").count("\n") == 2
    status, out, error = run_cli("compare", id_, "--rows", "21", "--report", str(tmp_path / "a.pdf"))
    assert (status, out) == (1, "")
    assert error.startswith("A report is an .html, a .json or a .csv file. Received: a.pdf.")


@pytest.fixture
def float_and_int8(saved) -> tuple[str, str]:
    """The ids of a copy of a digits-mlp run, and of its 8-bit LiteRT copy."""
    return saved("digits-mlp", "keras")["artifact"], saved("digits-mlp", "litert_int8")["artifact"]


def test_cli_compare_tolerance_sets_exit_status(run_cli, float_and_int8):
    status, out, _ = run_cli("compare", *float_and_int8, "--tolerance", "1.0", "--json")
    assert (status, [row["passed"] for row in json.loads(out)]) == (0, [True, True])
    status, out, errors = run_cli("compare", *float_and_int8, "--tolerance", "1e-6", "--json")
    assert (status, [row["passed"] for row in json.loads(out)]) == (1, [True, False])
    sentence = "Out of tolerance: output_0. Allow more with --tolerance, or choose a format that stays closer."
    assert errors.strip() == f"{float_and_int8[1]}: {sentence}"


def test_cli_compare_max_changed_sets_exit_status(run_cli, float_and_int8, jobs):
    status, out, _ = run_cli("compare", float_and_int8[1], "--max-changed", "270", "--json")
    changed = json.loads(out)[0]["changed_rows"]
    assert status == 0
    status, _, errors = run_cli("compare", float_and_int8[1], "--max-changed", str(changed))
    assert (status, errors) == (0, "")
    if changed:
        status, _, errors = run_cli("compare", float_and_int8[1], "--max-changed", str(changed - 1))
        assert (status, errors.strip()) == (
            1,
            f"{float_and_int8[1]}: {changed:,} answers changed; {changed - 1:,} are allowed."
            " Allow more with --max-changed, or choose a format that changes fewer.",
        )


def test_cli_compare_uses_input_file_and_baseline_artifact(run_cli, float_and_int8, tmp_path):
    file = tmp_path / "rows.npy"
    np.save(file, np.linspace(0, 1, 320, dtype="float32").reshape(5, 64))
    status, out, _ = run_cli(
        "compare", float_and_int8[1], "--baseline", float_and_int8[0], "--inputs", str(file), "--json"
    )
    (row,) = json.loads(out)
    assert (status, row["rows"]) == (0, 5)
    assert row["outputs"][0]["max_abs"] == row["max_abs"]


def test_cli_compare_random_rows_repeat_for_same_range_and_seed(run_cli, float_and_int8):
    request = ("compare", float_and_int8[0], "--random", "0,1", "--rows", "40", "--seed", "3", "--json")
    first, second = (json.loads(run_cli(*request)[1]) for _ in range(2))
    assert (first, first[0]["rows"], first[0]["verdict"]) == (second, 40, "bit-identical")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--random", "1"), "The option --random takes LOW,HIGH."),
        (("--random", "0,1", "--inputs", "x.npy"), "One of --inputs, --random and --plane says what to ask."),
        (
            ("--inputs", "x.npy", "--rows", "5"),
            "All rows of a file or plane are asked: --rows, --class and --seed",
        ),
        (("--inputs", "x.npy", "--class", "7"), "All rows of a file or plane are asked"),
        (("--inputs", "x.npy", "--seed", "0"), "All rows of a file or plane are asked"),
        (("--plane", "0,1,2", "--rows", "5"), "All rows of a file or plane are asked"),
        (("--plane", "0,1,2", "--random", "0,1"), "One of --inputs, --random and --plane"),
        (("--plane", "0,one,2"), "A plane goes through three examples."),
        (("--random", "0,1", "--class", "7"), "Random rows have no class."),
        (("--tolerance", "little"), "A tolerance is ATOL or ATOL,RTOL"),
        (("--tolerance", "nothing=1"), "The baseline has no such output."),
        (("--max-changed", "few"), "The option --max-changed takes a whole number."),
    ],
)
def test_cli_compare_conflicting_options_print_one_sentence(run_cli, float_and_int8, options, sentence):
    status, _, errors = run_cli("compare", float_and_int8[0], *options)
    assert status == 1
    assert sentence in errors
