"""Choose a run and formats, save, and see what a fresh process made of each copy."""

import streamlit as st

from core.formats import all_formats
from core.jobs.participants import require_run
from ui.components import empty, plain, trust_badge
from ui.job_progress import follow, job_in_address
from ui.navigation import go
from ui.query_params import in_address
from ui.save import choose_formats, describe_run, draw_rows, show_artifacts
from ui.session import current_jobs

PRESSED = ("save-some", "save-all")  # keys of buttons: whoever presses one is not shown what another has begun

st.title("Save a run")
jobs = current_jobs()
runs = {run.id: run for run in jobs.library.runs()}
if not runs:
    empty("There is nothing to save yet. Train a demo first: it takes a few seconds.", "Train a model", "train")
    st.stop()

job = job_in_address("save", PRESSED)

if not job:
    asked = "One training of a demo, or a model that you added from a notebook."
    bound = in_address("run", list(runs))
    run = runs[st.selectbox("Run", **bound, format_func=lambda id_: describe_run(runs[id_]), help=asked)]
    trust_badge(run.trust)
    require_run(jobs.library, [run.id])
    above = st.container(horizontal=True)
    chosen, options = choose_formats(run, all_formats())
    words = f"Save in {len(chosen)} format{'' if len(chosen) == 1 else 's'}" if chosen else "Save"
    every = [one.key for one in all_formats() if not one.refuses(run.kind, run.weight_bytes)]
    with above:
        some = st.button(words, type="primary", icon=":material/save:", disabled=not chosen, key=PRESSED[0])
        all_ = st.button(f"Save in all {len(every)}", icon=":material/done_all:", key=PRESSED[1])
    if some or all_:
        st.query_params["job"] = jobs.save(run.id, every if all_ else chosen, options).id
        st.rerun()
    st.stop()

with st.container(horizontal=True, vertical_alignment="center"):
    st.subheader(plain(job.title), width="content")
    if job.request["run"] in runs:
        trust_badge(runs[job.request["run"]].trust)
follow(job, draw_rows)
if not job.active:
    kept = [row["artifact"] for row in job.rows.values() if row["state"] == "done"]
    with st.container(horizontal=True):
        if kept and st.button("Compare them", type="primary", icon=":material/compare_arrows:"):
            go("compare", artifact=kept)
        if st.button("Save in other formats", icon=":material/replay:"):
            go("save", run=job.request["run"])
    show_artifacts(job)
