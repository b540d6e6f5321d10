"""Is everything as it was kept, what to do where it is not, and how this machine does."""

import streamlit as st

from ui.health import act, show_job, show_machine, show_sandbox, show_verdict
from ui.session import current_jobs

st.title("Health")
show_verdict(current_jobs().library)
act()
if job := st.query_params.get("job"):
    show_job(job)
show_sandbox()
show_machine()
