"""What tests count as they go: `make test-trust` prints the figures at its end, summed over all of its processes."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.last_run import EXIT_STATUS

COUNTER_KEY = pytest.StashKey[Counter]()
WORKER_OUTPUT_KEY = "tally"


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Callable[..., None]:
    """A function that counts: `tally(kind, n=1)`. Call it after the assertion that makes it count."""

    def count(kind: str, n: int = 1) -> None:
        get_counter(request.config)[kind] += n

    return count


def get_counter(config: pytest.Config) -> Counter:
    return config.stash.setdefault(COUNTER_KEY, Counter())


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if hasattr(session.config, "workeroutput"):  # one of several processes: tell the one that prints
        session.config.workeroutput[WORKER_OUTPUT_KEY] = dict(get_counter(session.config))
    elif getattr(session.config, "cache", None):  # None without its plugin
        session.config.cache.set(EXIT_STATUS, int(exitstatus))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    get_counter(node.config).update(getattr(node, "workeroutput", {}).get(WORKER_OUTPUT_KEY, {}))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if result := get_counter(config):
        terminalreporter.section("counted")
        for kind, number in sorted(result.items()):
            terminalreporter.write_line(f"{number:>9,}  {kind}")
