"""What the library takes on the disk."""

import streamlit as st

from core.library.trash_folder import DiskUsage, measure_disk_usage
from core.text.numbers import format_size
from ui.session import current_jobs

DISK_USAGE_LABELS = {
    "artifacts": "Artifacts",
    "runs": "Runs, with what their models can be rebuilt from",
    "trash": "Trash",
    "jobs": "Found by jobs: comparisons and their answers",
    "inputs": "Sets of inputs",
    "rest": "Catalog, logs and the rest",
}


def show_disk_usage() -> None:
    """Show how much disk space is used, and by what; measured when the expander is opened."""
    with st.expander("Space", icon=":material/hard_drive:", key="space", on_change="rerun") as box:
        if box.open:
            with st.spinner("Looking at every file"):
                _show_disk_usage_table(measure_disk_usage(current_jobs().library.home))


def _show_disk_usage_table(usage: DiskUsage) -> None:
    st.markdown(f"**{format_size(usage.total)}** in all; {format_size(usage.free)} are free on the disk.")
    sizes = [format_size(getattr(usage, name)) for name in DISK_USAGE_LABELS]
    st.table({"": list(DISK_USAGE_LABELS.values()), "Size": sizes})
