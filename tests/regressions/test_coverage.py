"""Every one of the thirty pains has a test that is named after it."""

import ast
import re
from pathlib import Path

REGRESSION_IDS = [f"p{number:02}" for number in range(1, 31)]


def collect_regression_ids() -> list[str]:
    """The pain of every test function in this folder, as its name says it."""
    sources = [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("test_*.py"))]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    names = [node.name for node in nodes if isinstance(node, ast.FunctionDef)]
    return [match[1] for name in names if (match := re.match(r"test_(p\d\d)_", name))]


def test_every_regression_id_has_a_test():
    assert sorted(set(collect_regression_ids())) == REGRESSION_IDS
