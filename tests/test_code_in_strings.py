"""Code that stands in strings, for processes of its own: what it imports is there, though no linter reads it."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from core.settings import PROJECT

FOLDERS = ("benchmarks", "tests")
IMPORT_PATTERN = re.compile(r"^\s*(from (?:core|ui|tests|benchmarks)[\w.]* import [\w, ]+)$", re.MULTILINE)


class ImportInString(NamedTuple):
    where: str
    module: str
    name: str


def list_imports_in_strings(path: Path) -> Iterator[ImportInString]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for line in IMPORT_PATTERN.findall(node.value):
                (statement,) = ast.parse(line).body
                for name in statement.names:
                    yield ImportInString(f"{path.name}:{node.lineno}", statement.module, name.name)


SOURCES = [path for folder in FOLDERS for path in sorted((PROJECT / folder).rglob("*.py"))]
IMPORTS = [item for path in SOURCES for item in list_imports_in_strings(path)]


def test_strings_of_benchmarks_and_tests_import_something():
    assert {"conversions.py", "test_quiet.py"} <= {item.where.partition(":")[0] for item in IMPORTS}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # modules that stand in for others say so
@pytest.mark.parametrize("item", IMPORTS, ids=lambda item: f"{item.where}-{item.name}")
def test_code_in_strings_imports_what_there_is(item: ImportInString):
    has_name = hasattr(import_module(item.module), item.name)
    assert has_name or find_spec(f"{item.module}.{item.name}")
