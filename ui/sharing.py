"""Who sees a run or an artifact."""

import streamlit as st

from core.library.permissions import EVERYONE
from ui.session import current_jobs

# By the first letter of the id ("r" for a run, "a" for an artifact), and whether it is shared.
SHARING_HELP = {
    ("r", True): "Turn it off, and nobody else sees the run or a copy of it.",
    ("r", False): "Turn it on to show others.",
    ("a", True): "Its run stays shared.",
    ("a", False): "Turn it on to show others this copy and its run.",
}


def show_sharing(id_: str) -> None:
    """Show who sees a run or an artifact, to its owner as a toggle; nothing where nobody signs in."""
    access = current_jobs().library.access
    if access.viewer_id is None:
        return
    folder = current_jobs().library.folder(id_)
    owner, is_shared = access.owner(folder), access.sole_viewer(folder) == EVERYONE
    if owner is None:
        st.caption(
            ":material/group: Nobody's: made before people signed in here. Everybody who signs in may change it."
        )
    elif owner != access.viewer_id:
        st.caption(":material/group: Shared with you. Only the person who made it can change it.")
    else:
        st.toggle(
            "Shared with everybody who signs in" if is_shared else "Private: only you",
            value=is_shared,
            key=f"shared-{id_}-{is_shared}",
            help=SHARING_HELP[id_[0], is_shared],
            on_change=_share,
            args=(id_, not is_shared),
        )


def _share(id_: str, is_shared: bool) -> None:
    current_jobs().library.annotate(id_, shared=is_shared)
