"""Every artifact of every run: find, mark, download, remove, choose to compare."""

import streamlit as st

from core.errors import RoundtripError
from core.library import Query
from ui.components import empty, show_error
from ui.library.filters import ask, how_many, is_narrow, page_of, turn_pages
from ui.library.table import actions, artifact_table, detail, undo_strip
from ui.library.trash import show_space, show_trash
from ui.navigation import go
from ui.session import current_jobs

st.title("Library")
library = current_jobs().library
undo_strip()

if not library.page(Query(size=1)).total:
    nothing = "Nothing is saved yet. Save a run in a few formats, and each copy appears here."
    empty(nothing, *(("Save a run", "save") if library.runs() else ("Train a model", "train")))
    show_trash()
    st.stop()

query = ask(library)
found = page_of(library, query)
if not found.entries:
    st.info("No artifact fits. Clear the search or a filter.", icon=":material/search_off:")
    if st.button("Show all", icon=":material/list:"):
        go("library")
else:
    where = " in this view" if is_narrow(query) else ""
    st.caption(
        f"{how_many(found)}{where}. Select one to see all about it, or several to compare, download, tag or remove."
    )
    toolbar = st.container(horizontal=True, vertical_alignment="center")
    chosen = artifact_table(found.entries, f"artifacts-{hash(query)}-{len(found.entries)}")
    turn_pages(found)
    with toolbar:
        actions(chosen)
    if len(chosen) == 1:
        try:
            detail(chosen[0])
        except RoundtripError as error:  # what stands below must still be drawn
            show_error(error)

show_trash()
show_space()
