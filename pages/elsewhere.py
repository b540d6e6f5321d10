"""Elsewhere page: ask the copies of a run in other engines, releases and back ends."""

import streamlit as st

from ui.components import describe_runs, show_empty_state, trust_badge
from ui.elsewhere import choose_environments, show_answers, show_costs, show_environments
from ui.job_progress import follow_job, job_from_query
from ui.navigation import go
from ui.query_params import bind_select
from ui.session import current_jobs

ASK_BUTTON = "ask-elsewhere"

st.title("Elsewhere", anchor=False)
st.markdown(
    "A copy that answers right here may not where it is going: under another release, in another engine. Each "
    "environment below has packages of its own, and is asked with the copy's proof kit."
)
jobs = current_jobs()
runs = {run.id: run for run in jobs.library.runs() if jobs.library.artifacts_of(run.id)}
if not runs:
    show_empty_state("There is no copy to ask yet. Train a demo and save it first.", "Save a run", "save")
    st.header("The environments")
    show_environments()
    st.stop()

job = job_from_query("elsewhere", [ASK_BUTTON])
labels = describe_runs(jobs.library, runs.values())
run = runs[st.selectbox("Run", **bind_select("run", list(runs), clears="job"), format_func=labels.__getitem__)]
trust_badge(run.trust)
formats = {jobs.library.artifact(id_).format for id_ in jobs.library.artifacts_of(run.id)}
chosen = choose_environments(formats)
show_costs(chosen)
is_running = bool(job and job.is_active)
with st.container(horizontal=True):
    if st.button(
        "Ask them", type="primary", icon=":material/travel_explore:", key=ASK_BUTTON, disabled=not chosen or is_running
    ):
        keys = [state["environment"] for state in chosen]
        go("elsewhere", **{"run": run.id, "in": keys, "job": jobs.ask_elsewhere(run.id, keys).id})
if job:
    follow_job(job, show_answers)
st.header("The environments")
show_environments()
