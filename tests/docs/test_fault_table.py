"""The table of faults in the documentation names tests that there are."""

import re
from pathlib import Path

from core.settings import PROJECT

TESTS = Path(__file__).parents[1]


def test_each_row_of_the_table_of_faults_names_a_test():
    text = (PROJECT / "docs" / "deployment.md").read_text(encoding="utf-8")
    section = text.partition("## When something fails")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    defined = {
        name for path in TESTS.glob("**/test_*.py") for name in re.findall(r"^def (test_\w+)\(", path.read_text(), re.M)
    }
    assert len(rows) > 15
    for row in rows:
        named = set(re.findall(r"`(test_\w+)`", row))
        assert named, row
        assert named <= defined, row
