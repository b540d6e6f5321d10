"""Resume page: train copies of a run on beside its live model, and see which resume where training stopped."""

from typing import Any

import streamlit as st

from core.jobs.execution.runner import is_reusable
from core.jobs.resume import MAX_EPOCHS
from core.text.labels import short_labels
from ui.artifact_picker import load_artifact_choices, offer_newest_run
from ui.components import show_empty_state, show_nothing_saved
from ui.job_progress import follow_job
from ui.resume import (
    choose_copies,
    choose_run,
    choose_sources_of,
    draw_running_curves,
    runs_with_copies,
    show_resume_result,
)
from ui.session import current_jobs

st.title("Resume training", anchor=False)
jobs = current_jobs()
runs = runs_with_copies(jobs.library.count_values("run"), jobs.library.runs())
if not runs:
    show_nothing_saved("There is no copy to resume from yet. Train a demo, then save it.", jobs.library)
    st.stop()

run = choose_run(runs)
choices = load_artifact_choices("artifact", run=run.id)
if not choices:  # removed a moment ago
    show_empty_state("The copies of this run were removed. Save it again to resume from it.", "Save a run", "save")
    st.stop()
left, right = st.columns([2, 1], gap="large")
with left:
    ids = choose_copies(choices)
epochs = right.slider(
    "Epochs",
    1,
    MAX_EPOCHS,
    2,
    key="epochs",
    bind="query-params",
    help="How often each sees all of the training data again. All get the same rows in the same order.",
)
names = short_labels(ids, choices.entries)
sources = choose_sources_of(ids, names)
if not ids:
    st.info("Choose at least one copy; the live model trains on beside it.", icon=":material/arrow_upward:")
    offer_newest_run(choices, "artifact", "This run")
    st.stop()

request = (run.id, ids, epochs, sources)
job = jobs.find_resume_job(*request)
is_started_or_done = job is not None and (job.is_active or is_reusable(job))


def start_training(*request: Any) -> None:
    jobs.resume(*request)


st.button(
    "Resume training",
    type="primary",
    icon=":material/play_arrow:",
    on_click=start_training,
    args=request,
    disabled=is_started_or_done,
    help="The same choice gives the same result, which stands below." if is_started_or_done else None,
)
if job:
    follow_job(job, lambda seen: draw_running_curves(seen, run, names))
    current = jobs.job_store.read(job.id)
    if current.state == "done":
        show_resume_result(current, run, names)
