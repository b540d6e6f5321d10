"""The command line over an empty library of the test's own."""

import pytest
from typer.testing import CliRunner

from core import __main__ as command_line
from core.errors import RoundtripError


@pytest.fixture
def say_over(monkeypatch: pytest.MonkeyPatch, empty_library):
    """The library, and a function that runs a command over it; gives (status, output, errors)."""
    monkeypatch.setattr("core.terminal.Library", lambda: empty_library)

    def run(*words: str) -> tuple[int, str, str]:
        ended = CliRunner().invoke(command_line.app, list(words))
        if isinstance(ended.exception, RoundtripError):
            return 1, ended.stdout, str(ended.exception)
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
        return ended.exit_code, ended.stdout, ended.stderr

    return empty_library, run
