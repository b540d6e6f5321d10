"""Train page: choose a demo and its settings, train, and watch the curves."""

import streamlit as st

from core.demos import DEMOS
from ui.job_progress import follow_job, job_from_query
from ui.navigation import go
from ui.session import current_jobs
from ui.train import (
    TRAIN_BUTTON,
    choose_demo,
    draw_training_curves,
    show_settings_form,
    show_train_settings,
    show_trained_run,
)

st.title("Train a demo")
jobs = current_jobs()
job = job_from_query("train", [TRAIN_BUTTON])

if not job:
    settings_area = st.container()
    st.subheader("All demos")
    demo = choose_demo(DEMOS)
    with settings_area:
        settings = show_settings_form(demo)
    if settings:
        st.query_params["job"] = jobs.train(demo.key, **settings).id
        st.rerun()
    st.stop()

show_train_settings(job)
follow_job(job, draw_training_curves)
if not job.is_active:
    run = jobs.library.run(job.result["run"]) if job.state == "done" else None
    with st.container(horizontal=True):
        if run and st.button("Save it", type="primary", icon=":material/save:"):
            go("save", run=run.id)
        if st.button("Train another", icon=":material/replay:"):
            go("train", demo=job.request["demo"])
    if run:
        show_trained_run(run)
