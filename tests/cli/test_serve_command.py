"""The command that starts a web server, up to where Streamlit takes over."""

import os
from pathlib import Path

import pytest

from core.cli import serve
from core.settings import Settings


def test_server_serves_the_library_that_its_folder_means(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folders: list[Path] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROUNDTRIP_HOME", "library")
    monkeypatch.setenv("ROUNDTRIP_ENVIRONMENTS", "built")
    monkeypatch.setattr("core.cli.serve.get_settings", Settings)
    monkeypatch.setattr("core.object_store.team_library.get_settings", Settings)

    def take_over(*_: object) -> None:
        read = Settings()
        folders.extend(path.absolute() for path in (Path(), read.home, read.environments_folder))

    monkeypatch.setattr(os, "execv", take_over)
    serve.serve()
    assert folders == [serve.PROJECT, tmp_path / "library", tmp_path / "built"]
    assert (tmp_path / "library").is_dir()
