"""Parts of the Formats page: the matrix, one row of it cell by cell, and what each format is for."""

import inspect
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.compatibility.checks import COLUMNS
from core.compatibility.columns import STATE_SYMBOLS
from core.compatibility.matrix import NOT_ASKED, MatrixRow, list_empty_columns, list_environments_asked, summarize_row
from core.formats import get_format
from core.formats.base import PARTS, Format
from core.text.labels import mark_imported
from core.versions import installed_versions
from ui.components import PART_MEANINGS, escape_markdown, trust_badge

# Colour of each state on white and on near-black, beside its symbol and word and never instead of them.
STATE_COLOURS = {
    "kept": ("#0F766E", "#2DD4BF"),
    "changed": ("#B45309", "#FBBF24"),
    "lost": ("#B91C1C", "#F87171"),
    "failed": ("#B91C1C", "#F87171"),
    "not verified": ("#57536E", "#A5A1BD"),
    "n/a": ("#57536E", "#A5A1BD"),
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


def state_style(text: str) -> str:
    """Return the CSS of a cell that is a symbol and a state, for either theme; empty for other cells."""
    colours = STATE_COLOURS.get(text[2:])
    return f"color: light-dark({colours[0]}, {colours[1]})" if colours else ""


def show_formats_in_sentences(rows: list[MatrixRow]) -> None:
    """Show what each format loses and changes in a sentence, which unfolds into all of its findings."""
    for row in rows:
        label = f"**{mark_imported(get_format(row.format).label, row)}** · {escape_markdown(summarize_row(row))}"
        icon = ":material/block:" if row.sentence else ":material/description:"
        with st.expander(label, icon=icon, on_change="rerun", key=f"findings-{row.format}") as expander:
            if expander.open:
                show_matrix_row(row)


def show_format_matrix(rows: list[MatrixRow]) -> None:
    """Show the matrix as a table with turned headings; columns that say nothing for this run are folded away."""
    folded = list_empty_columns(rows)
    if folded:
        label = f"Also what does not apply to this model: {', '.join(column.label for column in folded)}"
        folded = [] if st.toggle(label, key="all-columns", bind="query-params") else folded
    columns = [column for column in COLUMNS if column not in folded]
    labels = [mark_imported(get_format(row.format).label, row) for row in rows]
    cells = {column.label: [row.cells[column.key].text for row in rows] for column in columns}
    for key, label in list_environments_asked(rows).items():
        cells[f"In {label}"] = [row.elsewhere.get(key, NOT_ASKED).text for row in rows]
    table = pd.DataFrame({"Format": labels} | cells).style.map(lambda text: state_style(text))
    with st.container(key="matrix"):
        st.table(
            table,
            border="horizontal",
            hide_index=True,
            alt="For each format and each question, whether it was kept or lost",
        )
    names = {state: f"{STATE_SYMBOLS[state]} {SHORT_STATES.get(state, state)}" for state in STATE_MEANINGS}
    st.caption(" · ".join(f"{names[state]}: {meaning}" for state, meaning in STATE_MEANINGS.items()))


def show_matrix_row(row: MatrixRow) -> None:
    """Show one row of the matrix under the name of its format, cell by cell."""
    trust_badge(row.trust)
    _show_machines(row)
    show_cells(row)


def _show_machines(row: MatrixRow) -> None:
    if row.machines:
        st.markdown(f":material/memory: {escape_markdown(row.machines)}")


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
        for key, label in list_environments_asked([row]).items():
            with st.container(border=True, height="stretch"):
                st.markdown(f"**In {escape_markdown(label)}** · {row.elsewhere[key].text}")
                st.markdown(escape_markdown(row.elsewhere[key].words))


def show_format_descriptions(formats: Sequence[Format]) -> None:
    """Show what each format is for, what it claims to keep, what writes and reads it, and where it came from."""
    installed = installed_versions()
    for format_ in formats:
        with st.expander(f"**{format_.label}** · {format_.good_for}", icon=":material/description:"):
            st.markdown(escape_markdown(format_.explains))
            with st.container(horizontal=True, gap="xsmall"):
                for part in PARTS:
                    if part in format_.keeps:
                        st.badge(f"claims {part}", color="violet", help=PART_MEANINGS[part])
            keras = ["keras"] if "keras" in format_.accepts else []
            libraries = (*keras, "tensorflow", *format_.packages.values())
            versions = ", ".join(f"{name} {installed.get(name, 'not installed')}" for name in libraries)
            st.caption(f"Written and read with {versions}. {escape_markdown(format_.origin)}")
