"""The trash on a page, with the way back, and how much of the disk the library takes."""

import contextlib
import logging

import streamlit as st

from core.errors import RoundtripError
from core.formats import all_formats
from core.jobs import Jobs
from core.library import Entry
from core.library.trash import Space, Thrown, space
from core.text.labels import counted, marked, size
from ui.components import plain, show_error
from ui.session import current_jobs

NOT_BACK = "not-brought-back"  # in the session: why something would not come
SHOWN = 50  # entries of the trash that are listed
PARTS = {
    "artifacts": "Artifacts",
    "runs": "Runs, with what their models can be rebuilt from",
    "trash": "Trash",
    "jobs": "Found by jobs: comparisons and their answers",
    "inputs": "Sets of inputs",
    "rest": "Catalog, logs and the rest",
}

log = logging.getLogger("roundtrip")


def show_trash() -> None:
    """What is in the trash, each with the way back and the days it has left."""
    library = current_jobs().library
    if not (count := len(library.trash())):
        return
    with st.expander(f"In the trash: {count:,}", icon=":material/delete:", key="trash", on_change="rerun") as box:
        if not box.open:
            return
        _rule()
        for thrown in library.trashed(SHOWN):
            _line(thrown)
        if count > SHOWN:
            st.caption(f"And {count - SHOWN:,} more: `python -m core list --trash`.")


def _rule() -> None:
    days = current_jobs().config.trash_days
    with st.container(horizontal=True, vertical_alignment="center"):
        rule = f"Deleted for good {counted(days, 'day')} after it was removed" if days else "Kept until you empty it"
        st.caption(f"{rule}; what is pinned stays.", width="content")
        if st.button("Empty the trash", icon=":material/delete_forever:"):
            _empty_dialog()


def _line(thrown: Thrown) -> None:
    entry = thrown.entry
    with st.container(horizontal=True, vertical_alignment="center"):
        facts = plain(f"{size(entry.bytes)} · {entry.id} · {_left(thrown)}")
        st.markdown(f"{plain(_called(entry))}  \n:gray[:small[{facts}]]", width="stretch")
        st.button("Bring back", key=f"restore-{entry.id}", on_click=bring_back, args=([entry.id],))


def _called(entry: Entry) -> str:
    """An artifact by its format and its run, a run by its name; both as where they come from."""
    if not entry.format:
        return marked(entry.run_name or "Unreadable", entry)
    labels = {one.key: one.label for one in all_formats()}
    run = ""
    with contextlib.suppress(RoundtripError):  # the run is gone, too
        run = f" · {current_jobs().library.run(entry.run).name}"
    return marked(labels.get(entry.format, entry.format) + run, entry)


def _left(thrown: Thrown) -> str:
    days = current_jobs().config.trash_days
    if thrown.pinned:
        return "pinned"
    return f"{counted(max(0, round(days - thrown.days)), 'day')} left" if days else f"{thrown.days:.0f} days here"


@st.dialog("Empty the trash?")
def _empty_dialog() -> None:
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


def bring_back(ids: list[str]) -> None:
    """Restore entries; the first that would not come is told of by the page."""
    library = current_jobs().library
    try:
        for id_ in ids:
            if id_ in library.trash():  # a run that came with its artifact is back already
                library.restore(id_)
    except RoundtripError as error:
        st.session_state[NOT_BACK] = error.to_json()


def empty_old(jobs: Jobs) -> None:
    """Delete for good what has been in the trash for the days of the settings; what the disk refuses is logged."""
    if not (days := jobs.config.trash_days):
        return
    try:
        if gone := jobs.library.empty_trash(days):
            log.info("Deleted for good after %d days in the trash: %s", days, ", ".join(gone))
    except RoundtripError as error:
        log.warning("The trash was not emptied: %s", error)


def show_space() -> None:
    """How much of the disk is used, by what; looked up when it is opened."""
    with st.expander("Space", icon=":material/hard_drive:", key="space", on_change="rerun") as box:
        if box.open:
            with st.spinner("Looking at every file"):
                _table(space(current_jobs().library.home))


def _table(found: Space) -> None:
    st.markdown(f"**{size(found.total)}** in all; {size(found.free)} are free on the disk.")
    st.table({"": list(PARTS.values()), "Size": [size(getattr(found, name)) for name in PARTS]})
