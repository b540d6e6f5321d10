"""The choice of the models that are asked: files that are sent, or copies of the library."""

from typing import NamedTuple

import streamlit as st

from core.jobs.elsewhere import list_readable_copies
from core.text.labels import short_labels
from core.upgrade.candidates import count_models
from ui.components import describe_runs, show_empty_state
from ui.query_params import TABS_KEY, bind_multiselect, bind_select
from ui.session import current_jobs
from ui.uploader import ChosenFiles, choose_files

FILES, COPIES = "Files", "Copies of the library"
FILES_KEY = "upgraded-files"  # of the control that sends them


class ChosenModels(NamedTuple):
    """Files that were sent, or copies of the library by their ids."""

    sent: ChosenFiles
    copies: list[str]

    @property
    def is_filled(self) -> bool:
        return bool(self.sent.files or self.copies) and not self.sent.pending

    @property
    def total(self) -> int:
        """How many models they are, as far as their names tell: weights with their architecture are one, a zip too."""
        return count_models(file.name for file in self.sent.files) + len(self.copies)


def choose_models() -> ChosenModels:
    """Show where models come from: files, or copies of a run. What is chosen in the open tab counts."""
    if "copy" in st.query_params and not {TABS_KEY} & {*st.query_params, *st.session_state}:
        # An address with copies opens the tab in which they stand.
        st.query_params[TABS_KEY] = st.session_state[TABS_KEY] = COPIES
    tabs = st.tabs([FILES, COPIES], key=TABS_KEY, bind="query-params", on_change="rerun")
    # Both are drawn: what was sent stays while the other tab is open.
    with tabs[0]:
        sent = _choose_files()
    with tabs[1]:
        copies = _choose_copies()
    return ChosenModels(ChosenFiles([], []), copies) if tabs[1].open else ChosenModels(sent, [])


def _choose_files() -> ChosenFiles:
    sent = choose_files("Models", FILES_KEY)
    hours = f"{current_jobs().uploads.hours:g}"
    st.caption(
        "Models of any kind, or a .zip of a folder of them. Weights need their architecture (.json) of the same "
        "name. They are checked as imports are, and run in a sandbox only. The files stay here for the next question "
        f"until you remove them, and are deleted after {hours} hours; what became of each model is kept, and what was "
        "cured. A folder is asked from the command line: `roundtrip upgrade PATH`."
    )
    return sent


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
    return st.multiselect("Copies", **bind_multiselect("copy", list(readable)), format_func=names.__getitem__)
