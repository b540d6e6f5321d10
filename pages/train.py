"""Train page: a card for each demo, which trains it; the curves while it learns, and its score at the end."""

import streamlit as st

from core.demos import DEMOS
from ui.job_progress import follow_job, job_from_query
from ui.navigation import go
from ui.session import current_jobs
from ui.train import (
    choose_training,
    draw_training_curves,
    show_done,
    show_train_settings,
    show_trained_run,
    train_buttons,
)

st.title("Train a demo", anchor=False)
jobs = current_jobs()
job = job_from_query("train", train_buttons(DEMOS))

if not job:
    st.markdown("Each trains in a few seconds, and downloads nothing unless you choose MNIST in its settings.")
    if training := choose_training(DEMOS):
        demo, settings = training
        st.query_params["job"] = jobs.train(demo.key, **settings).id
        st.rerun()
    st.stop()

run = jobs.library.run(job.result["run"]) if job.state == "done" else None
if run:
    show_done(run)
show_train_settings(job)
follow_job(job, draw_training_curves)
if not job.is_active:
    with st.container(horizontal=True):
        if run and st.button("Save it", type="primary", icon=":material/save:"):
            go("save", run=run.id)
        if st.button("Train another", icon=":material/replay:"):
            go("train", demo=job.request["demo"])
    if run:
        show_trained_run(run)
