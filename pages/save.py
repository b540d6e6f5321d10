"""Save page: choose a run and formats, save, and see the verdict of each copy's reload in a fresh process."""

import streamlit as st

from core.jobs.participants import require_has_been_run
from ui.adviser import show_adviser_of_run
from ui.components import describe_runs, escape_markdown, show_empty_state, trust_badge
from ui.job_progress import follow_job, job_from_query
from ui.navigation import go
from ui.query_params import bind_select
from ui.save import (
    SAVE_BUTTONS,
    draw_save_rows,
    load_saved_copies,
    show_choice,
    show_saved_artifacts,
    show_saved_summary,
)
from ui.session import current_jobs

st.title("Save a run", anchor=False)
jobs = current_jobs()
runs = {run.id: run for run in jobs.library.runs()}
if not runs:
    show_empty_state(
        "There is nothing to save yet. Train a demo first: it takes a few seconds.", "Train a model", "train"
    )
    st.stop()

job = job_from_query("save", SAVE_BUTTONS)

if not job:
    run_help = "One training of a demo, or a model that you added from a notebook."
    run_widget = bind_select("run", list(runs))
    labels = describe_runs(jobs.library, runs.values())
    run = runs[st.selectbox("Run", **run_widget, format_func=labels.__getitem__, help=run_help)]
    trust_badge(run.trust)
    require_has_been_run(jobs.library, [run.id])
    show_choice(run, load_saved_copies(run))
    st.stop()

with st.container(horizontal=True, vertical_alignment="center"):
    st.header(escape_markdown(job.title), width="content")
    if job.request["run"] in runs:
        trust_badge(runs[job.request["run"]].trust)
saved_ids = [row["artifact"] for row in job.format_rows.values() if row["state"] == "done"]
if not job.is_active:  # above the copies, which may be thirty
    show_saved_summary(job)
    with st.container(horizontal=True):
        if saved_ids and st.button("Compare them", type="primary", icon=":material/compare_arrows:"):
            go("compare", artifact=saved_ids)
        if st.button("Save in other formats", icon=":material/replay:"):
            go("save", run=job.request["run"])
follow_job(job, draw_save_rows)
if not job.is_active:
    if saved_ids:
        show_adviser_of_run(job.request["run"])
    show_saved_artifacts(job)
