"""What the Library page shows: the table of artifacts, one of them in detail, and removing with a way back."""

from datetime import datetime

import streamlit as st

from core.compare import Verdict
from core.formats import all_formats, get_format
from core.library import Entry
from ui.saving import show_artifact
from ui.state import office
from ui.words import plain, size

SHOWN = 50  # entries of the trash that are listed


def artifact_table(entries: list[Entry]) -> list[Entry]:
    """The table, and the entries whose rows are selected in it."""
    labels = {one.key: one.label for one in all_formats()}
    columns = {
        "Format": [labels.get(entry.format, entry.format or "unreadable") for entry in entries],
        "Verdict of its reload": [_verdict(entry) for entry in entries],
        "Run": [entry.run_name or "" for entry in entries],
        "Demo": [entry.demo or ("" if entry.problem else "added from a notebook") for entry in entries],
        "Size": [entry.bytes for entry in entries],
        "Created": [entry.created and datetime.fromisoformat(entry.created) for entry in entries],
        "Id": [entry.id for entry in entries],
    }
    event = st.dataframe(
        columns,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        key="artifacts",
        alt="Artifacts with format, verdict, run, size and date",
        column_config={
            "Format": st.column_config.TextColumn(pinned=True),
            "Verdict of its reload": st.column_config.TextColumn(
                help="What a fresh process made of the copy, on the held-out rows of its run.", width="medium"
            ),
            "Size": st.column_config.NumberColumn(format="bytes"),
            "Created": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm"),
        },
    )
    return [entries[row] for row in event.selection.rows if row < len(entries)]


def _verdict(entry: Entry) -> str:
    if entry.problem:
        return f"Unreadable: {entry.problem}"
    words = Verdict(entry.verdict).words
    return f"{words}, with its code" if entry.needs_code else words


def detail(entry: Entry) -> None:
    """One artifact: its evidence, its files, and the code that saves and loads it."""
    if entry.problem:
        st.warning(plain(entry.problem), icon=":material/broken_image:")
        return
    one = get_format(entry.format)
    st.subheader(f"{one.label} · {size(entry.bytes)}")
    st.caption(f"{plain(entry.run_name or '')} · {entry.id}")
    show_artifact(entry.id, one)


@st.dialog("Remove from the library?")
def remove_dialog(ids: list[str]) -> None:
    """Ask, then move into the trash; the way back is offered on the page."""
    what = "this artifact" if len(ids) == 1 else f"these {len(ids)} artifacts"
    st.markdown(f"Move {what} into the trash? You can take back what you remove.")
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep"):
            st.rerun()
        if st.button("Remove", type="primary", icon=":material/delete:", key="remove-for-good"):
            for id_ in ids:
                office().library.remove(id_)
            st.session_state["removed"] = ids
            st.session_state.pop("artifacts", None)
            st.rerun()


def undo_strip() -> None:
    """After a removal: what went, and Undo."""
    if not (removed := st.session_state.get("removed")):
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        count = "1 artifact" if len(removed) == 1 else f"{len(removed)} artifacts"
        st.markdown(f":material/delete: {count} moved into the trash.")
        st.button("Undo", icon=":material/undo:", on_click=_undo)


def show_trash() -> None:
    """What is in the trash, each with the way back."""
    if not (thrown := office().library.trashed()):
        return
    with st.expander(f"In the trash: {len(thrown)}", icon=":material/delete:"):
        for entry, *_ in thrown[:SHOWN]:
            with st.container(horizontal=True, vertical_alignment="center"):
                what = entry.format or entry.run_name or "unreadable"
                st.markdown(plain(f"{what} · {size(entry.bytes)} · {entry.id}"), width="content")
                st.button("Bring back", key=f"restore-{entry.id}", on_click=_restore, args=(entry.id,))
        if len(thrown) > SHOWN:
            st.caption(f"And {len(thrown) - SHOWN} more: `python -m core list --trash`.")


def _restore(id_: str) -> None:
    office().library.restore(id_)


def _undo() -> None:
    for id_ in st.session_state.pop("removed"):
        office().library.restore(id_)
