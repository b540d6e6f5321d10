"""The server: Streamlit's app, our routes beside it, and a worker that warms up with it.

Start it with `streamlit run app.py`. The pages begin in `ui/main.py`, not here: a folder `pages/` beside the script
that Streamlit runs would switch on its old page discovery.
"""

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st

from core.errors import RoundtripError
from core.library import Library
from ui.auth import people_sign_in
from ui.routes import MIDDLEWARE, ROUTES

HERE = Path(__file__).resolve().parent
DAY = 86_400  # seconds
FIRST_PAGE_FIRST = 2.0  # seconds in which the first visitor's page has the processor; a job does not wait for them


async def empty_old_trash():
    """Once now and then daily, delete for good what has lain in the trash for the days of the settings."""
    from ui.library.trash import empty_old
    from ui.session import server_jobs

    while True:
        await asyncio.sleep(FIRST_PAGE_FIRST)
        await asyncio.to_thread(empty_old, server_jobs())
        await asyncio.sleep(DAY)


@asynccontextmanager
async def lifespan(app):
    from ui.frame import prepare
    from ui.session import server_jobs

    prepare()
    emptying = asyncio.create_task(empty_old_trash())
    warming = asyncio.get_running_loop().call_later(
        FIRST_PAGE_FIRST, lambda: server_jobs().worker.start(then_test=True)
    )
    yield
    warming.cancel()
    emptying.cancel()
    server_jobs().worker.close()


def require_a_library() -> None:
    """Open the library before the server does: what is wrong with a setting or a disk is one sentence, and the end. So
    is it where nobody can tell whether people sign in."""
    try:
        Library()
        people_sign_in()
    except RoundtripError as error:
        sys.exit(str(error))


def say_sorry(error: Exception) -> bool:
    """Show a plain sentence for what no page foresaw; the traceback goes to the server's log only."""
    from ui.frame import log_unforeseen

    log_unforeseen(error)
    return True


require_a_library()
app = st.App(
    HERE / "ui" / "main.py", routes=ROUTES, middleware=MIDDLEWARE, lifespan=lifespan, on_script_error=say_sorry
)
