"""Look into one artifact without running it; or hold it against another, part by part."""

from functools import partial

import streamlit as st

from core.formats import get_format
from core.text.labels import short_names
from ui.artifact_picker import offer
from ui.components import empty, plain, trust_badge
from ui.inspect.diff import show_difference
from ui.inspect.metadata import show_config, show_layers, show_operators, show_signatures
from ui.inspect.overview import choose, show_files, show_graph, show_overview, tabs
from ui.inspect.tensors import OPTIMIZER, WEIGHTS, show_tensors
from ui.session import current_jobs
from ui.sign_in import show_sharing

st.title("Inspect")
library = current_jobs().library
offered = offer("artifact", "beside")
if not offered:
    nothing = "There is nothing to look into yet. Save a run in a few formats, and see what is in each copy."
    empty(nothing, *(("Save a run", "save") if library.runs() else ("Train a model", "train")))
    st.stop()

chosen, beside = choose(offered)
if not chosen:
    words = "Choose an artifact above, and see its files, layers, weights and graph. The model is not run for that."
    st.info(words, icon=":material/arrow_upward:")
    st.stop()

if beside:
    names, entries = short_names([chosen, beside], offered.entries), offered.entries
    st.subheader(f"{plain(names[chosen])} against {plain(names[beside])}")
    runs = [f"{which} is {id_}, of the run {entries[id_].run_name}" for which, id_ in (("A", chosen), ("B", beside))]
    st.caption(plain("; ".join(runs)))
    show_difference(chosen, beside)
    st.stop()

artifact = library.artifact(chosen)
run = library.run(artifact.run)
st.subheader(get_format(artifact.format).label)
with st.container(horizontal=True, vertical_alignment="center"):
    st.caption(f"{plain(run.name)} · {artifact.id}", width="content")
    trust_badge(artifact.trust)
show_sharing(chosen)
tabs(
    {
        "Overview": partial(show_overview, artifact, run),
        "Files": partial(show_files, artifact),
        "Signatures": partial(show_signatures, chosen),
        "Layers": partial(show_layers, chosen),
        "Weights": partial(show_tensors, chosen, WEIGHTS),
        "Optimizer": partial(show_tensors, chosen, OPTIMIZER),
        "Config": partial(show_config, chosen),
        "Operators": partial(show_operators, chosen),
        "Graph": partial(show_graph, artifact),
    }
)
