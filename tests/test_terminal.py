"""What is printed does to a terminal what we mean, whatever a file or a person has written into it."""

import json

import pytest
import typer

from core.cli.console import exit_on_failures, print_result, print_text
from core.cli.inspect import _print_signatures

HOSTILE = "a\x1b]0;owned\x07b\x9b2Jc\rd\u202ee\ud800\x00"
SHOWN = "a\ufffd]0;owned\ufffdb\ufffd2Jc\ufffdd\ufffde?\ufffd"


def test_what_would_steer_a_terminal_is_shown_as_a_sign_and_lines_stay_lines(capsys):
    print_text(f"{HOSTILE}\n\tnext", to_stderr=True)
    print_text("Grüße, 数字 ✓")
    out, err = capsys.readouterr()
    assert (out, err) == ("Grüße, 数字 ✓\n", f"{SHOWN}\n\tnext\n")


def test_a_cell_of_a_table_is_one_line_in_step_with_its_column(capsys):
    print_result([{"name": HOSTILE, "more": 1}, {"name": "two\nlines", "more": 0.5}], False, ("name", "more"))
    assert capsys.readouterr().out.splitlines() == [
        f"{'name':<{len(SHOWN)}}  more",
        f"{SHOWN}  1",
        "two\ufffdlines".ljust(len(SHOWN)) + "  0.5",
    ]


def test_json_holds_every_character_and_steers_nothing(capsys):
    print_result({"name": HOSTILE}, True)
    out = capsys.readouterr().out
    assert json.loads(out) == {"name": HOSTILE}
    assert out.isascii()
    assert "\x1b" not in out


def test_names_in_a_file_and_errors_steer_no_terminal(capsys):
    port = {"name": HOSTILE, "dtype": HOSTILE, "shape": [None, 4], "tensor": HOSTILE}
    signature = {"name": HOSTILE, "method": HOSTILE, "inputs": [port], "outputs": [port]}
    _print_signatures({"facts": {HOSTILE: HOSTILE}, "signatures": [signature], "functions": []})
    with pytest.raises(typer.Exit):
        exit_on_failures([("keras", {"code": "input", "sentence": HOSTILE})])
    said = capsys.readouterr()
    assert said.out.count(SHOWN) == 10
    assert SHOWN in said.err
    assert all(one.isprintable() or one == "\n" for one in said.out + said.err)
