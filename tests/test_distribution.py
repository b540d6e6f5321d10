"""What every run draws, and which process of pytest-xdist runs what."""

import re
from pathlib import Path

import pytest

from tests.distribution import LONGEST_FIRST, TESTS, find_scope, rank_file
from tests.parameter_pairs import DRAWN, is_drawn


@pytest.mark.parametrize("name", DRAWN)
def test_drawn_files_and_tests_exist(name: str):
    path, _, test = name.partition("::")
    assert f"def {test or 'test_'}" in (TESTS / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", LONGEST_FIRST)
def test_longest_files_exist_and_come_before_others(name: str):
    assert (TESTS / name).exists()
    assert rank_file(TESTS / name) < rank_file(Path(__file__))


@pytest.mark.parametrize("parts", [1, 2, 3, 10])
def test_each_test_is_drawn_by_one_seed_of_as_many_as_parts(parts: int, monkeypatch: pytest.MonkeyPatch):
    drawn = []
    for seed in range(parts):
        monkeypatch.setattr("tests.parameter_pairs.SEED", seed)
        drawn += [at for at in range(20) if is_drawn(at, parts)]
    assert sorted(drawn) == list(range(20))


def test_find_scope_keeps_files_whole_and_browser_tests_together():
    assert find_scope("tests/ui/test_terms.py::test_a[b::c]") == "tests/ui/test_terms.py"
    assert len({find_scope(f"tests/browser/test_browser_{name}.py::test") for name in ("tour", "pages")}) == 1


def test_no_test_starts_an_event_loop_where_the_browser_runs_its_own():
    own = {TESTS / "factories" / "event_loops.py", Path(__file__)}
    starts = [
        path for path in TESTS.rglob("*.py") if path not in own and "asyncio.run(" in path.read_text(encoding="utf-8")
    ]
    assert starts == []


def test_no_browser_test_adds_a_listener_that_stays_on_its_page():
    own = TESTS / "browser" / "page_helpers.py"  # `listen`, whose listeners go when the pool has the page back
    adds = re.compile(r"\bpage\.(on|once)\(")
    assert [path.name for path in own.parent.glob("*.py") if path != own and adds.search(path.read_text("utf-8"))] == []
