"""The server: Streamlit's app, our routes beside it, and a worker that warms up with it.

Start it with `streamlit run app.py`. The pages begin in `ui/main.py`, not here: a folder `pages/` beside the script
that Streamlit runs would switch on its old page discovery.
"""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st

from ui.routes import MIDDLEWARE, ROUTES

HERE = Path(__file__).resolve().parent
FIRST_PAGE_FIRST = 2.0  # seconds in which the first visitor's page has the processor; a job does not wait for them


@asynccontextmanager
async def lifespan(app):
    from ui.frame import prepare
    from ui.state import office

    prepare()
    warming = asyncio.get_running_loop().call_later(FIRST_PAGE_FIRST, lambda: office().worker.start(then_test=True))
    yield
    warming.cancel()
    office().worker.close()


def say_sorry(error: Exception) -> bool:
    """Show a plain sentence for what no page foresaw; the traceback goes to the server's log only."""
    from ui.frame import log_unforeseen

    log_unforeseen(error)
    return True


app = st.App(
    HERE / "ui" / "main.py", routes=ROUTES, middleware=MIDDLEWARE, lifespan=lifespan, on_script_error=say_sorry
)
