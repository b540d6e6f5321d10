"""A table whose words wrap, so that few columns are out of sight; where the window is narrow, each row is a card.

Roles stand in the markup: a browser may forget those of a table that is laid out as cards.
"""

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

NOTHING = "–"
SHORT_NAME = 9  # characters of a heading that fits beside the words of a card
TONES = {"✓": "good", "≈": "good", "≠": "fair", "✗": "bad"}  # by the symbol with which a cell begins


def show_wrapped_table(columns: Mapping[str, Sequence[str]], alt: str) -> None:
    """Show columns of plain text by their headings; the first names the rows. `alt` says what the table is of."""
    st.html(render_wrapped_table(columns, alt))


def render_wrapped_table(columns: Mapping[str, Sequence[str]], alt: str) -> str:
    """Return the table as HTML, without columns in which no row has anything. Texts are escaped."""
    first, *others = columns
    shown = [first, *(name for name in others if any(text != NOTHING for text in columns[name]))]
    head = "".join(f'<th scope="col" role="columnheader">{escape(name)}</th>' for name in shown)
    rows = zip(*(columns[name] for name in shown), strict=True)
    body = "".join(f'<tr role="row">{_render_row(shown, row)}</tr>' for row in rows)
    groups = f'<thead role="rowgroup"><tr role="row">{head}</tr></thead><tbody role="rowgroup">{body}</tbody>'
    names = " long-names" if max(map(len, shown[1:]), default=0) > SHORT_NAME else ""
    table = f'<table role="table" aria-label="{escape(alt)}">{groups}</table>'
    return f'<div class="wrapped-table{names}">{table}</div>'


def _render_row(names: Sequence[str], texts: Sequence[str]) -> str:
    title = f'<th scope="row" role="rowheader">{escape(texts[0])}</th>'
    return title + "".join(
        f'<td role="cell" data-column="{escape(name)}" class="{_tone(text)}">{escape(text)}</td>'
        for name, text in zip(names[1:], texts[1:], strict=True)
    )


def _tone(text: str) -> str:
    return "nothing" if text == NOTHING else TONES.get(text[:1], "plain")
