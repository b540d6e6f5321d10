"""Sweep page: many models in many formats, environments and kinds of machine, as one table."""

import streamlit as st

from core.jobs.sweep import Sweeps
from core.text.labels import pluralize
from ui.job_progress import follow_job, job_from_query
from ui.session import current_jobs
from ui.sweep.choice import choose_plan, show_example, show_no_runs, show_size, take_plan_of
from ui.sweep.results import show_earlier, show_next_step, show_sweep

SWEEP_BUTTON = "start-sweep"

st.title("Sweep", anchor=False)
st.markdown(
    "Many models at once: each in every format that you choose, asked in every environment and on every kind of "
    "machine, or before and after an upgrade. It can be paused; what was found out is not asked again."
)
jobs = current_jobs()
job = job_from_query("sweep", [SWEEP_BUTTON])
runs = {run.id: run for run in jobs.library.runs() if run.has_been_run}
if runs:
    take_plan_of(job)
    plan = choose_plan(runs)
    size = show_size(plan) if plan else None
    label = f"Sweep {pluralize(size.rows, 'row')}" if size else "Sweep"
    is_ready = bool(size and size.rows) and not (job and job.is_active)
    if st.button(label, type="primary", icon=":material/grid_on:", key=SWEEP_BUTTON, disabled=not is_ready) and plan:
        names = [runs[key].name for key in plan.models if key in runs]
        st.query_params["job"] = Sweeps(jobs).start(plan, title=", ".join(names)[:80] or "Every run").id
        st.rerun()
elif not job:
    show_no_runs()
if job:
    follow_job(job, show_sweep, stop="Pause")
    show_next_step(job)
if runs:
    show_example()
show_earlier(job.id if job else "")
