"""Choose a run and formats, save, and see what a fresh process made of each copy."""

import streamlit as st

from core.formats import all_formats
from ui.address import in_address
from ui.frame import go
from ui.live import follow
from ui.saving import choose_formats, draw_rows, show_artifacts
from ui.state import office
from ui.words import empty, moment, score

st.title("Save a run")
jobs = office()
runs = {run.id: run for run in jobs.library.runs()}
if not runs:
    empty("There is nothing to save yet. Train a demo first: it takes a few seconds.", "Train a model", "train")
    st.stop()

active = next((job for job in jobs.journal.all("save") if job.active), None)
shown = active.id if active else st.query_params.get("job")

run_id = st.selectbox(
    "Run",
    **in_address("run", list(runs)),
    format_func=lambda id_: (
        f"{runs[id_].name} · {score(runs[id_].score_name, runs[id_].score)} · {moment(runs[id_].created)}"
    ),
    help="One training of a demo, or a model that you added from a notebook.",
)
run = runs[run_id]
chosen, options = choose_formats(run, all_formats())
pressed = st.button(
    f"Save in {len(chosen)} format{'' if len(chosen) == 1 else 's'}" if chosen else "Save",
    type="primary",
    icon=":material/save:",
    disabled=not chosen or active is not None,
)
if pressed:
    job = jobs.save(run.id, chosen, options)
    st.query_params["job"] = job.id
    st.rerun()

if shown:
    job = jobs.journal.read(shown)
    st.subheader("What came of it")
    follow(job, draw_rows)
    if job.state == "done":
        kept = [row["artifact"] for row in job.result["rows"].values() if row["state"] == "done"]
        if kept and st.button("Compare them", type="primary", icon=":material/compare_arrows:"):
            go("compare", artifact=kept)
        show_artifacts(job)
