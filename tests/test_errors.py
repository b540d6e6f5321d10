"""The error tree: as it is drawn, and through JSON."""

import json
import re

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


def drawn() -> list[tuple[int, str]]:
    """(depth, name) of each line of the tree in the docstring."""
    lines = [re.match(r"([│├└─ ]*)(\w+Error|\w+)", line) for line in errors.__doc__.splitlines()]
    start = next(index for index, line in enumerate(lines) if line and line[2] == "RoundtripError")
    tree = lines[start : next(index for index, line in enumerate(lines) if index > start and not line)]
    return [(len(line[1]) // 4, line[2]) for line in tree]


def grown(root: type[RoundtripError], depth: int = 0) -> list[tuple[int, str]]:
    """The same of the classes, in the order of their definition."""
    below = [line for branch in root.__subclasses__() for line in grown(branch, depth + 1)]
    return [(depth, root.__name__), *below]


def every(root: type[RoundtripError] = RoundtripError) -> list[type[RoundtripError]]:
    return [root] + [kind for branch in root.__subclasses__() for kind in every(branch)]


def test_the_tree_in_the_docstring_is_the_tree_of_classes():
    assert drawn() == grown(RoundtripError)
    assert (3, "NeedsArchitecture") in drawn()


def test_every_code_is_of_one_class_only():
    codes = [kind.code for kind in every()]
    assert sorted(set(codes)) == sorted(codes)
    assert NeedsArchitecture.code == "needs-architecture"


@pytest.mark.parametrize("kind", every(), ids=lambda kind: kind.code)
def test_an_error_comes_back_from_json_as_it_was(kind):
    error = kind("It did not work.", received="7", cure="Try 8.", detail="line 1\nline 2 ✗")
    back = error_from_json(json.loads(json.dumps(error.to_json())))
    assert type(back) is kind
    assert back.to_json() == error.to_json()
    assert str(back) == "It did not work. Received: 7. Try 8."


def test_json_has_the_same_keys_whatever_was_given():
    assert InputError("No.").to_json() == {"code": "input", "sentence": "No.", "received": "", "cure": "", "detail": ""}


def test_what_was_received_is_text_even_when_it_is_zero_or_empty():
    assert InputError("No.", received=0).received == "0"
    assert InputError("No.", received=[]).received == "[]"


def test_the_detail_is_never_part_of_the_sentence():
    error = Damaged("The file is cut.", cure="Save it again.", detail="Traceback (most recent call last)")
    assert str(error) == "The file is cut. Save it again."


def test_an_unknown_code_becomes_a_plain_error_with_its_sentence():
    error = error_from_json({"code": "from-the-future", "sentence": "Later."})
    assert (type(error), error.sentence) == (RoundtripError, "Later.")


def test_a_rule_belongs_to_a_refusal_and_is_passed_over_elsewhere():
    for code, kind in (("input:rule", InputError), ("worker:a:b", WorkerError), ("nowhere:rule", RoundtripError)):
        error = error_from_json({"code": code, "sentence": "It failed."})
        assert (type(error), error.sentence) == (kind, "It failed.")
    assert error_from_json({"code": "refused:zip-link", "sentence": "A link."}).code == "refused:zip-link"


def test_an_empty_record_still_says_something():
    assert error_from_json({}).sentence == "Something went wrong."


def test_a_narrower_error_is_caught_as_the_wider_one():
    assert issubclass(NeedsArchitecture, DoesNotLoad)
    assert issubclass(UnknownName, InputError)
