"""Library page: find artifacts, annotate, download, compare or remove them; the trash; the disk space."""

import streamlit as st

from core.errors import RoundtripError
from core.library import Query
from ui.artifact_detail import show_artifact_detail
from ui.components import show_error, show_nothing_saved
from ui.library.filters import choose_query, is_filtered, load_page, show_pagination
from ui.library.table import count_text, show_artifact_actions, show_artifact_table
from ui.library.trash import show_disk_usage, show_trash, show_undo
from ui.navigation import go
from ui.session import current_jobs

st.title("Library", anchor=False)
library = current_jobs().library
show_undo()

if not library.page(Query(size=1)).total:
    empty_text = "Nothing is saved yet. Save a run in a few formats, and each copy appears here."
    show_nothing_saved(empty_text, library)
    show_trash()
    st.stop()

query = choose_query(library)
result_page = load_page(library, query)
if not result_page.entries:
    st.info("No artifact fits. Clear the search or a filter.", icon=":material/search_off:")
    if st.button("Show all", icon=":material/list:"):
        go("library")
else:
    scope = " in this view" if is_filtered(query) else ""
    st.caption(
        f"{count_text(result_page)}{scope}. Select one to see all about it, or several to compare, download, tag or "
        "remove."
    )
    toolbar = st.container(horizontal=True, vertical_alignment="center")
    selected = show_artifact_table(result_page.entries, f"artifacts-{hash(query)}-{len(result_page.entries)}")
    show_pagination(result_page)
    with toolbar:
        show_artifact_actions(selected)
    if len(selected) == 1:
        try:
            show_artifact_detail(selected[0])
        except RoundtripError as error:  # the rest of the page must still be drawn
            show_error(error)

show_trash()
show_disk_usage()
