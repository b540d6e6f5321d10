"""Command that starts the web server: serve."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.engine import make_url

from core.context import open_job_store
from core.errors import InputError
from core.library.job_store import JobStore
from core.object_store.team_library import open_library
from core.settings import PROJECT, Settings, get_settings

COOKIE_SECRET = "STREAMLIT_SERVER_COOKIE_SECRET"
FOLDERS = {f"ROUNDTRIP_{name.upper()}" for name, field in Settings.model_fields.items() if field.annotation is Path}

app = typer.Typer(rich_markup_mode=None)


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where it listens.")] = 8501,
    address: Annotated[str, typer.Option(help="On which address; without one only this machine reaches it.")] = "",
) -> None:
    """Start a web server; of a team's any number, behind one address. It ends with Ctrl-C."""
    script = PROJECT / "app.py"
    if not script.is_file():
        raise InputError(
            "The pages are not installed here.", received=script, cure="Start it from a checkout of Roundtrip."
        )
    _share_secret(open_job_store(open_library().home, get_settings()))  # what does not answer is said before all else
    options = [f"--server.port={port}", *([f"--server.address={address}"] if address else [])]
    _keep_paths()
    os.chdir(PROJECT)  # where Streamlit looks for its settings
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", str(script), *options])


def _keep_paths() -> None:
    """Have settings that name folders, or a file of SQLite, from here name the same ones from anywhere."""
    for variable, value in os.environ.items():
        if variable.upper() in FOLDERS and value:
            os.environ[variable] = str(Path(value).expanduser().absolute())
        elif variable.upper() == "ROUNDTRIP_DATABASE_URL" and value:
            os.environ[variable] = _make_absolute(value)


def _make_absolute(text: str) -> str:
    """The same address of a database from any folder; what is in memory, or a URI of SQLite's own, stays what it is."""
    url = make_url(text)
    is_file = url.get_backend_name() == "sqlite" and url.database and not url.database.startswith((":memory:", "file:"))
    if not is_file:
        return text
    path = Path(url.database or "").absolute().as_posix()
    return url.set(database=path).render_as_string(hide_password=False)


def _share_secret(job_store: JobStore) -> None:
    """Have this server sign as all others of a team do, so that a person may come to any of them."""
    if get_settings().is_team and not os.environ.get(COOKIE_SECRET):
        from core.queue import (
            DatabaseJobStore,
            read_cookie_secret,
        )  # which an installation on one machine need not import

        assert isinstance(job_store, DatabaseJobStore)
        os.environ[COOKIE_SECRET] = read_cookie_secret(job_store.database)
