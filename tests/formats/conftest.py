"""Here every demo is saved in every format, so all are saved at once, side by side."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def saved(saved_all):
    """A function that gives the row of a demo saved in a format."""
    return lambda demo, format_key: saved_all(demo)[format_key]


# Demos whose copies are saved and reloaded in the long run only: what each format does with them is of a kind with
# what it does with the others, and all eleven take longer than every change can wait for.
LONG_DEMOS = {"digits-denoiser", "digits-mixed", "digits-subclassed", "stocks-lstm"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        if item.path.parent == HERE and params.get("demo") in LONG_DEMOS:
            item.add_marker(pytest.mark.long)
