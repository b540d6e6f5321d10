"""Where the bytes of an artifact go, as one look and as words."""

from html import escape
from typing import NamedTuple

import plotly.graph_objects as go
import streamlit as st

from core.errors import RoundtripError
from core.figures.theme import PLOTLY_CONFIG
from core.size_breakdown.breakdown import GROUPS, SAVED_BY_COMPRESSION, SizeBreakdown, SizePart, break_down_sizes
from core.text.labels import format_size
from ui.charts import GROUP_COLOURS, treemap
from ui.components import escape_markdown, show_error
from ui.session import current_jobs

MAX_PARTS = 30  # parts of a group that get an area of their own
SHARE_TEXTS = (
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
GROUP_MEANINGS = {
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


def show_size_breakdown(artifact_id: str) -> None:
    """The biggest part in words, then all parts as areas, then what could not be told."""
    st.markdown("**Where the bytes go**")
    try:
        current_jobs().library.folder(artifact_id)
        found = _cached_breakdown(artifact_id)
    except RoundtripError as error:  # damaged since
        show_error(error)
        return
    st.markdown(escape_markdown(breakdown_sentence(found.parts)))
    st.plotly_chart(
        breakdown_treemap(found.parts),
        config=PLOTLY_CONFIG,
        key=f"content-{artifact_id}",
        alt=f"Areas: {', '.join(_group_texts(found.parts))}",
    )
    st.caption(escape_markdown(" · ".join(_group_texts(found.parts))))
    st.caption(escape_markdown(" ".join(found.notes)))


@st.cache_data(show_spinner="Looking through the files", max_entries=128)
def _cached_breakdown(artifact_id: str) -> SizeBreakdown:
    """An artifact never changes, so its id is key enough."""
    return break_down_sizes(current_jobs().library, artifact_id)


def bytes_by_group(parts: list[SizePart]) -> dict[str, int]:
    """Bytes of each group, the largest first; what compression took off is left out."""
    found = {
        group: sum(part.bytes for part in parts if part.group == group)
        for group in GROUPS
        if group != SAVED_BY_COMPRESSION
    }
    return dict(sorted(((group, count) for group, count in found.items() if count), key=lambda one: -one[1]))


def breakdown_sentence(parts: list[SizePart]) -> str:
    """The biggest group as a share, what it is, and what compression took off."""
    groups = bytes_by_group(parts)
    total, saved = sum(groups.values()), -sum(part.bytes for part in parts if part.group == SAVED_BY_COMPRESSION)
    if not total:
        return "The files are empty."
    first, count = next(iter(groups.items()))
    share = "All" if count == total else min(SHARE_TEXTS, key=lambda one: abs(one[0] - count / total))[1]
    of = "" if count == total else f" of {format_size(total)}"
    took = f" Compression then takes {format_size(saved)} off." if saved else ""
    return f"{share} of the bytes go to {first}: {format_size(count)}{of}. That is {GROUP_MEANINGS[first]}.{took}"


def _group_texts(parts: list[SizePart]) -> list[str]:
    groups = bytes_by_group(parts)
    return [f"{group} {format_size(count)} ({count / sum(groups.values()):.0%})" for group, count in groups.items()]


def breakdown_treemap(parts: list[SizePart]) -> go.Figure:
    """A treemap of the groups and the parts in them, the same colour for the same group in every artifact."""
    groups = bytes_by_group(parts)
    total = sum(groups.values())
    rows = [
        _TreemapArea(group, f"{group} · {format_size(count)}", group, "", count, "") for group, count in groups.items()
    ]
    for group in groups:
        rows += _part_areas(group, [part for part in parts if part.group == group])
    return treemap(
        ids=[row.id for row in rows],
        labels=[row.label for row in rows],
        parents=[row.parent for row in rows],
        values=[row.bytes for row in rows],
        colours=[GROUP_COLOURS[row.parent or row.id] for row in rows],
        hover=[_area_hover(row, total) for row in rows],
    )


class _TreemapArea(NamedTuple):
    """One area: the words in it, its whole name, the group that it lies in, its bytes and the file."""

    id: str
    label: str
    name: str
    parent: str
    bytes: int
    file: str


def _part_areas(group: str, parts: list[SizePart]) -> list[_TreemapArea]:
    """One area for each of the largest parts, and one for all others."""
    parts = sorted(parts, key=lambda part: -part.bytes)
    few, many = parts[:MAX_PARTS], parts[MAX_PARTS:]
    if many:
        few.append(SizePart(group, f"{len(many):,} smaller parts", sum(part.bytes for part in many), ""))
    return [
        _TreemapArea(f"{group}/{at}", _area_label(part), escape(part.name), group, part.bytes, escape(part.where))
        for at, part in enumerate(few)
    ]


def _area_label(part: SizePart) -> str:
    """What fits into an area: the layer and the variable, form and copy, size, each on a line of its own."""
    name, *more = part.name.split(", ")
    return "<br>".join([escape("/".join(name.split("/")[-2:])), *map(escape, more), format_size(part.bytes)])


def _area_hover(area: _TreemapArea, total: int) -> str:
    share = f"{format_size(area.bytes)}, {area.bytes / total:.1%} ({area.bytes:,} bytes)"
    return "<br>".join(filter(None, (area.name, share, area.file)))
