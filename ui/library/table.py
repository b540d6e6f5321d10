"""Results of the Library page: the table of artifacts, the actions on selected ones, and one of them in detail."""

from datetime import datetime

import streamlit as st

from core.compare import Verdict
from core.compatibility.losses import find_losses, label_with_losses
from core.demos import demo_label
from core.formats import label_format
from core.library import Entry, Page
from core.text.labels import pluralize
from core.text.numbers import format_size
from ui.components import size_column
from ui.library.annotations import edit_tags
from ui.library.trash import confirm_removal
from ui.navigation import PAGES, go
from ui.routes import download_url
from ui.session import current_jobs
from ui.terms import explain_headings

IMPORTED = "brought in"
INSPECT_PAGE = "inspect"
VISIBLE_ROWS = 16  # rows of the table that are seen at once


def show_artifact_table(entries: list[Entry], key: str) -> list[Entry]:
    """Show the table, and return the entries whose rows are selected; a new `key` clears the selection."""
    names = current_jobs().library.run_names()
    sizes, size_config = size_column([entry.bytes for entry in entries])
    marks = [_annotation_texts(entry) for entry in entries]
    columns = {
        "Format": [label_format(entry.format or "unreadable") for entry in entries],
        "Verdict of its reload": [_verdict_text(entry) for entry in entries],
        "Run": [names.get(entry.run or "", entry.run_name or "") for entry in entries],
        "Marks": marks,
        "Demo": [_demo_text(entry) for entry in entries],
        "Size": sizes,
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
        placeholder="–",
        height=38 + 35 * min(len(entries), VISIBLE_ROWS),
        alt="Artifacts with format, verdict, run, size and date",
        column_config=explain_headings(
            columns,
            {
                "Format": st.column_config.TextColumn(pinned=True, width=175),  # else as wide as the first rows need
                "Verdict of its reload": st.column_config.TextColumn(
                    help="What a fresh process made of the copy, on its run's test examples, and what the copy lost."
                ),
                "Marks": st.column_config.ListColumn(
                    help="Imported from outside, pinned, what aliases point to it, and its tags.",
                    width="medium" if any(marks) else "small",
                ),
                "Demo": st.column_config.TextColumn(width=130),
                "Size": size_config,
                "Id": None,  # on demand, in the table's own list of columns
                "Created": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm"),
            },
        ),
    )
    return [entries[row] for row in event.selection.rows if row < len(entries)]


def _annotation_texts(entry: Entry) -> list[str]:
    states = ["imported"] * (entry.trust == IMPORTED) + ["pinned"] * entry.pinned
    return [*states, *(f"→ {alias}" for alias in entry.aliases), *(f"#{tag}" for tag in entry.tags)]


def _demo_text(entry: Entry) -> str:
    """Return the label of the demo; without a demo the origin of the model, unless the column of marks has it."""
    if entry.demo:
        return demo_label(entry.demo)
    return "" if entry.problem or entry.trust == IMPORTED else "added from a notebook"


def _verdict_text(entry: Entry) -> str:
    if entry.problem:
        return f"Unreadable: {entry.problem}"
    label = Verdict(str(entry.verdict)).label
    losses = find_losses(current_jobs().library, entry.id)
    return label_with_losses(f"{label}, with its code" if entry.needs_code else label, losses)


def show_artifact_actions(selected: list[Entry]) -> None:
    """Show buttons that act on the selected entries; some take readable ones only."""
    ids, readable = [entry.id for entry in selected], [entry.id for entry in selected if not entry.problem]
    if st.button("Compare", type="primary", icon=":material/compare_arrows:", disabled=not readable):
        go("compare", artifact=readable)
    if INSPECT_PAGE in PAGES and st.button(
        "Side by side", icon=":material/splitscreen_right:", disabled=len(readable) != 2, help="Select two artifacts."
    ):
        go(INSPECT_PAGE, artifact=readable[0], beside=readable[1])
    help_ = "One file comes as it is; a directory, or several artifacts, as a zip."
    if readable:
        st.link_button("Download", download_url(readable), icon=":material/download:", help=help_)
    else:  # a link that leads nowhere would be read out as one
        st.button("Download", icon=":material/download:", disabled=True, help=help_)
    if st.button("Tag", icon=":material/sell:", disabled=not ids):
        edit_tags(ids)
    if st.button("Remove", icon=":material/delete:", disabled=not ids):
        confirm_removal(ids)
    if ids:
        st.caption(f"{len(ids)} selected", width="content")


def count_text(result_page: Page) -> str:
    """Return a count such as "1 artifact, 3.2 MB", or that there are more artifacts than were counted."""
    if result_page.has_more:
        return f"More than {result_page.total - 1:,} artifacts"
    size = "" if result_page.bytes is None else f", {format_size(result_page.bytes)}"
    return pluralize(result_page.total, "artifact") + size
