"""The page of facts: each names a test or a script that is there, and no script is left out."""

import re

from core.settings import PROJECT

PAGE = (PROJECT / "docs" / "facts.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if re.match(r"\| (?!a good guess|what happens)", line)]
PROOFS = [re.search(r"`((?:tests|findings)/[^`]+)` \|$", row) for row in ROWS]


def test_facts_are_each_held_by_a_test_or_script_that_exists():
    assert [row for row, proof in zip(ROWS, PROOFS, strict=True) if proof is None] == []
    for path, _, test in (proof.group(1).partition("::") for proof in PROOFS if proof):
        assert (PROJECT / path).is_file(), path
        assert not test or f"def {test}(" in (PROJECT / path).read_text(encoding="utf-8"), test


def test_facts_name_every_script_with_the_day_it_was_seen():
    scripts = {path.relative_to(PROJECT).as_posix(): path for path in (PROJECT / "findings").glob("*.sh")}
    named = {proof.group(1): row for row, proof in zip(ROWS, PROOFS, strict=True) if proof and "::" not in row}
    assert scripts.keys() == {name for name in named if name.startswith("findings/")}
    for name, path in scripts.items():
        (day,) = re.findall(r"\d{4}-\d\d-\d\d", named[name])
        assert f"Seen on {day}" in path.read_text(encoding="utf-8"), name
