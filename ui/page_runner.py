"""Frame around every page: navigation, sign-in, and errors as sentences."""

import json
import logging
import sys
from base64 import b64encode
from functools import cache
from pathlib import Path

import streamlit as st

from core.errors import RoundtripError, SignedOut
from ui.auth import current_user, is_sign_in_required, require_sign_in, show_sign_in
from ui.browser_component import REDUCED_MOTION
from ui.components import show_error
from ui.copy_link import show_copy_link
from ui.navigation import PAGES, get_page
from ui.query_params import resolve_aliases
from ui.terms import mark_terms, show_terms

HERE = Path(__file__).resolve().parent

log = logging.getLogger("roundtrip")


def run_page() -> None:
    """Draw the frame and the page in it; an error that core raises is shown instead of the page."""
    is_admitted = not is_sign_in_required() or current_user() is not None
    st.set_page_config(page_title="Roundtrip", page_icon=_page_icon(is_admitted), layout="wide")
    pages = {get_page(key): key for key in PAGES}
    page = st.navigation(list(pages), position="top" if is_admitted else "hidden")
    st.html(_page_style())
    _focus_title(pages[page])
    require_sign_in()
    body = st.container()
    mark_terms()
    show_terms(pages[page])  # at the end of the page, which may stop itself before that
    try:
        with body:
            resolve_aliases()
            show_copy_link()
            page.run()
    except RoundtripError as error:
        with body:
            show_error(error)


@cache
def _page_style() -> str:
    """Return the style of all pages, as one element."""
    css = "".join(path.read_text(encoding="utf-8") for path in (HERE / "style.css", REDUCED_MOTION))
    return f"<style>{css}</style>"


@cache
def _focus_script() -> str:
    return (HERE / "keyboard.js").read_text(encoding="utf-8").strip()


def _focus_title(page: str) -> None:
    """Move the focus to the title of each new page."""
    # The key of a page is ours: nothing that anybody typed gets in here.
    st.html(f"<script>({_focus_script()})({json.dumps(page)})</script>", unsafe_allow_javascript=True)


def _page_icon(is_admitted: bool) -> str:
    """Return the icon's path; as a data URL for users who are not signed in, to whom files of sessions are refused."""
    path = HERE / "icon.png"
    return str(path) if is_admitted else f"data:image/png;base64,{b64encode(path.read_bytes()).decode()}"


def preload_first_page() -> None:
    """Import what the first page needs before the first visitor waits for it."""
    from PIL import Image

    import ui.session  # noqa: F401

    Image.preinit()  # Streamlit opens the page's icon with it


def show_unexpected_error(error: Exception) -> None:
    """Show one plain sentence for an unexpected error, and write its traceback to the server's log.

    What core raises in a fragment or callback comes here, too: it is shown in its own words, and a user whose sign-in
    has expired meanwhile is asked to sign in.
    """
    if isinstance(error, SignedOut):
        show_sign_in()
        return
    if isinstance(error, RoundtripError):
        show_error(error)
        return
    log.error("A page failed", exc_info=(type(error), error, sys.exc_info()[2] or error.__traceback__))
    st.error(
        "Something went wrong on our side. Reload the page; if that does not help, restart the server.",
        icon=":material/error:",
    )
