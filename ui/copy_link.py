"""The button that copies the address of a page with what is chosen on it."""

from pathlib import Path

import streamlit as st

COPY_LINK_WORDS = {
    "label": "Copy link",
    "help": "What is chosen here stands in the address. The link works where this library is.",
    "copied": "Copied. It works where this library is.",
    "failed": "This browser does not let pages copy. The address:",
}


def _read_asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


_BUTTON = st.components.v2.component(
    "roundtrip_copy_link",
    html=_read_asset("copy_link.html"),
    css=_read_asset("copy_link.css"),
    js=_read_asset("copy_link.js"),
)


def show_copy_link() -> None:
    """Show the button where the address holds anything that is chosen on the page."""
    if st.query_params:
        _BUTTON(key="copy-link", data=COPY_LINK_WORDS)
