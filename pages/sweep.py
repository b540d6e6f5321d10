"""Sweep page: many models in many formats, environments and kinds of machine, as one table."""

import streamlit as st

from core.text.labels import pluralize
from ui.job_progress import follow_job, job_from_query
from ui.session import current_jobs
from ui.sweep.choice import choose_sweep, show_example, show_no_runs, show_size, start_sweep, take_plan_of
from ui.sweep.results import PAGE_PARAM, show_earlier, show_next_step, show_sweep

SWEEP_BUTTON = "start-sweep"

st.title("Sweep", anchor=False)
st.markdown(
    "Many models at once: each in every format that you choose, asked in every environment and on every kind of "
    "machine, or before and after an upgrade. It can be paused; what was found out is not asked again."
)
jobs = current_jobs()
job = job_from_query("sweep", [SWEEP_BUTTON])
runs = {run.id: run for run in jobs.library.runs() if run.has_been_run}
if not runs:
    show_no_runs()
take_plan_of(job)
chosen = choose_sweep(runs)
size = show_size(chosen) if chosen else None
label = f"Sweep {pluralize(size.rows, 'row')}" if size else "Sweep"
is_ready = bool(size and size.rows) and not (job and job.is_active)
if st.button(label, type="primary", icon=":material/grid_on:", key=SWEEP_BUTTON, disabled=not is_ready) and chosen:
    with st.spinner("Laying out the models"):
        started = start_sweep(chosen, runs)
    if started:
        st.query_params.pop(PAGE_PARAM, None)  # of the table that was shown
        st.query_params["job"] = started.id
        st.rerun()
if job:
    follow_job(job, show_sweep, stop="Pause")
    show_next_step(job)
show_example(is_expanded=not runs)
show_earlier(job.id if job else "")
