"""The command line over an empty library of the test's own."""

import pytest

from tests.helpers import run_command


@pytest.fixture
def library_cli(monkeypatch: pytest.MonkeyPatch, empty_library):
    """The library, and a function that runs a command over it; gives (status, output, errors)."""
    monkeypatch.setattr("core.cli.console.Library", lambda: empty_library)
    return empty_library, run_command
