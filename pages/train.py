"""Choose a demo, set a few numbers, train, and watch."""

import streamlit as st

from core.demos import DEMOS
from ui.job_progress import follow, job_in_address
from ui.navigation import go
from ui.session import current_jobs
from ui.train import TRAIN, ask_settings, choose_demo, draw_curves, say_settings, show_run

st.title("Train a demo")
jobs = current_jobs()
job = job_in_address("train", [TRAIN])

if not job:
    above = st.container()
    st.subheader("All demos")
    demo = choose_demo(DEMOS)
    with above:
        settings = ask_settings(demo)
    if settings:
        st.query_params["job"] = jobs.train(demo.key, **settings).id
        st.rerun()
    st.stop()

say_settings(job)
follow(job, draw_curves)
if not job.active:
    run = jobs.library.run(job.result["run"]) if job.state == "done" else None
    with st.container(horizontal=True):
        if run and st.button("Save it", type="primary", icon=":material/save:"):
            go("save", run=run.id)
        if st.button("Train another", icon=":material/replay:"):
            go("train", demo=job.request["demo"])
    if run:
        show_run(run)
