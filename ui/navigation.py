"""Table of the app's pages, and navigation to them."""

from pathlib import Path
from typing import Any

import streamlit as st

PAGES_FOLDER = Path(__file__).resolve().parent.parent / "pages"

# Title, icon and purpose of each page, by key.
PAGES = {
    "home": ("Home", "home", "What Roundtrip is, what is in the library, and what to do next."),
    "tour": ("Tour", "explore", "One story in seven steps, from a training to the format to take."),
    "train": ("Train", "model_training", "Train a demo model and watch it learn."),
    "import-model": ("Import", "upload_file", "Import a model from outside: checked, and run in a sandbox only."),
    "save": ("Save", "save", "Save a trained model in any formats, each proven by a reload."),
    "library": ("Library", "inventory_2", "Every saved artifact: find, download, remove, choose to compare."),
    "inspect": ("Inspect", "search_insights", "Look into an artifact, or compare two."),
    "formats": ("Formats", "table_chart", "What survives in which format, measured on a run of yours."),
    "compare": ("Compare", "compare_arrows", "Reload artifacts and compare their predictions."),
    "elsewhere": ("Elsewhere", "travel_explore", "Ask copies in other engines and releases, and see what changes."),
    "upgrade": ("Upgrade", "upgrade", "See which models break when packages are upgraded, and cure them."),
    "sweep": ("Sweep", "grid_on", "Many models in many formats and environments at once, as one table."),
    "resume": ("Resume", "resume", "Resume training of copies beside the live model, and see which of them diverge."),
    "break-it": ("Break it", "bolt", "Twelve ways in which saved models break, done for real, and their cures."),
    "health": ("Health", "health_and_safety", "Verify and repair what is stored, and check this machine."),
}

# Pages whose address is not their key: "/health" is the server's health check, and `import` is a word of Python's.
URL_PATHS = {"home": None, "health": "condition", "import-model": "import", "break-it": "break_it"}


def get_page(key: str) -> Any:
    """Return the Streamlit page of a key."""
    title, icon, help_ = PAGES[key]
    return st.Page(
        PAGES_FOLDER / f"{key.replace('-', '_')}.py",
        title=title,
        icon=f":material/{icon}:",
        help=help_,
        url_path=URL_PATHS.get(key, key),
        default=key == "home",
    )


def go(key: str, **query: Any) -> None:
    """Switch to a page, with these query parameters."""
    st.switch_page(get_page(key), query_params=query or None)
