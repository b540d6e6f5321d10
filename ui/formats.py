"""Parts of the Formats page: the matrix, one row of it cell by cell, and what each format is for."""

import inspect
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.compatibility.checks import COLUMNS
from core.compatibility.columns import STATE_SYMBOLS
from core.compatibility.matrix import MatrixRow
from core.formats import get_format
from core.formats.base import PARTS, Format
from core.text.labels import mark_imported
from core.versions import installed_versions
from ui.components import PART_MEANINGS, escape_markdown, trust_badge

# CSS of each state, beside its symbol and word and never instead of them.
STATE_COLOURS = {
    "kept": "color: #0D9488",
    "changed": "color: #D97706",
    "lost": "color: #DC2626",
    "failed": "color: #DC2626",
    "not verified": "color: #8A87A0",
    "n/a": "color: #8A87A0",
}
SHORT_STATES = {"not applicable": "n/a"}
STATE_MEANINGS = {
    "kept": "came back as it was",
    "changed": "came back, and is not the same",
    "lost": "did not come back",
    "failed": "could not be tried, or gives no numbers",
    "not verified": "there was not the time or the memory to try it",
    "not applicable": "this model has no such thing, or this runtime cannot show it",
}


def show_format_matrix(rows: list[MatrixRow]) -> MatrixRow | None:
    """Show the matrix, sortable by every column. Returns the selected row, or the first without a selection."""
    columns = {"Format": [mark_imported(get_format(row.format).label, row) for row in rows]}
    columns |= {column.label: [row.cells[column.key].text for row in rows] for column in COLUMNS}
    config = {column.label: st.column_config.TextColumn(help=column.description, width="small") for column in COLUMNS}
    event = st.dataframe(
        pd.DataFrame(columns).style.map(lambda text: STATE_COLOURS.get(text[2:], "")),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config=config | {"Format": st.column_config.TextColumn(pinned=True)},
        height=min(38 + 35 * len(rows), 820),
        key="matrix",
        alt="For each format and each question, whether it was kept, changed or lost",
    )
    names = {state: f"{STATE_SYMBOLS[state]} {SHORT_STATES.get(state, state)}" for state in STATE_MEANINGS}
    st.caption(" · ".join(f"{names[state]}: {meaning}" for state, meaning in STATE_MEANINGS.items()))
    selected = [position for position in event.selection.rows if position < len(rows)]
    return rows[selected[0] if selected else 0] if rows else None


def show_matrix_row(row: MatrixRow) -> None:
    """Show one row of the matrix under the name of its format, cell by cell."""
    format_ = get_format(row.format)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(format_.label, width="content")
        trust_badge(row.trust)
    show_cells(row)


def show_cells(row: MatrixRow, first: str = "") -> None:
    """Show each finding of a row of the matrix, its explanation, and the code that tried it.

    The column `first` stands first, where there is one of that key.
    """
    if row.sentence:
        st.error(escape_markdown(row.sentence))
    for part in row.find_contradictions():
        st.warning(
            f"The format claims to keep the {part}, and this copy shows that it did not. Trust the copy.",
            title="The claim does not hold for this model",
            icon=":material/report:",
        )
    if row.sentence:
        return
    with st.grid(2, min_column_width=320):
        for column in sorted(COLUMNS, key=lambda column: column.key != first):
            cell = row.cells[column.key]
            with st.container(border=True, height="stretch"):
                st.markdown(f"**{column.label}** · {cell.text}")
                st.markdown(escape_markdown(cell.words))
                if cell.state == "not applicable":
                    continue
                st.caption(column.description)
                with st.popover("The code that tried it", type="tertiary", icon=":material/science:"):
                    st.code(inspect.getsource(column.probe or get_format(row.format).load))


def show_format_descriptions(formats: Sequence[Format]) -> None:
    """Show what each format is for, what it claims to keep, what writes and reads it, and where it came from."""
    installed = installed_versions()
    for format_ in formats:
        with st.expander(f"{format_.label} · {format_.good_for}", icon=":material/description:"):
            st.markdown(escape_markdown(format_.explains))
            with st.container(horizontal=True, gap="xsmall"):
                for part in PARTS:
                    if part in format_.keeps:
                        st.badge(f"claims {part}", color="violet", help=PART_MEANINGS[part])
            keras = ["keras"] if "keras" in format_.accepts else []
            libraries = (*keras, "tensorflow", *format_.packages.values())
            versions = ", ".join(f"{name} {installed.get(name, 'not installed')}" for name in libraries)
            st.caption(f"Written and read with {versions}. {escape_markdown(format_.origin)}")
