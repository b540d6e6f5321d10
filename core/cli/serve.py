"""Command that starts the web server: serve."""

import os
import sys
from typing import Annotated

import typer

from core.context import open_job_store
from core.errors import InputError
from core.object_store.team_library import open_library
from core.settings import PROJECT, get_settings

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
    open_job_store(open_library().home, get_settings())  # what does not answer is said before anything is started
    options = [f"--server.port={port}", *([f"--server.address={address}"] if address else [])]
    os.chdir(PROJECT)  # where Streamlit looks for its settings
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", str(script), *options])
