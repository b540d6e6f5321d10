"""The installation of Azurite for the tests: where npm cannot, it says why, and the tests go on without."""

from pathlib import Path

import pytest

from tests import azurite


@pytest.mark.parametrize(
    ("does", "limit", "said"),
    [
        ("echo no such host >&2; exit 1", 300, "no such host\n"),
        ("exec sleep 60", 0.1, "npm did not end within 0.1 seconds.\n"),
    ],
)
def test_npm_that_fails_or_hangs_says_so_and_stops_nothing(
    does: str,
    limit: float,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    npm = tmp_path / "npm"
    npm.write_text(f"#!/bin/sh\n{does}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(azurite, "FOLDER", tmp_path / "azurite")
    monkeypatch.setattr(azurite, "INSTALL_SECONDS", limit)
    azurite.install_azurite()
    assert capfd.readouterr().err == said
    assert azurite.find_azurite() == []
