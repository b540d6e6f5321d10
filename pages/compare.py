"""Compare page: predictions of any copies for the same inputs, in fresh processes, and how far apart they are."""

import streamlit as st

from core.inputs import input_specs
from core.inputs.options import offered_inputs
from core.jobs.execution.runner import is_reusable
from core.jobs.participants import require_has_been_run, run_id_of
from core.text.labels import short_labels
from ui.artifact_picker import choose_artifacts, load_artifact_choices, offer_newest_run, warn_missing
from ui.compare.comparison_job import (
    load_comparison,
    remember_comparison,
    restore_last_comparison,
    start_comparison,
)
from ui.compare.input_choice import choose_inputs, is_comparison_requested
from ui.compare.live_panel import LivePanel
from ui.compare.participants import Participants, choose_baseline, choose_placed_copies, choose_sources_of
from ui.compare.tabs import show_comparison_tabs
from ui.compare.verdicts import show_size_chart, show_verdicts
from ui.components import show_nothing_saved
from ui.job_progress import follow_job
from ui.session import current_jobs, load_reference

st.title("Compare", anchor=False)
jobs = current_jobs()
restore_last_comparison()
choices = load_artifact_choices("artifact", "baseline")
if not choices:
    empty_text = "There is nothing to compare yet. Save a run in two or three formats, and compare what they answer."
    show_nothing_saved(empty_text, jobs.library)
    st.stop()

entries = choices.entries
warn_missing(choices.missing)
ids = choose_artifacts(choices, "Copies", "artifact", placeholder="Choose copies")
if not ids:
    message = "Choose at least one copy; its predictions are compared with the live model's."
    st.info(message, icon=":material/arrow_upward:")
    offer_newest_run(choices, "artifact")
    st.stop()
chart_area = st.container()
with st.expander("What they are compared with", icon=":material/tune:"):
    baseline = choose_baseline(choices, ids)
all_ids = list(dict.fromkeys([baseline, *ids]))
require_has_been_run(jobs.library, all_ids)
sources = choose_sources_of(entries, [id_ for id_ in all_ids if id_ in entries])

placed = choose_placed_copies(entries, ids)
run = jobs.library.run(run_id_of(jobs, baseline))
live = LivePanel(run, Participants(baseline, ids, short_labels(all_ids, entries, run), entries, sources))
options = offered_inputs(run, input_specs(jobs.library, baseline), load_reference(run.id))
inputs = choose_inputs(options, live.draw)
if inputs is None:
    st.stop()
if inputs.kind == "typed":
    live.show_predictions(jobs.inputs.read_rows(inputs.id, slice(0, 1)))
    if not is_comparison_requested(inputs):
        st.stop()

# Every rerun of this page requests the comparison; one that failed or was cancelled is repeated on a click only.
is_rerun_requested = st.session_state.pop("again", False)
asked = {"sources": sources, "rerun_failed": is_rerun_requested, "baseline": baseline, "inputs": inputs.id}
job = start_comparison([*ids, *placed], **asked)
remember_comparison()
follow_job(job)
if job.state == "done":
    comparison = load_comparison(job, entries)
    with chart_area:
        show_size_chart(comparison)
    show_verdicts(comparison)
if not job.is_active and not is_reusable(job):
    st.button("Compare again", icon=":material/replay:", on_click=st.session_state.update, args=({"again": True},))
if job.state == "done":
    show_comparison_tabs(comparison)
