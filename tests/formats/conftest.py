"""Here every demo is saved in every format, so all are saved at once, side by side."""

import pytest


@pytest.fixture(scope="session")
def saved(saved_all):
    """A function that gives the row of a demo saved in a format."""
    return lambda demo, format_key: saved_all(demo)[format_key]
