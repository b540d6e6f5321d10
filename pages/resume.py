"""Train copies of a run on, beside its live model, and see which of them carry on where the training stopped."""

import streamlit as st

from core.jobs.resume import EPOCHS
from core.jobs.runner import is_settled
from core.text.labels import short_names
from ui.artifact_picker import offer
from ui.components import empty
from ui.job_progress import follow
from ui.resume import ask_sources, choose_copies, choose_run, draw_growing, show_resumed, with_copies
from ui.session import current_jobs

st.title("Carry on training")
jobs = current_jobs()
runs = with_copies(jobs.library.kinds("run"), jobs.library.runs())
if not runs:
    empty("There is no copy to carry on with yet. Train a demo and save it first.", "Save a run", "save")
    st.stop()

run = choose_run(runs)
offered = offer("artifact", run=run.id)
if not offered:  # removed a moment ago
    empty("The copies of this run were removed. Save it again to carry on with it.", "Save a run", "save")
    st.stop()
left, right = st.columns([2, 1], gap="large")
with left:
    ids = choose_copies(offered)
epochs = right.slider(
    "Epochs",
    1,
    EPOCHS,
    2,
    key="epochs",
    bind="query-params",
    help="How often each sees all of the training data again. All get the same rows in the same order.",
)
names = short_names(ids, offered.entries)
sources = ask_sources(ids, names)
if not ids:
    st.info("Choose at least one copy; the live model trains on beside it.", icon=":material/arrow_upward:")
    st.stop()

asked = (run.id, ids, epochs, sources)
job = jobs.resumed(*asked)
known = job is not None and (job.active or is_settled(job))
st.button(
    "Train on",
    type="primary",
    icon=":material/play_arrow:",
    on_click=jobs.resume,
    args=asked,
    disabled=known,
    help="The same choice gives the same result, which stands below." if known else None,
)
if job:
    follow(job, lambda seen: draw_growing(seen, run, names))
    seen = jobs.journal.read(job.id)
    if seen.state == "done":
        show_resumed(seen, run, names)
