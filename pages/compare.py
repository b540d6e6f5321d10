"""Ask any copies the same questions in fresh processes, and show what each answered, how far it is off, and why."""

from functools import partial

import streamlit as st

from core.inputs import specs_of
from core.jobs.participants import require_run, run_of
from core.jobs.runner import is_settled
from core.text.labels import short_names
from ui.artifact_picker import choose_many, offer, say_missing
from ui.compare.inputs import ask_inputs
from ui.compare.live import can_draw, draw_and_answer, show_panel
from ui.compare.tabs import show_views
from ui.compare.verdicts import ask_sources, choose_baseline, compare, finished_comparison, in_depth, show_verdicts
from ui.components import empty
from ui.job_progress import follow
from ui.session import current_jobs

st.title("Compare")
jobs = current_jobs()
offered = offer("artifact", "baseline")
if not offered:
    empty("There is nothing to compare yet. Save a run in two or three formats first.", "Save a run", "save")
    st.stop()

entries = offered.entries
say_missing(offered.missing)
left, right = st.columns([3, 2], gap="large")
with left:
    ids = choose_many(offered, "Copies", "artifact")
if not ids:
    words = "Choose at least one copy; its answers are held against the live model's."
    st.info(words, icon=":material/arrow_upward:")
    st.stop()
with right:
    baseline = choose_baseline(offered, ids)
everybody = list(dict.fromkeys([baseline, *ids]))
require_run(jobs.library, everybody)
sources = ask_sources(entries, [one for one in everybody if one in entries])

run = jobs.library.run(run_of(jobs, baseline))
names = short_names(everybody, entries, run)
answering = partial(draw_and_answer, run, everybody, sources, names)
inputs = ask_inputs(run, specs_of(jobs.library, baseline), answering if can_draw(run) else None)
if inputs is None:
    st.stop()
if inputs.kind == "typed":
    show_panel(run, everybody, sources, names, jobs.inputs.take(inputs.id, slice(0, 1)))
    if not in_depth(inputs):
        st.stop()

# Every rerun of this page asks again: what failed or was cancelled begins anew only when a person says so.
again = st.session_state.pop("again", False)
job = compare(ids, sources=sources, again=again, baseline=baseline, inputs=inputs.id)
follow(jobs.journal.read(job.id), lambda seen: None)
seen = jobs.journal.read(job.id)
if seen.state == "done":
    comparison = finished_comparison(seen, entries)
    show_verdicts(comparison)
if not seen.active and not is_settled(seen):
    st.button("Compare again", icon=":material/replay:", on_click=st.session_state.update, args=({"again": True},))
if seen.state == "done":
    show_views(comparison, entries)
