"""Every artifact of every run: find, download, remove, choose to compare."""

import streamlit as st

from core.demos import DEMOS
from core.errors import RoundtripError
from core.formats import all_formats
from ui.frame import go
from ui.listing import artifact_table, detail, remove_dialog, show_trash, undo_strip
from ui.routes import download_address
from ui.state import office
from ui.words import empty, show_error, size

st.title("Library")
library = office().library
undo_strip()

left, middle, right = st.columns([2, 1, 1], vertical_alignment="bottom")
search = left.text_input(
    "Search", key="search", bind="query-params", type="search", placeholder="run, demo, format or id", live=True
)
demos = middle.multiselect("Demo", [demo.key for demo in DEMOS], key="of-demo", bind="query-params", placeholder="All")
formats = right.multiselect(
    "Format", [one.key for one in all_formats()], key="in-format", bind="query-params", placeholder="All"
)

entries = library.find(search or "", demos, formats)
if not entries and not (search or demos or formats):
    nothing = "Nothing is saved yet. Save a run in a few formats, and each copy appears here."
    empty(nothing, *(("Save a run", "save") if library.runs() else ("Train a model", "train")))
    show_trash()
    st.stop()
if not entries:
    st.info("No artifact fits. Clear the search or a filter.", icon=":material/search_off:")
    show_trash()
    st.stop()

many = f"{len(entries):,} artifact{'' if len(entries) == 1 else 's'}"
st.caption(f"{many}, {size(sum(entry.bytes or 0 for entry in entries))}. Select rows to compare, download or remove.")
actions = st.container(horizontal=True)
chosen = artifact_table(entries)
good = [entry.id for entry in chosen if not entry.problem]

with actions:
    if st.button("Compare", type="primary", icon=":material/compare_arrows:", disabled=not good):
        go("compare", artifact=good)
    st.link_button(
        "Download",
        download_address(good),
        icon=":material/download:",
        disabled=not good,
        help="One file comes as it is; a directory, or several artifacts, as a zip.",
    )
    if st.button("Remove", icon=":material/delete:", disabled=not chosen):
        remove_dialog([entry.id for entry in chosen])

if len(chosen) == 1:
    try:
        detail(chosen[0])
    except RoundtripError as error:  # what stands below must still be drawn
        show_error(error)

show_trash()
