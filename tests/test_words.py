"""Words on pages, in messages and in documents: the field's own; those that were replaced do not come back."""

import ast
import re
from collections.abc import Iterator

import pytest

from core.settings import PROJECT

REPLACED = {
    "held-out rows?": "test examples",
    "carr(y|ies|ied|ying) on": "resume training",
    "walk(ed)? the layers": "compare layers",
    "all against all": "every pair",
    "same to rounding": "same answers (rounding only)",
    "(layer|class) of our own": "custom layer",
    "finding by finding": "property by property",
    "(hold|held|holds) against": "compare with",
    "bring (it )?in": "import",
    "strangers?": "untrusted",
    "lost the thread": "could not continue",
    "confusions": "confusion matrix",
}
PATTERN = re.compile(rf"\b({'|'.join(REPLACED)})\b", re.IGNORECASE)
SOURCES = sorted(path for folder in ("core", "pages", "ui") for path in (PROJECT / folder).rglob("*.py"))
TESTS = sorted((PROJECT / "tests").rglob("test_*.py"))
MAX_NAME_LENGTH = 70  # of a test
DOCUMENTS = [*sorted((PROJECT / "docs").glob("*.md")), PROJECT / "README.md", PROJECT / "SECURITY.md"]


def list_texts(tree: ast.Module) -> Iterator[str]:
    """The strings of a module that are no docstrings."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, owners) and _begins_with(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def _begins_with(node) -> bool:
    return bool(node.body) and isinstance(node.body[0], ast.Expr)


def test_list_texts_leaves_out_docstrings():
    tree = ast.parse('"""Carry on."""\ndef f():\n    """Carry on."""\n    return f"never {1} carry on"\n')
    assert list(list_texts(tree)) == ["never ", " carry on"]


@pytest.mark.parametrize("text", ["All against all", "It carries on.", "12 held-out rows", "a layer of our own"])
def test_pattern_finds_replaced_words(text: str):
    assert PATTERN.search(text)


def test_replaced_words_are_in_no_text_of_the_program():
    texts = ((path.name, text) for path in SOURCES for text in list_texts(ast.parse(path.read_text(encoding="utf-8"))))
    assert [(name, match[0]) for name, text in texts if (match := PATTERN.search(text))] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_replaced_words_are_in_no_document(document):
    assert PATTERN.findall(document.read_text(encoding="utf-8")) == []


def test_names_of_tests_are_no_longer_than_is_agreed():
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in TESTS}
    functions = [
        (path.name, node.name)
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    assert len(functions) > 1_000
    assert [each for each in functions if len(each[1]) > MAX_NAME_LENGTH] == []
