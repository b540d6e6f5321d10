"""The error tree: as it is drawn, and through JSON."""

import ast
import json
import re
from collections.abc import Iterator

import pytest

from core import errors
from core.errors import (
    Damaged,
    DoesNotLoad,
    InputError,
    NeedsArchitecture,
    RoundtripError,
    UnknownName,
    WorkerError,
    error_from_json,
)
from core.settings import PROJECT


def read_docstring_tree() -> list[tuple[int, str]]:
    """(depth, name) of each line of the tree in the docstring."""
    lines = [re.match(r"([│├└─ ]*)(\w+Error|\w+)", line) for line in errors.__doc__.splitlines()]
    start = next(index for index, line in enumerate(lines) if line and line[2] == "RoundtripError")
    tree = lines[start : next(index for index, line in enumerate(lines) if index > start and not line)]
    return [(len(line[1]) // 4, line[2]) for line in tree]


def read_class_tree(root: type[RoundtripError], depth: int = 0) -> list[tuple[int, str]]:
    """The same of the classes, in the order of their definition."""
    below = [line for branch in root.__subclasses__() for line in read_class_tree(branch, depth + 1)]
    return [(depth, root.__name__), *below]


def list_subclasses(root: type[RoundtripError] = RoundtripError) -> list[type[RoundtripError]]:
    return [root] + [kind for branch in root.__subclasses__() for kind in list_subclasses(branch)]


def list_errors_without_cure(source: str) -> Iterator[int]:
    """The lines that make an InputError and do not say what to do next; `**` may hold it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "InputError":
            cures = [keyword.value for keyword in node.keywords if keyword.arg in ("cure", None)]
            if not cures or any(isinstance(cure, ast.Constant) and not cure.value for cure in cures):
                yield node.lineno


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ('raise InputError("No.")', [1]),
        ('raise errors.InputError("No.", received=3, cure="")', [1]),
        ('raise InputError("No.", cure="Give another.")', []),
        ('raise InputError("No.", cure=cure)', []),
    ],
)
def test_error_without_cure_is_noticed(source, lines):
    assert list(list_errors_without_cure(source)) == lines


def test_every_input_error_says_what_to_do_next():
    sources = {path: path.read_text(encoding="utf-8") for path in sorted((PROJECT / "core").rglob("*.py"))}
    assert sum("InputError(" in source for source in sources.values()) > 40
    missing = [f"{path}:{line}" for path, source in sources.items() for line in list_errors_without_cure(source)]
    assert missing == []


def test_error_tree_in_docstring_matches_the_classes():
    assert read_docstring_tree() == read_class_tree(RoundtripError)
    assert (3, "NeedsArchitecture") in read_docstring_tree()


def test_error_codes_are_unique():
    codes = [kind.code for kind in list_subclasses()]
    assert sorted(set(codes)) == sorted(codes)
    assert NeedsArchitecture.code == "needs-architecture"


@pytest.mark.parametrize("kind", list_subclasses(), ids=lambda kind: kind.code)
def test_error_json_round_trip_preserves_class_and_fields(kind):
    error = kind("It did not work.", received="7", cure="Try 8.", detail="line 1\nline 2 ✗")
    back = error_from_json(json.loads(json.dumps(error.to_json())))
    assert type(back) is kind
    assert back.to_json() == error.to_json()
    assert str(back) == "It did not work. Received: 7. Try 8."


def test_error_json_always_has_the_same_keys():
    assert InputError("No.").to_json() == {"code": "input", "sentence": "No.", "received": "", "cure": "", "detail": ""}


def test_error_received_value_is_text_even_when_falsy():
    assert InputError("No.", received=0).received == "0"
    assert InputError("No.", received=[]).received == "[]"


def test_error_message_excludes_detail():
    error = Damaged("The file is cut.", cure="Save it again.", detail="Traceback (most recent call last)")
    assert str(error) == "The file is cut. Save it again."


def test_error_from_json_unknown_code_gives_base_class():
    error = error_from_json({"code": "from-the-future", "sentence": "Later."})
    assert (type(error), error.sentence) == (RoundtripError, "Later.")


def test_error_from_json_ignores_rule_of_other_classes():
    for code, kind in (("input:rule", InputError), ("worker:a:b", WorkerError), ("nowhere:rule", RoundtripError)):
        error = error_from_json({"code": code, "sentence": "It failed."})
        assert (type(error), error.sentence) == (kind, "It failed.")
    assert error_from_json({"code": "refused:zip-link", "sentence": "A link."}).code == "refused:zip-link"


def test_error_from_json_empty_record_has_default_sentence():
    assert error_from_json({}).sentence == "Something went wrong."


def test_error_subclasses_are_caught_as_their_parents():
    assert issubclass(NeedsArchitecture, DoesNotLoad)
    assert issubclass(UnknownName, InputError)
