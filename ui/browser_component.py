"""Components of our own that run in the browser: `<name>.html`, `.css` and `.js` in one folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st


def load_component(folder: Path, name: str, shared_style: str = "") -> Callable[..., Any]:
    """Register a component, and return the function that shows it.

    Args:
        name: Of its three files in `folder`.
        shared_style: A style sheet of the same folder that stands before its own.
    """

    def read(file_name: str) -> str:
        return (folder / file_name).read_text(encoding="utf-8")

    css = (read(shared_style) if shared_style else "") + read(f"{name}.css")
    return st.components.v2.component(f"roundtrip_{name}", html=read(f"{name}.html"), css=css, js=read(f"{name}.js"))
