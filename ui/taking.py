"""What can be taken along of one artifact beside its files: a proof kit, and a folder for TensorFlow Serving."""

import streamlit as st

from core.errors import InputError
from core.formats.contract import Format
from core.kit.serving import is_served, serving_name, serving_version
from core.library import Artifact
from ui.routes import kit_address, serving_address
from ui.words import plain, show_error

KIT_HELP = (
    "A zip with this copy, a few lines of Python that load it, the packages that they need, inputs with the answers "
    "that must come, and verify.py, which says PASS or how far off. It runs anywhere, without Roundtrip."
)
SERVING_HELP = "The same files as NAME/VERSION/…, as a server of TensorFlow models expects to find them."


def show_taking(artifact: Artifact, one: Format) -> None:
    """Buttons, each with what it gives; a kit is made when it is asked for."""
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"taking-{artifact.id}"):
        if one.kit:
            address = kit_address(artifact.id)
            st.link_button("Proof kit", address, icon=":material/verified_user:", help=KIT_HELP)
        if is_served(one.key):
            _serving(artifact)


def _serving(artifact: Artifact) -> None:
    with st.popover("For TensorFlow Serving", icon=":material/dns:", help=SERVING_HELP):
        name = st.text_input("Name of the model", "model", key=f"serving-name-{artifact.id}", max_chars=64)
        version = st.number_input("Version", 1, None, 1, key=f"serving-version-{artifact.id}")
        try:
            address = serving_address(artifact.id, serving_name(name), serving_version(version))
        except InputError as error:
            show_error(error)
            return
        st.link_button("Download as a zip", address, icon=":material/download:", type="primary")
        st.caption(f"In it: {plain(serving_name(name))}/{version}/saved_model.pb and all that belongs to it.")
