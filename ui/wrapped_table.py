"""A table whose words wrap, so that no column is out of sight; where the window is narrow, each row is a card."""

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

NOTHING = "–"
TONES = {"✓": "good", "≈": "good", "≠": "fair", "✗": "bad"}  # by the symbol with which a cell begins


def show_wrapped_table(columns: Mapping[str, Sequence[str]], alt: str) -> None:
    """Show columns of plain text by their headings; the first names the rows. `alt` says what the table is of."""
    st.html(render_wrapped_table(columns, alt))


def render_wrapped_table(columns: Mapping[str, Sequence[str]], alt: str) -> str:
    """Return the table as HTML, without columns in which no row has anything. Texts are escaped."""
    first, *others = columns
    shown = [first, *(name for name in others if any(text != NOTHING for text in columns[name]))]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in shown)
    rows = zip(*(columns[name] for name in shown), strict=True)
    body = "".join(f"<tr>{_render_row(shown, row)}</tr>" for row in rows)
    table = f'<table aria-label="{escape(alt)}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="wrapped-table">{table}</div>'


def _render_row(names: Sequence[str], texts: Sequence[str]) -> str:
    title = f'<th scope="row">{escape(texts[0])}</th>'
    return title + "".join(
        f'<td data-column="{escape(name)}" class="{_tone(text)}">{escape(text)}</td>'
        for name, text in zip(names[1:], texts[1:], strict=True)
    )


def _tone(text: str) -> str:
    return "nothing" if text == NOTHING else TONES.get(text[:1], "plain")
