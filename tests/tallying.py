"""What tests count as they go: `make test-trust` prints the figures at its end, summed over all of its processes."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

COUNTS = pytest.StashKey[Counter]()
SENT = "tally"


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Callable[..., None]:
    """A function that counts: `tally(kind, n=1)`. Call it after the assertion that makes it count."""

    def count(kind: str, n: int = 1) -> None:
        counts(request.config)[kind] += n

    return count


def counts(config: pytest.Config) -> Counter:
    return config.stash.setdefault(COUNTS, Counter())


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # one of several processes: tell the one that prints
        session.config.workeroutput[SENT] = dict(counts(session.config))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    counts(node.config).update(getattr(node, "workeroutput", {}).get(SENT, {}))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if found := counts(config):
        terminalreporter.section("counted")
        for kind, number in sorted(found.items()):
            terminalreporter.write_line(f"{number:>9,}  {kind}")
