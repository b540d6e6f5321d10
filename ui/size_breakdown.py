"""Where the bytes of an artifact go, as one look and as words."""

from html import escape
from typing import NamedTuple

import plotly.graph_objects as go
import streamlit as st

from core.errors import RoundtripError
from core.figures.theme import CONFIG
from core.size_breakdown.breakdown import GROUPS, SAVED, Account, Part, account
from core.text.labels import size
from ui.charts import GROUP_COLOURS, treemap
from ui.components import plain, show_error
from ui.session import current_jobs

MOST = 30  # parts of a group that get an area of their own
SHARES = (
    (1.0, "Nearly all"),
    (0.9, "About nine tenths"),
    (0.8, "About four fifths"),
    (0.75, "About three quarters"),
    (2 / 3, "About two thirds"),
    (0.6, "About three fifths"),
    (0.5, "About half"),
    (0.4, "About two fifths"),
    (1 / 3, "About a third"),
    (0.25, "About a quarter"),
    (0.2, "About a fifth"),
)
MEANS = {
    "weights": "the numbers that were learned",
    "optimizer state": "what training needs to carry on, and no answer ever reads",
    "graph": "the operations, so that it runs without the original code",
    "graph and converted weights": "operations, and weights in another form than they were trained in",
    "graph and weights": "operations and the learned numbers, which cannot be told apart here",
    "structure and converted weights": "what holds the numbers together, and weights in another form than trained",
    "weights and structure": "the learned numbers and what holds them together, which cannot be told apart here",
    "metadata": "text that describes the model and finds its parts",
    "structure and padding": "names, tables and gaps that hold the numbers together",
    "not searched": "too much to be looked through",
}


def show_content(artifact_id: str) -> None:
    """The biggest part in words, then all parts as areas, then what could not be told."""
    st.markdown("**Where the bytes go**")
    try:
        current_jobs().library.folder(artifact_id)
        found = _account(artifact_id)
    except RoundtripError as error:  # damaged since
        show_error(error)
        return
    st.markdown(plain(in_words(found.parts)))
    st.plotly_chart(
        areas(found.parts), config=CONFIG, key=f"content-{artifact_id}", alt=f"Areas: {', '.join(_listed(found.parts))}"
    )
    st.caption(plain(" · ".join(_listed(found.parts))))
    st.caption(plain(" ".join(found.notes)))


@st.cache_data(show_spinner="Looking through the files", max_entries=128)
def _account(artifact_id: str) -> Account:
    """An artifact never changes, so its id is key enough."""
    return account(current_jobs().library, artifact_id)


def by_group(parts: list[Part]) -> dict[str, int]:
    """Bytes of each group, the largest first; what compression took off is left out."""
    found = {group: sum(part.bytes for part in parts if part.group == group) for group in GROUPS if group != SAVED}
    return dict(sorted(((group, count) for group, count in found.items() if count), key=lambda one: -one[1]))


def in_words(parts: list[Part]) -> str:
    """The biggest group as a share, what it is, and what compression took off."""
    groups = by_group(parts)
    total, saved = sum(groups.values()), -sum(part.bytes for part in parts if part.group == SAVED)
    if not total:
        return "The files are empty."
    first, count = next(iter(groups.items()))
    share = "All" if count == total else min(SHARES, key=lambda one: abs(one[0] - count / total))[1]
    of = "" if count == total else f" of {size(total)}"
    took = f" Compression then takes {size(saved)} off." if saved else ""
    return f"{share} of the bytes go to {first}: {size(count)}{of}. That is {MEANS[first]}.{took}"


def _listed(parts: list[Part]) -> list[str]:
    groups = by_group(parts)
    return [f"{group} {size(count)} ({count / sum(groups.values()):.0%})" for group, count in groups.items()]


def areas(parts: list[Part]) -> go.Figure:
    """A treemap of the groups and the parts in them, the same colour for the same group in every artifact."""
    groups = by_group(parts)
    total = sum(groups.values())
    rows = [_Area(group, f"{group} · {size(count)}", group, "", count, "") for group, count in groups.items()]
    for group in groups:
        rows += _leaves(group, [part for part in parts if part.group == group])
    return treemap(
        ids=[row.id for row in rows],
        labels=[row.label for row in rows],
        parents=[row.parent for row in rows],
        values=[row.bytes for row in rows],
        colours=[GROUP_COLOURS[row.parent or row.id] for row in rows],
        hover=[_hover(row, total) for row in rows],
    )


class _Area(NamedTuple):
    """One area: the words in it, its whole name, the group that it lies in, its bytes and the file."""

    id: str
    label: str
    name: str
    parent: str
    bytes: int
    where: str


def _leaves(group: str, parts: list[Part]) -> list[_Area]:
    """One area for each of the largest parts, and one for all others."""
    parts = sorted(parts, key=lambda part: -part.bytes)
    few, many = parts[:MOST], parts[MOST:]
    if many:
        few.append(Part(group, f"{len(many):,} smaller parts", sum(part.bytes for part in many), ""))
    return [
        _Area(f"{group}/{at}", _label(part), escape(part.name), group, part.bytes, escape(part.where))
        for at, part in enumerate(few)
    ]


def _label(part: Part) -> str:
    """What fits into an area: the layer and the variable, form and copy, size, each on a line of its own."""
    name, *more = part.name.split(", ")
    return "<br>".join([escape("/".join(name.split("/")[-2:])), *map(escape, more), size(part.bytes)])


def _hover(area: _Area, total: int) -> str:
    share = f"{size(area.bytes)}, {area.bytes / total:.1%} ({area.bytes:,} bytes)"
    return "<br>".join(filter(None, (area.name, share, area.where)))
