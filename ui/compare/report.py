"""A comparison as files to keep and to send."""

import streamlit as st

from core.report import KINDS
from ui.compare.comparing import Comparison
from ui.compare.tolerating import wanted_tolerances
from ui.routes import report_address

ICONS = {"html": ":material/article:", "json": ":material/data_object:", "csv": ":material/table:"}


def show_report(comparison: Comparison) -> None:
    """A button for each kind of report, with what is in it; a report is made when it is asked for."""
    wanted = wanted_tolerances()
    with st.grid(3, min_column_width=270):
        for kind, words in KINDS.items():
            with st.container(border=True, height="stretch", key=f"report-{kind}"):
                st.markdown(f"**{kind.upper()}**")
                st.markdown(f"{words[0].upper()}{words[1:]}.")
                st.link_button(
                    f"Download {kind.upper()}",
                    report_address(comparison.job.id, kind, wanted),
                    icon=ICONS[kind],
                    type="primary" if kind == "html" else "secondary",
                )
    if wanted:
        st.caption("The tolerances that you set under Numbers are in them, with who passes and who fails.")
    st.caption("The same from the command line: `python -m core compare ID... --report FILE`.")
