"""What is printed does to a terminal what we mean, whatever a file or a person has written into it."""

import json

import pytest
import typer

from core.cli.console import exit_on_failures, parse_id, print_result, print_text
from core.cli.inspect import _print_signatures
from core.errors import InputError

HOSTILE = "a\x1b]0;owned\x07b\x9b2Jc\rd\u202ee\ud800\x00"
SANITIZED = "a\ufffd]0;owned\ufffdb\ufffd2Jc\ufffdd\ufffde?\ufffd"


def test_console_escapes_control_characters_and_keeps_lines(capsys):
    print_text(f"{HOSTILE}\n\tnext", to_stderr=True)
    print_text("Grüße, 数字 ✓")
    out, err = capsys.readouterr()
    assert (out, err) == ("Grüße, 数字 ✓\n", f"{SANITIZED}\n\tnext\n")


def test_console_table_cell_is_one_aligned_line(capsys):
    print_result([{"name": HOSTILE, "more": 1}, {"name": "two\nlines", "more": 0.5}], False, ("name", "more"))
    assert capsys.readouterr().out.splitlines() == [
        f"{'name':<{len(SANITIZED)}}  more",
        f"{SANITIZED}  1",
        "two\ufffdlines".ljust(len(SANITIZED)) + "  0.5",
    ]


def test_console_json_is_ascii_and_keeps_every_character(capsys):
    print_result({"name": HOSTILE}, True)
    out = capsys.readouterr().out
    assert json.loads(out) == {"name": HOSTILE}
    assert out.isascii()
    assert "\x1b" not in out


def test_console_escapes_file_names_and_errors(capsys):
    port = {"name": HOSTILE, "dtype": HOSTILE, "shape": [None, 4], "tensor": HOSTILE}
    signature = {"name": HOSTILE, "method": HOSTILE, "inputs": [port], "outputs": [port]}
    _print_signatures({"facts": {HOSTILE: HOSTILE}, "signatures": [signature], "functions": []})
    with pytest.raises(typer.Exit):
        exit_on_failures([("keras", {"code": "input", "sentence": HOSTILE})])
    text = capsys.readouterr()
    assert text.out.count(SANITIZED) == 10
    assert SANITIZED in text.err
    assert all(item.isprintable() or item == "\n" for item in text.out + text.err)


def test_copy_at_a_place_is_for_compare_alone():
    with pytest.raises(InputError, match="for `compare` alone") as raised:
        parse_id("a0123456789@tract")
    assert raised.value.received == "a0123456789@tract"
