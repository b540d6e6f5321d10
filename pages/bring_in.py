"""Bring in a model from outside, see what was checked, and go on: look inside, convert, compare."""

import streamlit as st

from core.demos import DEMOS
from ui.import_model import BRING_IN, ask_files, begin, draw_import, say_what_is_taken, show_import, show_name
from ui.job_progress import follow, job_in_address
from ui.navigation import go
from ui.session import current_jobs

st.title("Bring in a model")
jobs = current_jobs()
job = job_in_address("import", [BRING_IN])

if not job:
    say_what_is_taken(jobs)
    given = ask_files(DEMOS)
    if given and (job := begin(jobs, given)):
        st.query_params["job"] = job.id
        st.rerun()
    st.stop()

if job.state != "done":
    show_name(job)
follow(job, draw_import)
if not job.active:
    if job.state == "done":
        show_import(jobs, job)
    if st.button("Bring in another", icon=":material/upload_file:"):
        go("bring-in")
