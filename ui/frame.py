"""The frame around every page: the navigation, the errors shown once, and the way from page to page."""

import logging
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import RoundtripError, SignedOut
from ui.address import aliases_to_ids
from ui.people import people_sign_in, person
from ui.signing_in import ask_to_sign_in, let_in

HERE = Path(__file__).resolve().parent
PAGES_FOLDER = HERE.parent / "pages"

# Page: title, icon, and what it is for.
PAGES = {
    "home": ("Home", ":material/home:", "What Roundtrip is, what is in the library, and what to do next."),
    "train": ("Train", ":material/model_training:", "Train a demo model and watch it learn."),
    "bring-in": (
        "Bring in",
        ":material/upload_file:",
        "Bring in a model from outside: checked, and run in a sandbox only.",
    ),
    "save": ("Save", ":material/save:", "Save a trained model in any formats, each proven by a reload."),
    "library": (
        "Library",
        ":material/inventory_2:",
        "Every saved artifact: find, download, remove, choose to compare.",
    ),
    "inspect": ("Inspect", ":material/search_insights:", "Look into an artifact, or hold two against each other."),
    "formats": ("Formats", ":material/table_chart:", "What survives in which format, measured on a run of yours."),
    "compare": ("Compare", ":material/compare_arrows:", "Reload artifacts and hold their answers side by side."),
    "resume": ("Resume", ":material/resume:", "Train copies on beside the live model, and see who lost the thread."),
    "health": (
        "Health",
        ":material/health_and_safety:",
        "Whether everything is as it was kept, and how this machine does.",
    ),
}

# Where a page's address is not its key: "/health" is the server's own answer to who asks whether it is up.
ADDRESSES = {"home": None, "health": "condition"}

log = logging.getLogger("roundtrip")


def page(key: str) -> Any:
    """The page of that key."""
    title, icon, help_ = PAGES[key]
    path = ADDRESSES.get(key, key)
    return st.Page(
        PAGES_FOLDER / f"{key.replace('-', '_')}.py",
        title=title,
        icon=icon,
        help=help_,
        url_path=path,
        default=key == "home",
    )


def go(key: str, **query: Any) -> None:
    """Go to a page, with ids for its address bar."""
    st.switch_page(page(key), query_params=query or None)


def run() -> None:
    """Draw the frame and the page in it; what core refuses is shown in its place, in words."""
    inside = not people_sign_in() or person() is not None
    st.set_page_config(page_title="Roundtrip", page_icon=_icon(inside), layout="wide")
    chosen = st.navigation([page(key) for key in PAGES], position="top" if inside else "hidden")
    let_in()
    try:
        aliases_to_ids()
        chosen.run()
    except RoundtripError as error:
        from ui.words import show_error

        show_error(error)


def _icon(inside: bool) -> str:
    """The page's icon: a file of the session; for whoever has not signed in, who gets none, the picture itself."""
    path = HERE / "icon.png"
    return str(path) if inside else f"data:image/png;base64,{b64encode(path.read_bytes()).decode()}"


def prepare() -> None:
    """Import what the first page needs before the first visitor waits for it."""
    from PIL import Image

    import ui.pictures
    import ui.words  # noqa: F401

    Image.preinit()  # Streamlit opens the page's icon with it


def log_unforeseen(error: Exception) -> None:
    """Show one plain sentence for a mistake of ours, and keep its traceback in the server's log. Whose sign-in ended
    while they clicked is asked for it."""
    if isinstance(error, SignedOut):
        ask_to_sign_in()
        return
    log.error("A page failed", exc_info=(type(error), error, sys.exc_info()[2] or error.__traceback__))
    st.error(
        "Something went wrong on our side. Reload the page; if that does not help, restart the server.",
        icon=":material/error:",
    )
