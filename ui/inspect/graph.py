"""The graph of an artifact, drawn by netron inside the page, from our own server."""

import streamlit as st

from core.library.records import Artifact
from ui.routes.addresses import graph_address
from ui.routes.viewer import NOT_DRAWN, drawn_file, token
from ui.words import plain

HEIGHT = 640


def show_graph(artifact: Artifact) -> None:
    st.caption(
        "How values flow from the inputs, at the top, to the answers. Drag to move, scroll to zoom, click a box for "
        "its details."
    )
    shown = drawn_file(artifact.format, [one.path for one in artifact.files])
    if shown is None:
        words = NOT_DRAWN.get(artifact.format, "The viewer knows no file of this kind, so there is nothing to draw.")
        st.info(plain(words), icon=":material/info:")
        return
    st.iframe(graph_address(artifact.id, token(artifact.id)), height=HEIGHT, alt="The graph of the model")
    st.caption(
        f"Drawn from {plain(shown)} by netron, which runs in a closed-off frame and asks for nothing outside of this "
        "machine."
    )
