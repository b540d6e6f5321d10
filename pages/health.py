"""Health page: the last verification of the library, repairs, workers, the sandbox, diagnostics of the machine."""

import streamlit as st

from ui.health import show_actions, show_diagnostics, show_last_verification, show_maintenance_job, show_sandbox
from ui.workers import show_workers

st.title("Health of the library and the machine", anchor=False)
show_last_verification()
show_actions()
if job := st.query_params.get("job"):
    show_maintenance_job(job)
show_workers()
show_sandbox()
show_diagnostics()
