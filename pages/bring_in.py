"""Bring in a model from outside, see what was checked, and go on: look inside, convert, compare."""

import streamlit as st

from core.demos import DEMOS
from ui.bringing import ask_files, begin, draw_import, say_what_is_taken, show_import
from ui.frame import go
from ui.live import follow
from ui.state import office

st.title("Bring in a model")
jobs = office()
active = next((job for job in jobs.journal.all("import") if job.active), None)
if active and "job" not in st.query_params:
    st.query_params["job"] = active.id  # so that its end, too, is found here
shown = st.query_params.get("job")

if not shown:
    say_what_is_taken(jobs)
    given = ask_files(DEMOS)
    if given and (job := begin(jobs, given)):
        st.query_params["job"] = job.id
        st.rerun()
    st.stop()

job = jobs.journal.read(shown)
follow(job, draw_import)
if not job.active:
    if job.state == "done":
        show_import(jobs, job)
    if st.button("Bring in another", icon=":material/upload_file:"):
        go("bring-in")
