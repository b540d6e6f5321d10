"""Who sees a run or an artifact, where people sign in, and its owner's switch."""

import streamlit as st

from core.library.access import EVERYBODY
from ui.state import office


def show_sharing(id_: str) -> None:
    """In words who sees an entry; for its owner a switch. Nothing where nobody signs in."""
    access = office().library.access
    if access.me is None:
        return
    folder = office().library.folder(id_)
    owner, shared = access.owner(folder), access.only(folder) == EVERYBODY
    if owner is None:
        st.caption(
            ":material/group: Nobody's: made before people signed in here. Everybody who signs in may change it."
        )
    elif owner != access.me:
        st.caption(":material/group: Shared with you. Only the person who made it can change it.")
    else:
        st.toggle(
            "Shared with everybody who signs in" if shared else "Private: only you",
            value=shared,
            key=f"shared-{id_}-{shared}",
            help=_help(id_, shared),
            on_change=_share,
            args=(id_, not shared),
        )


def _help(id_: str, shared: bool) -> str:
    if id_.startswith("r"):
        return "Turn it off, and nobody else sees the run or a copy of it." if shared else "Turn it on to show others."
    return "Its run stays shared." if shared else "Turn it on to show others this copy and its run."


def _share(id_: str, shared: bool) -> None:
    office().library.mark(id_, shared=shared)
