"""All pages of the app, and the way from one to another."""

from pathlib import Path
from typing import Any

import streamlit as st

PAGES_FOLDER = Path(__file__).resolve().parent.parent / "pages"

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
URL_PATHS = {"home": None, "health": "condition"}


def get_page(key: str) -> Any:
    """The page of that key."""
    title, icon, help_ = PAGES[key]
    path = URL_PATHS.get(key, key)
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
    st.switch_page(get_page(key), query_params=query or None)
