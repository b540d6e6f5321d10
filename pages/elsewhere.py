"""Elsewhere page: ask the copies of a run in other engines, releases and back ends."""

import streamlit as st

from core.jobs.elsewhere import list_readable_copies
from core.text.labels import pluralize
from ui.components import describe_runs, show_empty_state, trust_badge
from ui.elsewhere import (
    address_of,
    choose_environments,
    choose_machines,
    show_answers,
    show_costs,
    show_environments,
    show_not_asked,
)
from ui.job_progress import follow_job, job_from_query
from ui.navigation import go
from ui.query_params import bind_select
from ui.session import current_jobs

ASK_BUTTON = "ask-elsewhere"

st.title("Elsewhere", anchor=False)
st.markdown(
    "A copy whose answers are right on this machine may fail elsewhere: under another release, in another engine, on "
    "another processor. Each environment below has packages of its own, and is asked with the copy's proof kit."
)
jobs = current_jobs()
runs = {run.id: run for run in jobs.library.runs() if run.has_been_run and jobs.library.artifacts_of(run.id)}
if not runs:
    show_empty_state("There is no copy to ask yet. Train a demo and save it first.", "Save a run", "save")
    st.header("The environments")
    show_environments()
    st.stop()

is_named = "job" in st.query_params
job = job_from_query("elsewhere", [ASK_BUTTON], st.query_params.get("run", ""))
if job and (not is_named or "run" not in st.query_params):
    st.query_params.update(address_of(job))
labels = describe_runs(jobs.library, runs.values())
run = runs[
    st.selectbox("Run", **bind_select("run", list(runs), clears=("job", "in", "on")), format_func=labels.__getitem__)
]
trust_badge(run.trust)
copies = list_readable_copies(jobs.library, run.id)
formats = {copy.format for copy in copies}
chosen = choose_environments(run.id, formats)
on_machines = choose_machines([state["environment"] for state in chosen], formats)
keys = [*(state["environment"] for state in chosen), *on_machines]
show_costs(chosen)
show_not_asked(copies, chosen)
if job and job.request["run"] != run.id:
    job = None
is_running = bool(job and job.is_active)
label = f"Ask in {pluralize(len(keys), 'environment')}" if keys else "Ask"
icon = ":material/travel_explore:"
if st.button(label, type="primary", icon=icon, key=ASK_BUTTON, disabled=not keys or is_running):
    job = jobs.ask_elsewhere(run.id, keys)
    go("elsewhere", **address_of(job), job=job.id)
if job:
    follow_job(job, show_answers)
st.header("The environments")
show_environments()
