"""Formats page: the matrix of formats by findings of one run, and what each format is for."""

import streamlit as st

from core.compatibility.matrix import build_matrix, to_csv, to_markdown
from core.exports.download_names import name_of_run
from core.formats import all_formats, formats_at_hand
from core.jobs.elsewhere_answers import find_answers
from core.record import now
from ui.components import describe_runs, show_empty_state
from ui.formats import show_format_descriptions, show_format_matrix, show_formats_in_sentences
from ui.navigation import go
from ui.query_params import bind_select
from ui.session import current_jobs
from ui.size_breakdown import show_folded_strips

st.title("What survives in which format", anchor=False)
jobs = current_jobs()
runs = {run.id: run for run in jobs.library.runs()}
if not runs:
    show_empty_state(
        "The matrix is measured on a run of yours. Train a demo first: it takes a few seconds.",
        "Train a model",
        "train",
    )
    st.header("The formats")
    show_format_descriptions(all_formats())
    st.stop()

labels = describe_runs(jobs.library, runs.values())
run = runs[st.selectbox("Run", **bind_select("run", list(runs)), format_func=labels.__getitem__)]
rows = build_matrix(jobs.library, run.id, find_answers(jobs.job_store, run.id))
tried_formats = {row.format for row in rows}
at_hand = formats_at_hand(run.kind, run.weight_bytes, run.trust)  # others are built first, as Save says of each
missing = [key for key in at_hand if key not in tried_formats]
if missing:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        message = f"{len(missing)} of {len(at_hand)} formats have not been tried on this run."
        st.markdown(message if rows else "No format has been tried on this run yet.")
        if st.button("Try them all", type="primary", icon=":material/done_all:"):
            go("save", job=jobs.save(run.id, missing).id)

if rows:
    st.caption("Measured on copies of this run, each reloaded in a fresh process. Open a line to see how.")
    show_formats_in_sentences(rows)
    st.header("All at a glance")
    show_format_matrix(rows)
    if not any(row.machines for row in rows):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown("No copy of this run was asked on another machine yet.")
            if st.button("Ask on other machines", icon=":material/memory:"):
                go("elsewhere", run=run.id)
    with st.container(horizontal=True):
        name = f"{name_of_run(run)}-formats-{now()[:10]}"
        st.download_button("Markdown", to_markdown(rows), f"{name}.md", icon=":material/download:")
        st.download_button("CSV", to_csv(rows), f"{name}.csv", "text/csv", icon=":material/download:")
    show_folded_strips({row.artifact: row.name for row in rows if row.artifact})

st.header("The formats")
show_format_descriptions(all_formats())
