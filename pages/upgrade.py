"""Upgrade page: what breaks when packages are upgraded, for models from outside or of the library."""

import streamlit as st

from ui.job_progress import follow_job
from ui.navigation import go
from ui.session import current_jobs
from ui.upgrade import (
    BISECT_BUTTON,
    UPGRADE_BUTTON,
    choose_models,
    choose_sides,
    find_job,
    show_bisect,
    show_sides_costs,
    show_upgrade,
    start_bisect,
    start_upgrade,
)

st.title("Upgrade", anchor=False)
st.markdown(
    "What breaks when you upgrade? Each model is asked with the packages of before, then the same rows with those of "
    "after. What does not load there is cured where that can be done, and the cure is asked, too."
)
jobs = current_jobs()
job = find_job()
chosen = choose_models()
source, target = choose_sides(job)
show_sides_costs(source, target)
is_running = bool(job and job.is_active)
is_ready = chosen.is_filled and not is_running
with st.container(horizontal=True):
    upgrade_label = "Check the upgrade"
    wants_upgrade = st.button(
        upgrade_label, type="primary", icon=":material/upgrade:", key=UPGRADE_BUTTON, disabled=not is_ready
    )
    wants_bisect = st.button(
        "Find the release",
        icon=":material/troubleshoot:",
        key=BISECT_BUTTON,
        disabled=not (is_ready and chosen.total == 1),
        help="For one model: the first release of Keras between the two that answers otherwise. The releases between "
        "them are built first where they are not.",
    )
started = start_upgrade(chosen, source, target) if wants_upgrade else None
started = start_bisect(chosen, source, target) if wants_bisect else started
if started:
    go("upgrade", **{"from": source, "to": target, "job": started.id})
if job:
    follow_job(job, show_bisect if job.kind == "bisect" else show_upgrade)
