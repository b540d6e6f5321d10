"""What the Library page shows: the table of artifacts, what can be done with those that are selected, and one of them
in detail."""

from datetime import datetime

import streamlit as st

from core.compare import Verdict
from core.errors import RoundtripError
from core.formats import all_formats, get_format
from core.library import Entry
from core.text.labels import format_size
from ui.artifact_detail import show_artifact_evidence, show_lineage
from ui.components import demo_label, escape_markdown, show_error, trust_badge, verdict_badge
from ui.library.annotations import edit_annotations, edit_tags
from ui.library.trash import RESTORE_ERROR, restore_entries
from ui.navigation import PAGES, go
from ui.routes import download_url
from ui.session import current_jobs

IMPORTED = "brought in"
INSPECT_PAGE = "inspect"
VISIBLE_ROWS = 16  # of the table that are seen at once


def show_artifact_table(entries: list[Entry], key: str) -> list[Entry]:
    """The table, and the entries whose rows are selected in it; under another key, nothing is selected."""
    labels = {one.key: one.label for one in all_formats()}
    columns = {
        "Format": [labels.get(entry.format or "", entry.format or "unreadable") for entry in entries],
        "Verdict of its reload": [_verdict_text(entry) for entry in entries],
        "Run": [entry.run_name or "" for entry in entries],
        "Marks": [_annotation_texts(entry) for entry in entries],
        "Demo": [_demo_text(entry) for entry in entries],
        "Size": [entry.bytes for entry in entries],
        "Created": [entry.created and datetime.fromisoformat(entry.created) for entry in entries],
        "Note": [entry.note for entry in entries],
        "Id": [entry.id for entry in entries],
    }
    event = st.dataframe(
        columns,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        key=key,
        height=38 + 35 * min(len(entries), VISIBLE_ROWS),
        alt="Artifacts with format, verdict, run, size and date",
        column_config={
            "Format": st.column_config.TextColumn(pinned=True),
            "Verdict of its reload": st.column_config.TextColumn(
                help="What a fresh process made of the copy, on the held-out rows of its run.", width="medium"
            ),
            "Marks": st.column_config.ListColumn(
                help="Brought in from outside, pinned, what aliases point to it, and its tags.", width="medium"
            ),
            "Demo": st.column_config.TextColumn(width=130),  # else as wide as the first rows need
            "Size": st.column_config.NumberColumn(format="bytes"),
            "Created": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm"),
        },
    )
    return [entries[row] for row in event.selection.rows if row < len(entries)]


def _annotation_texts(entry: Entry) -> list[str]:
    brought = ["brought in"] if entry.trust == IMPORTED else []
    return (
        brought
        + ["pinned"] * entry.pinned
        + [f"→ {name}" for name in entry.aliases]
        + [f"#{one}" for one in entry.tags]
    )


def _demo_text(entry: Entry) -> str:
    """The demo by its name; of a model without one, where it comes from, unless its marks say so."""
    if entry.demo:
        return demo_label(entry.demo)
    return "" if entry.problem or entry.trust == IMPORTED else "added from a notebook"


def _verdict_text(entry: Entry) -> str:
    if entry.problem:
        return f"Unreadable: {entry.problem}"
    words = Verdict(str(entry.verdict)).label
    return f"{words}, with its code" if entry.needs_code else words


def show_artifact_actions(chosen: list[Entry]) -> None:
    """What can be done with the selected entries."""
    good = [entry.id for entry in chosen if not entry.problem]
    if st.button("Compare", type="primary", icon=":material/compare_arrows:", disabled=not good):
        go("compare", artifact=good)
    if INSPECT_PAGE in PAGES and st.button(
        "Side by side", icon=":material/splitscreen_right:", disabled=len(good) != 2, help="Select two artifacts."
    ):
        go(INSPECT_PAGE, artifact=good[0], beside=good[1])
    st.link_button(
        "Download",
        download_url(good),
        icon=":material/download:",
        disabled=not good,
        help="One file comes as it is; a directory, or several artifacts, as a zip.",
    )
    if st.button("Tag", icon=":material/sell:", disabled=not chosen):
        edit_tags([entry.id for entry in chosen])
    if st.button("Remove", icon=":material/delete:", disabled=not chosen):
        confirm_removal([entry.id for entry in chosen])
    if chosen:
        st.caption(f"{len(chosen)} selected", width="content")


def show_artifact_detail(entry: Entry) -> None:
    """One artifact: what a person says of it, where it comes from, its evidence, its files, and its code."""
    if entry.problem:
        st.warning(escape_markdown(entry.problem), icon=":material/broken_image:")
        return
    one = get_format(entry.format or "")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(f"{one.label} · {format_size(entry.bytes)}", width="content")
        _show_badges(entry)
        if INSPECT_PAGE in PAGES and st.button("Look inside", icon=":material/search:"):
            go(INSPECT_PAGE, artifact=entry.id)
        if st.button("Verify", icon=":material/fact_check:", help="Hold its files against their hashes, byte by byte."):
            go("health", job=current_jobs().verify([entry.id]).id)
    st.caption(f"{escape_markdown(entry.run_name or '')} · {entry.id}")
    left, right = st.columns(2, gap="large")
    with left:
        edit_annotations(entry)
    with right:
        show_lineage(entry.id)
    show_artifact_evidence(entry.id, one)


def _show_badges(entry: Entry) -> None:
    verdict_badge(str(entry.verdict))
    trust_badge(entry.trust or "ours")
    if entry.pinned:
        st.badge("pinned", icon=":material/keep:", color="blue", help="It cannot be removed until it is unpinned.")
    for name in entry.aliases:
        st.badge(
            escape_markdown(name), icon=":material/arrow_forward:", color="violet", help="An alias that points to it."
        )


@st.dialog("Remove from the library?")
def confirm_removal(ids: list[str]) -> None:
    """Ask, then move into the trash; the way back is offered on the page."""
    what = "this artifact" if len(ids) == 1 else f"these {len(ids)} artifacts"
    st.markdown(f"Move {what} into the trash? You can take back what you remove.")
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep"):
            st.rerun()
        if st.button("Remove", type="primary", icon=":material/delete:", key="remove-for-good"):
            try:
                current_jobs().library.remove_all(ids)
            except RoundtripError as error:  # pinned, or what an alias points to: then none of them went
                show_error(error)
                return
            st.session_state["removed"] = ids
            st.rerun()


def show_undo() -> None:
    """After a removal: what went, and Undo; after bringing back, what would not come."""
    if error := st.session_state.pop(RESTORE_ERROR, None):
        show_error(error)
    if not (removed := st.session_state.get("removed")):
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        count = "1 artifact" if len(removed) == 1 else f"{len(removed)} artifacts"
        st.markdown(f":material/delete: {count} moved into the trash.")
        st.button("Undo", icon=":material/undo:", on_click=_undo)


def _undo() -> None:
    restore_entries(st.session_state.pop("removed"))
