"""The frame around every page: the navigation, and the errors shown once."""

import logging
import sys
from base64 import b64encode
from pathlib import Path

import streamlit as st

from core.errors import RoundtripError, SignedOut
from ui.auth import current_user, is_sign_in_required
from ui.components import show_error
from ui.navigation import PAGES, get_page
from ui.query_params import resolve_aliases
from ui.sign_in import require_sign_in, show_sign_in

HERE = Path(__file__).resolve().parent

log = logging.getLogger("roundtrip")


def run_page() -> None:
    """Draw the frame and the page in it; what core refuses is shown in its place, in words."""
    inside = not is_sign_in_required() or current_user() is not None
    st.set_page_config(page_title="Roundtrip", page_icon=_page_icon(inside), layout="wide")
    chosen = st.navigation([get_page(key) for key in PAGES], position="top" if inside else "hidden")
    require_sign_in()
    try:
        resolve_aliases()
        chosen.run()
    except RoundtripError as error:
        show_error(error)


def _page_icon(is_signed_in: bool) -> str:
    """The page's icon: a file of the session; for whoever has not signed in, who gets none, the picture itself."""
    path = HERE / "icon.png"
    return str(path) if is_signed_in else f"data:image/png;base64,{b64encode(path.read_bytes()).decode()}"


def preload_first_page() -> None:
    """Import what the first page needs before the first visitor waits for it."""
    from PIL import Image

    import ui.home  # noqa: F401

    Image.preinit()  # Streamlit opens the page's icon with it


def show_unexpected_error(error: Exception) -> None:
    """Show one plain sentence for a mistake of ours, and keep its traceback in the server's log. Whose sign-in ended
    while they clicked is asked for it."""
    if isinstance(error, SignedOut):
        show_sign_in()
        return
    log.error("A page failed", exc_info=(type(error), error, sys.exc_info()[2] or error.__traceback__))
    st.error(
        "Something went wrong on our side. Reload the page; if that does not help, restart the server.",
        icon=":material/error:",
    )
