"""Upgrade page: what breaks when packages are upgraded, for models from outside or of the library."""

import streamlit as st

from core.text.labels import pluralize
from ui.job_progress import follow_job
from ui.upgrade.choice import (
    BISECT_BUTTON,
    UPGRADE_BUTTON,
    choose_models,
    choose_sides,
    find_job,
    read_sides,
    show_costs,
    start_bisect,
    start_upgrade,
    why_no_search,
)
from ui.upgrade.results import show_bisect, show_upgrade

st.title("Upgrade", anchor=False)
st.markdown(
    "What breaks when you upgrade? Each model predicts the same rows twice: with the packages before the upgrade, and "
    "with those after it. What no longer loads is cured where that can be done, and the cure is tried, too."
)
job = find_job()
models = choose_models()
sides = read_sides()
chosen = choose_sides(sides, job)
if chosen:
    show_costs(sides, chosen)
    is_ready = models.is_filled and not (job and job.is_active)
    reason = why_no_search(sides, chosen, models.total)
    if not models.total:
        st.caption("Choose at least one model.")
    asks_again = st.checkbox(
        "Ask again", help="Also models that were asked before between the same two; otherwise what was found is shown."
    )
    label = f"Check {pluralize(models.total, 'model')}" if models.total else "Check the upgrade"
    with st.container(horizontal=True):
        wants_upgrade = st.button(
            label, type="primary", icon=":material/upgrade:", key=UPGRADE_BUTTON, disabled=not is_ready
        )
        wants_bisect = st.button(
            "Find the release",
            icon=":material/troubleshoot:",
            key=BISECT_BUTTON,
            disabled=bool(reason) or not is_ready,
            help="For one model: the first release of Keras between the two that answers otherwise. "
            + (reason or "The releases between them are built first where they are not."),
        )
    started = start_upgrade(models, chosen, asks_again) if wants_upgrade else None
    started = start_bisect(models, chosen) if wants_bisect else started
    if started:
        st.query_params["job"] = started.id
        st.rerun()
if job:
    follow_job(job, show_bisect if job.kind == "bisect" else show_upgrade)
