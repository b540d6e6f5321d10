"""What CI runs once more: a few tests that failed in a run that came to its end, and nothing else."""

import json

import pytest

from tests.last_run import EXIT_STATUS, MOST_FAILED, may_repeat

pytest_plugins = ["pytester"]


def test_run_with_one_failure_may_be_repeated(pytester: pytest.Pytester):
    pytester.makeconftest("from tests.counters import pytest_sessionfinish")
    pytester.makepyfile("def test_a():\n    assert False\n\ndef test_b():\n    pass")
    assert not may_repeat(pytester.path / ".pytest_cache/v")
    pytester.runpytest_inprocess("-p", "no:timeout").assert_outcomes(passed=1, failed=1)
    assert may_repeat(pytester.path / ".pytest_cache/v")


@pytest.mark.parametrize(
    ("status", "failed", "expected"),
    [(1, 1, True), (1, MOST_FAILED, True), (1, MOST_FAILED + 1, False), (1, 0, False), (3, 1, False), (2, 1, False)],
)
def test_run_that_broke_or_failed_widely_is_not_repeated(tmp_path, status: int, failed: int, expected: bool):
    for name, value in ((EXIT_STATUS, status), ("cache/lastfailed", dict.fromkeys(map(str, range(failed)), True))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(value))
    assert may_repeat(tmp_path) is expected
