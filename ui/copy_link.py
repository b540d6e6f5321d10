"""The button that copies the address of a page with what is chosen on it."""

from pathlib import Path

import streamlit as st

from ui.browser_component import BUTTON, load_component

COPY_LINK_WORDS = {
    "label": "Copy link",
    "help": "What is chosen here stands in the address. The link works where this library is.",
    "copied": "Copied. It works where this library is.",
    "failed": "This browser does not let pages copy. The address:",
}
_COPY_LINK = load_component(Path(__file__).parent, "copy_link", BUTTON)


def show_copy_link() -> None:
    """Show the button where the address holds anything that is chosen on the page.

    Its place is kept where there is none: what follows would move by one, and the browser would draw it anew, with
    every expander closed.
    """
    with st.empty():
        if st.query_params:
            _COPY_LINK(key="copy-link", data=COPY_LINK_WORDS)
