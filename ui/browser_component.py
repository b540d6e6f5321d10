"""Components of our own that run in the browser: `<name>.html`, `.css` and `.js` in one folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent
REDUCED_MOTION = HERE / "reduced_motion.css"  # of all pages and components
# Shared by the components that have buttons, or show a picture, or bars.
BUTTON, PICTURE, BARS = HERE / "button.css", HERE / "picture.css", HERE / "bars"


def load_component(folder: Path, name: str, *shared: Path) -> Callable[..., Any]:
    """Register a component, and return the function that shows it.

    Args:
        name: Of its three files in `folder`.
        shared: Style sheets and scripts that stand before its own; without an ending, both of that name.
    """

    def read(suffix: str) -> str:
        paths = [path.with_suffix(suffix) for path in shared if path.suffix in ("", suffix)]
        return "".join(path.read_text(encoding="utf-8") for path in (*paths, folder / f"{name}{suffix}"))

    css = read(".css") + REDUCED_MOTION.read_text(encoding="utf-8")
    html = (folder / f"{name}.html").read_text(encoding="utf-8")
    return st.components.v2.component(f"roundtrip_{name}", html=html, css=css, js=read(".js"))
