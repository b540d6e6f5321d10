"""Import page: import a model from outside, see what was checked, then inspect, convert or compare it."""

import streamlit as st

from core.demos import DEMOS
from ui.import_model import (
    IMPORT_BUTTON,
    draw_import_progress,
    show_accepted_files,
    show_import_form,
    show_import_result,
    show_import_title,
    start_import,
)
from ui.job_progress import follow_job, job_from_query
from ui.navigation import go
from ui.session import current_jobs

st.title("Import a model", anchor=False)
jobs = current_jobs()
job = job_from_query("import", [IMPORT_BUTTON])

if not job:
    show_accepted_files(jobs)
    form = show_import_form(DEMOS)
    if form and (job := start_import(jobs, form)):
        st.query_params["job"] = job.id
        st.rerun()
    st.stop()

if job.state != "done":
    show_import_title(job)
follow_job(job, draw_import_progress)
if not job.is_active:
    if job.state == "done":
        show_import_result(jobs, job)
    if st.button("Import another", icon=":material/upload_file:"):
        go("import-model")
