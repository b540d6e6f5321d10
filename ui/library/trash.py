"""Trash of the library, with buttons to restore entries, and the disk space that the library takes."""

import contextlib
from typing import Any

import streamlit as st

from core.errors import RoundtripError
from core.formats import all_formats
from core.library import Entry
from core.library.trash_folder import DiskUsage, TrashedEntry, measure_disk_usage
from core.text.labels import mark_imported, pluralize
from core.text.numbers import format_size
from ui.components import escape_markdown, show_error
from ui.session import current_jobs

RESTORE_ERROR = "not-brought-back"  # in the session: why an entry was not restored
MAX_LISTED = 50  # entries of the trash that are listed


def show_trash() -> None:
    """Show the newest entries of the trash, each with a button to restore it and the days it has left."""
    library = current_jobs().library
    if not (count := len(library.trash_ids())):
        return
    with st.expander(f"In the trash: {count:,}", icon=":material/delete:", key="trash", on_change="rerun") as box:
        if not box.open:
            return
        _show_retention()
        for trashed in library.trashed_entries(MAX_LISTED):
            _show_trash_row(trashed)
        if count > MAX_LISTED:
            st.caption(f"And {count - MAX_LISTED:,} more: `roundtrip list --trash`.")


def _show_retention() -> None:
    days = current_jobs().config.trash_days
    with st.container(horizontal=True, vertical_alignment="center"):
        rule = f"Deleted for good {pluralize(days, 'day')} after it was removed" if days else "Kept until you empty it"
        st.caption(f"{rule}; what is pinned stays.", width="content")
        if st.button("Empty the trash", icon=":material/delete_forever:"):
            _confirm_empty_trash()


def _show_trash_row(trashed: TrashedEntry) -> None:
    entry = trashed.entry
    with st.container(horizontal=True, vertical_alignment="center"):
        facts = escape_markdown(f"{format_size(entry.bytes)} · {_days_left_text(trashed)}")
        st.markdown(f"{escape_markdown(_entry_label(entry))}  \n:gray[:small[{facts}]]", width="stretch")
        st.button("Bring back", key=f"restore-{entry.id}", on_click=restore_entries, args=([entry.id],))


def _entry_label(entry: Entry) -> str:
    """Return the format and the run of an artifact, or the name of a run; marked where it is imported."""
    if not entry.format:
        return mark_imported(entry.run_name or "Unreadable", entry)
    labels = {format_.key: format_.label for format_ in all_formats()}
    run = ""
    with contextlib.suppress(RoundtripError):  # the run is not in the library any more, either
        run = f" · {current_jobs().library.run(entry.run or '').name}"
    return mark_imported(labels.get(entry.format, entry.format) + run, entry)


def _days_left_text(trashed: TrashedEntry) -> str:
    days = current_jobs().config.trash_days
    if trashed.pinned:
        return "pinned"
    if not days:
        return f"{pluralize(round(trashed.days_in_trash), 'day')} here"
    return f"{pluralize(max(0, round(days - trashed.days_in_trash)), 'day')} left"


@st.dialog("Empty the trash of the library?")
def _confirm_empty_trash() -> None:
    st.markdown("Delete everything in the trash for good, but for what is pinned? There is no way back.")
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep"):
            st.rerun()
        if st.button("Delete for good", type="primary", icon=":material/delete_forever:"):
            try:
                current_jobs().library.empty_trash(0)
            except RoundtripError as error:
                show_error(error)
                return
            st.session_state.pop("removed", None)
            st.rerun()


def restore_entries(ids: list[str]) -> None:
    """Restore entries up to the first that fails, whose error the page shows."""
    library = current_jobs().library
    try:
        for id_ in ids:
            if id_ in library.trash_ids():  # a run may have been restored with its artifact
                library.restore(id_)
    except RoundtripError as error:
        st.session_state[RESTORE_ERROR] = error.to_json()


def confirm_removal(ids: list[str]) -> None:
    """Ask for confirmation, then move artifacts into the trash; the page offers to undo it."""
    st.dialog(f"Remove {pluralize(len(ids), 'artifact')} from the library?")(_show_removal)(ids)


def _show_removal(ids: list[str]) -> None:
    subject = "this artifact" if len(ids) == 1 else f"these {len(ids)} artifacts"
    st.markdown(f"Move {subject} into the trash? You can take back what you remove.")
    is_removable = _warn_if_kept(ids)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep"):
            st.rerun()
        look: dict[str, Any] = {"type": "primary", "icon": ":material/delete:", "disabled": not is_removable}
        if st.button("Remove", key="remove-for-good", **look):
            try:
                current_jobs().library.remove_all(ids)
            except RoundtripError as error:  # one was pinned or got an alias just now: then none was removed
                show_error(error)
                return
            st.session_state["removed"] = ids
            st.rerun()


def _warn_if_kept(ids: list[str]) -> bool:
    """Whether all may be removed; else say which may not and why, before anybody tries."""
    try:
        current_jobs().library.require_removable(ids)
    except RoundtripError as error:
        show_error(error)
        return False
    return True


def show_undo() -> None:
    """Show after a removal how many were removed, and Undo; after a restore why it failed."""
    if error := st.session_state.pop(RESTORE_ERROR, None):
        show_error(error)
    if not (removed := st.session_state.get("removed")):
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/delete: {pluralize(len(removed), 'artifact')} moved into the trash.")
        st.button("Undo", icon=":material/undo:", on_click=_undo)


def _undo() -> None:
    restore_entries(st.session_state.pop("removed"))


DISK_USAGE_LABELS = {
    "artifacts": "Artifacts",
    "runs": "Runs, with what their models can be rebuilt from",
    "trash": "Trash",
    "jobs": "Found by jobs: comparisons and their answers",
    "inputs": "Sets of inputs",
    "rest": "Catalog, logs and the rest",
}


def show_disk_usage() -> None:
    """Show how much disk space is used, and by what; measured when the expander is opened."""
    with st.expander("Space", icon=":material/hard_drive:", key="space", on_change="rerun") as box:
        if box.open:
            with st.spinner("Looking at every file"):
                _show_disk_usage_table(measure_disk_usage(current_jobs().library.home))


def _show_disk_usage_table(usage: DiskUsage) -> None:
    total, free = (escape_markdown(format_size(count)) for count in (usage.total, usage.free))
    st.markdown(f"**{total}** in all; {free} are free on the disk.")
    sizes = [escape_markdown(format_size(getattr(usage, name))) for name in DISK_USAGE_LABELS]
    st.table({"": list(DISK_USAGE_LABELS.values()), "Size": sizes})
