"""What survives in which format: the matrix of one run, and what each format is for."""

import streamlit as st

from core.compatibility.matrix import as_csv, as_markdown, matrix
from core.formats import all_formats
from ui.components import empty
from ui.formats import about, show_cell, show_matrix
from ui.navigation import go
from ui.query_params import in_address
from ui.save import describe_run
from ui.session import current_jobs

st.title("What survives in which format")
jobs = current_jobs()
runs = {run.id: run for run in jobs.library.runs()}
if not runs:
    empty("The matrix is measured on a run of yours. Train a demo first: it takes a few seconds.", "Train", "train")
    st.subheader("The formats")
    about(all_formats())
    st.stop()

run = runs[st.selectbox("Run", **in_address("run", list(runs)), format_func=lambda id_: describe_run(runs[id_]))]
rows = matrix(jobs.library, run.id)
tried = {row.format for row in rows}
missing = [one.key for one in all_formats() if one.key not in tried and not one.refuses(run.kind, run.weight_bytes)]
if missing:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        words = f"{len(missing)} of {len(all_formats())} formats have not been tried on this run."
        st.markdown(words if rows else "No format has been tried on this run yet.")
        if st.button("Try them all", type="primary", icon=":material/done_all:"):
            go("save", job=jobs.save(run.id, missing).id)

if rows:
    st.caption("Each cell was measured on a copy of this run, reloaded in a fresh process. Select a row to see how.")
    picked = show_matrix(rows)
    with st.container(horizontal=True):
        st.download_button("Markdown", as_markdown(rows), f"{run.id}.md", icon=":material/download:")
        st.download_button("CSV", as_csv(rows), f"{run.id}.csv", "text/csv", icon=":material/download:")
    if picked:
        show_cell(picked)

st.subheader("The formats")
about(all_formats())
