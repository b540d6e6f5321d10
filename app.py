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
from core.object_store.team_library import open_library
from core.settings import get_settings
from core.system import send_small_messages_at_once
from core.telemetry import set_up_logging
from ui.auth import is_sign_in_required
from ui.routes import MIDDLEWARE, ROUTES

HERE = Path(__file__).resolve().parent
DAY = 86_400  # seconds
STARTUP_DELAY = 2.0  # seconds without background work, for the first visitor's page; jobs do not wait for them


async def delete_expired_daily():
    """Delete what has expired (trash, uploads, contents of a team's store), shortly after the start, then daily."""
    from core.jobs.maintenance import delete_expired
    from ui.session import server_jobs

    while True:
        await asyncio.sleep(STARTUP_DELAY)
        await asyncio.to_thread(delete_expired, server_jobs())
        await asyncio.sleep(DAY)


@asynccontextmanager
async def lifespan(app):
    """Start the background work of the server, and stop it with the worker when the server ends."""
    from ui.page_runner import preload_first_page
    from ui.session import server_jobs, server_metrics

    set_up_logging(get_settings().log_format)
    if get_settings().metrics:
        server_metrics()
    send_small_messages_at_once()
    preload_first_page()
    expiry_task = asyncio.create_task(delete_expired_daily())
    loop = asyncio.get_running_loop()
    warmup_timer = loop.call_later(STARTUP_DELAY, lambda: server_jobs().worker.start(then_check=True))
    yield
    warmup_timer.cancel()
    expiry_task.cancel()
    server_jobs().worker.close()


def check_startup() -> None:
    """Open the library and read whether people sign in; exit with one sentence where a setting or the disk fails."""
    try:
        open_library()
        is_sign_in_required()
    except RoundtripError as error:
        sys.exit(str(error))


def handle_script_error(error: Exception) -> bool:
    """Show a plain sentence for an unexpected error; its traceback goes to the server's log only."""
    from ui.page_runner import show_unexpected_error

    show_unexpected_error(error)
    return True


check_startup()
app = st.App(
    HERE / "ui" / "main.py",
    routes=ROUTES,
    middleware=MIDDLEWARE,
    lifespan=lifespan,
    on_script_error=handle_script_error,
)
