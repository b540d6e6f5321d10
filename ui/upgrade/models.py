"""The choice of the models that are asked: uploaded files, or copies of the library."""

from typing import Any, NamedTuple

import streamlit as st

from core.jobs.elsewhere import list_readable_copies
from core.text.labels import short_labels
from core.upgrade.finding import count_models
from ui.components import describe_runs, show_empty_state
from ui.query_params import TABS_KEY, bind_select
from ui.session import current_jobs

FILES, COPIES = "Files", "Copies of the library"


class ChosenModels(NamedTuple):
    """Uploaded files, or copies of the library by their ids."""

    files: list[Any]
    copies: list[str]

    @property
    def is_filled(self) -> bool:
        return bool(self.files or self.copies)

    @property
    def total(self) -> int:
        """How many models they are, as far as their names tell: weights with their architecture are one, a zip too."""
        return count_models(file.name for file in self.files) + len(self.copies)


def choose_models() -> ChosenModels:
    """Show where models come from: files, or copies of a run. What is chosen in the open tab counts."""
    if "copy" in st.query_params and not {TABS_KEY} & {*st.query_params, *st.session_state}:
        # An address with copies opens the tab in which they stand.
        st.query_params[TABS_KEY] = st.session_state[TABS_KEY] = COPIES
    tabs = st.tabs([FILES, COPIES], key=TABS_KEY, bind="query-params", on_change="rerun")
    # Both are drawn: what was uploaded stays while the other tab is open.
    with tabs[0]:
        files = _choose_files()
    with tabs[1]:
        copies = _choose_copies()
    return ChosenModels([], copies) if tabs[1].open else ChosenModels(files, [])


def _choose_files() -> list[Any]:
    files = st.file_uploader("Models", None, accept_multiple_files=True, key="upgraded")
    st.caption(
        "Models of any kind, or a .zip of a folder of them. Weights need their architecture (.json) of the same "
        "name. They are checked as imports are, and run in a sandbox only. The files are not kept; what became of "
        "each model is, and what was cured. A folder: `roundtrip upgrade`."
    )
    return list(files or [])


def _choose_copies() -> list[str]:
    library = current_jobs().library
    runs = {run.id: run for run in library.runs() if run.has_been_run and library.artifacts_of(run.id)}
    if not runs:
        text = "There is no copy in the library yet. Train a demo and save it first."
        show_empty_state(text, "Save a run", "save")
        return []
    labels = describe_runs(library, runs.values())
    run = st.selectbox("Run", **bind_select("run", list(runs), clears=("copy",)), format_func=labels.__getitem__)
    readable = {copy.id: copy for copy in list_readable_copies(library, run)}
    names = short_labels(list(readable), readable)
    return st.multiselect("Copies", **bind_select("copy", list(readable), many=True), format_func=names.__getitem__)
