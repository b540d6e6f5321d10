"""Reload artifacts in fresh processes, ask all of them the same questions, and show what they answered."""

import streamlit as st

from core.formats import get_format
from core.work.sources import choices
from ui.address import in_address
from ui.comparing import choose_artifacts, show_comparison
from ui.live import follow
from ui.state import office, reference
from ui.words import empty

st.title("Compare")
jobs = office()
entries = {entry.id: entry for entry in jobs.library.find() if not entry.problem}
if not entries:
    empty("There is nothing to compare yet. Save a run in two or three formats first.", "Save a run", "save")
    st.stop()

ids = choose_artifacts(entries)
if not ids:
    st.info(
        "Choose at least one artifact; its answers are held against the live model's.", icon=":material/arrow_upward:"
    )
    st.stop()

most = reference(entries[ids[0]].run).rows
left, right = st.columns([1, 2], gap="large")
rows = left.slider(
    "Held-out rows to ask",
    1,
    max(most, 2),
    most,
    key="rows",
    bind="query-params",
    help="Rows that the model never saw in training. All artifacts get the same rows, in the same order.",
)
sources = {}
with right:
    for id_ in ids:
        offered = {choice.key: choice.words for choice in choices(jobs.library, id_)}
        if list(offered) != ["none"] and next(iter(offered)) != "none":
            sources[id_] = st.selectbox(
                f"{get_format(entries[id_].format).label} ({id_}): what brings the half that it lacks?",
                **in_address(f"code-{id_}", list(offered)),
                format_func=offered.get,
                help="This copy is half a model, or has layers of its own: something must bring the other half.",
            )

# Every rerun of this page asks again: what failed or was cancelled begins anew only when a person says so.
job = jobs.compare(ids, rows, sources, again=st.session_state.pop("again", False))
follow(jobs.journal.read(job.id), lambda seen: None)
seen = jobs.journal.read(job.id)
if seen.state == "done":
    show_comparison(seen, entries)
elif not seen.active:
    st.button("Compare again", icon=":material/replay:", on_click=st.session_state.update, args=({"again": True},))
