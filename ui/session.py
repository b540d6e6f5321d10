"""The one office of the server: its library, its worker and its jobs, as whoever asks may see them. Caching only; the
work is done in core.

What is cached here and elsewhere is cached for all: who asks for it is looked at before.
"""

from pathlib import Path

import streamlit as st

from core.errors import SignedOut
from core.jobs import Jobs
from core.text.labels import size
from ui.auth import people_sign_in, viewer


@st.cache_resource(show_spinner=False)
def server_jobs() -> Jobs:
    """The jobs of this server, made once, and kept when a source file is edited. It sees everything: for the server."""
    return Jobs()


def current_jobs() -> Jobs:
    """The jobs as the person of this session or request sees them; all of them where nobody signs in.

    A session whose person is signed out is begun again, and asks for it; anything else raises SignedOut.
    """
    if not people_sign_in():
        return server_jobs()
    try:
        return server_jobs().seen_by(viewer())
    except SignedOut:
        st.rerun()  # does nothing outside of a page, and in what a click calls
        raise


def reference(run_id: str):
    """The reference of a run. Raises UnknownName, Damaged."""
    current_jobs().library.folder(run_id)
    return _reference(run_id)


@st.cache_data(show_spinner=False, max_entries=32)
def _reference(run_id: str):
    """A run never changes, so its id is key enough."""
    return current_jobs().library.reference(run_id)


@st.cache_data(show_spinner=False, max_entries=256)
def file_tree(folder: Path, entries: tuple[tuple[str, int], ...]) -> str:
    """The files of an artifact as a tree, with their sizes."""
    lines = [f"{folder.name}/"]
    seen: set[str] = set()
    for path, count in entries:
        *parents, name = path.split("/")
        for depth, parent in enumerate(parents):
            if (key := "/".join(parents[: depth + 1])) not in seen:
                seen.add(key)
                lines.append(f"{'    ' * (depth + 1)}{parent}/")
        lines.append(f"{'    ' * (len(parents) + 1)}{name:<{44 - 4 * len(parents)}}{size(count):>10}")
    return "\n".join(lines)
