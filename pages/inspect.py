"""Inspect page: the parts of one artifact, read without running it, or the diff of two artifacts."""

from functools import partial

import streamlit as st

from core.formats import get_format
from core.text.labels import short_labels
from ui.artifact_picker import choose_one_or_two, load_artifact_choices
from ui.components import escape_markdown, show_ids, show_nothing_saved, trust_badge
from ui.findings import FINDINGS_TAB, show_findings
from ui.inspect.diff import show_diff
from ui.inspect.overview import show_overview
from ui.inspect.part_views import show_config, show_files, show_graph, show_layers, show_operators, show_signatures
from ui.inspect.tensors import OPTIMIZER, WEIGHTS, show_tensors
from ui.query_params import show_tabs
from ui.session import current_jobs
from ui.sharing import show_sharing

st.title("Inspect", anchor=False)
library = current_jobs().library
choices = load_artifact_choices("artifact", "beside")
if not choices:
    empty_text = "There is nothing to look into yet. Save a run in a few formats, and see what is in each copy."
    show_nothing_saved(empty_text, library)
    st.stop()

chosen, beside = choose_one_or_two(choices)
if not chosen:
    message = "Choose an artifact above, and see its files, layers, weights and graph. The model is not run for that."
    st.info(message, icon=":material/arrow_upward:")
    st.stop()

if beside:
    names, entries = short_labels([chosen, beside], choices.entries), choices.entries
    st.header(f"{escape_markdown(names[chosen])} against {escape_markdown(names[beside])}")
    first, second = (entries[id_].run_name or "" for id_ in (chosen, beside))
    runs = f"Both are of “{first}”." if first == second else f"A is of “{first}”, B of “{second}”."
    st.caption(escape_markdown(f"A is {names[chosen]}, B is {names[beside]}. {runs}"))
    show_diff(chosen, beside)
    st.stop()

artifact = library.artifact(chosen)
run = library.run(artifact.run)
st.header(get_format(artifact.format).label)
with st.container(horizontal=True, vertical_alignment="center"):
    st.caption(escape_markdown(library.run_names().get(run.id, run.name)), width="content")
    show_ids({"Artifact": artifact.id, "Run": run.id})
    trust_badge(artifact.trust)
show_sharing(chosen)
show_tabs(
    {
        "Overview": partial(show_overview, artifact, run),
        FINDINGS_TAB: partial(show_findings, artifact, run),
        "Files": partial(show_files, artifact),
        "Signatures": partial(show_signatures, chosen),
        "Layers": partial(show_layers, chosen),
        "Weights": partial(show_tensors, chosen, WEIGHTS),
        "Optimizer": partial(show_tensors, chosen, OPTIMIZER),
        "Config": partial(show_config, chosen),
        "Operators": partial(show_operators, chosen),
        "Graph": partial(show_graph, artifact),
    },
    subject="artifact",
)
