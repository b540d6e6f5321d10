"""What opens a copy in a program of one's own, and what must be known or done first."""

import streamlit as st

from core.exports.kit_conditions import KitConditions, describe_model_script, find_kit_conditions, list_warnings
from core.exports.opening_lines import PYTHON_INTRODUCTION, SHELL_LINES, render_python_lines
from ui.components import escape_markdown
from ui.session import current_jobs


def show_opening_lines(artifact_id: str) -> None:
    """Show what opens a copy without Roundtrip; nothing where there is no proof kit of it."""
    if conditions := find_kit_conditions(current_jobs().library, artifact_id):
        st.markdown("**Open it yourself**")
        _show_warnings(conditions)
        st.markdown("Download the proof kit (its button is below the list of files), unpack it, and in its folder:")
        st.code(SHELL_LINES, language="bash")
        st.markdown(f"`load.py` loads it without Roundtrip. {PYTHON_INTRODUCTION}")
        st.code(render_python_lines(conditions.copy.is_one_call))


def _show_warnings(conditions: KitConditions) -> None:
    for warning in list_warnings(conditions, escape_markdown):
        st.warning(warning, icon=":material/warning:")
    for sentence in describe_model_script(conditions.code):
        st.markdown(sentence)
