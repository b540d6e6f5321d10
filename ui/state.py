"""The one office of the server: its library, its worker and its jobs. Caching only; the work is done in core."""

from pathlib import Path

import streamlit as st

from core.jobs import Jobs


@st.cache_resource(show_spinner=False)
def office() -> Jobs:
    """The jobs of this server, made once, and kept when a source file is edited."""
    return Jobs()


@st.cache_data(show_spinner=False, max_entries=32)
def reference(run_id: str):
    """The reference of a run; a run never changes, so its id is key enough."""
    return office().library.reference(run_id)


@st.cache_data(show_spinner=False, max_entries=256)
def file_tree(folder: Path, entries: tuple[tuple[str, int], ...]) -> str:
    """The files of an artifact as a tree, with their sizes."""
    from ui.words import size

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
