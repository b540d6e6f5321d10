"""The command that starts a web server, up to where Streamlit takes over."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.cli import serve
from core.library import Library
from core.settings import Settings


@pytest.fixture
def serve_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """A function that starts a server in a folder, with settings; returns those that Streamlit's process reads."""

    def start(**variables: str) -> Settings:
        read: list[Settings] = []
        monkeypatch.chdir(tmp_path)
        for name, value in variables.items():
            monkeypatch.setenv(f"ROUNDTRIP_{name.upper()}", value)
        monkeypatch.setattr("core.cli.serve.get_settings", Settings)
        for module in ("core.object_store.team_library", "core.library.base"):
            monkeypatch.setattr(f"{module}.get_settings", Settings)
        monkeypatch.setattr(os, "execv", lambda *_: read.append(Settings()))
        serve.serve()
        assert Path().absolute() == serve.PROJECT
        return read[0]

    return start


def test_server_serves_the_library_that_its_folder_means(serve_from, tmp_path: Path):
    read = serve_from(home="library", environments="built")
    assert (read.home, read.environments_folder) == (tmp_path / "library", tmp_path / "built")
    assert (tmp_path / "library").is_dir()


@pytest.mark.parametrize("name", ["catalog.sqlite", "a folder/catalog.sqlite"])
def test_server_has_the_catalog_that_its_folder_means(serve_from, tmp_path: Path, name: str):
    (tmp_path / "a folder").mkdir()
    read = serve_from(home="library", database_url=f"sqlite:///{name}")
    assert read.database_url == f"sqlite:///{tmp_path}/{name}"
    assert (tmp_path / name).is_file()
    assert Library(read.home, read.database_url).catalog_backend() == "sqlite"


@pytest.mark.parametrize("url", ["", "sqlite://", "sqlite:///:memory:", "sqlite:////srv/catalog.sqlite"])
def test_address_that_names_no_file_from_here_stays(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ROUNDTRIP_DATABASE_URL", url)
    serve._keep_paths()
    assert os.environ["ROUNDTRIP_DATABASE_URL"] == url
