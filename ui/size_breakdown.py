"""Size breakdown of an artifact (a sentence, a treemap, the bytes of each group), and of several as strips."""

from collections.abc import Mapping
from html import escape
from typing import NamedTuple

import plotly.graph_objects as go
import streamlit as st

from core.errors import RoundtripError
from core.figures.theme import LEGEND_BELOW, PLOTLY_CONFIG, apply_theme
from core.size_breakdown.breakdown import (
    GROUP_MEANINGS,
    SAVED_BY_COMPRESSION,
    SizeBreakdown,
    SizePart,
    break_down_sizes,
    bytes_by_group,
)
from core.text.numbers import format_size
from ui.components import escape_markdown, show_error
from ui.session import current_jobs

MAX_PARTS = 30  # parts of a group that get an area of their own
# Groups of a size breakdown; white text is readable on each colour, and each colour on white and on near-black.
GROUP_COLOURS = {
    "weights": "#4F46E5",
    "optimizer state": "#0F766E",
    "graph": "#B45309",
    "graph and converted weights": "#9333EA",
    "graph and weights": "#9333EA",
    "structure and converted weights": "#BE185D",
    "weights and structure": "#BE185D",
    "metadata": "#0369A1",
    "structure and padding": "#64748B",
    "not searched": "#7C6F64",
}
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


def show_size_breakdown(artifact_id: str) -> None:
    """Show the largest group in words, then all parts as areas, then the notes of the breakdown."""
    st.markdown("**Where the bytes go**")
    try:
        breakdown = _load_breakdown(artifact_id)
    except RoundtripError as error:  # damaged since
        show_error(error)
        return
    texts = _group_texts(breakdown.parts)
    st.markdown(escape_markdown(breakdown_sentence(breakdown.parts)))
    figure, alt = breakdown_treemap(breakdown.parts), f"Areas: {', '.join(texts)}"
    st.plotly_chart(figure, config=PLOTLY_CONFIG, key=f"content-{artifact_id}", alt=alt)
    st.caption(escape_markdown(" · ".join(texts)))
    st.caption(escape_markdown(" ".join(breakdown.notes)))


def _load_breakdown(artifact_id: str) -> SizeBreakdown:
    current_jobs().library.folder(artifact_id)  # which checks permissions
    return _cached_breakdown(artifact_id)


@st.cache_data(show_spinner="Looking through the files", max_entries=128)
def _cached_breakdown(artifact_id: str) -> SizeBreakdown:
    """Break down the size of an artifact; cached by its id, because an artifact never changes."""
    return break_down_sizes(current_jobs().library, artifact_id)


def show_byte_strips(names: Mapping[str, str]) -> None:
    """Show the bytes of artifacts, named by their ids, as strips to one scale; what is damaged is left out and said."""
    strips, damaged = {}, []
    for id_, name in names.items():
        try:
            strips[name] = bytes_by_group(_load_breakdown(id_).parts)
        except RoundtripError:
            damaged.append(name)
    sizes = {name: sum(groups.values()) for name, groups in strips.items()}
    if sizes:
        st.markdown(escape_markdown(strips_sentence(sizes)))
        alt = ", ".join(f"{name} {format_size(size)}" for name, size in sizes.items())
        st.plotly_chart(byte_strips(strips), config=PLOTLY_CONFIG, key="byte-strips", alt=f"Bytes: {alt}")
    if damaged:
        st.caption(escape_markdown(f"Cannot be read: {', '.join(damaged)}."))


def show_folded_strips(names: Mapping[str, str]) -> None:
    """Show `show_byte_strips` when it is asked for: the bytes of all files are looked through."""
    with st.expander("Where the bytes go, to one scale", icon=":material/straighten:", on_change="rerun") as expander:
        if names and expander.open:
            show_byte_strips(names)


def strips_sentence(sizes: Mapping[str, int]) -> str:
    """Return which of several artifacts is the smallest and which the largest, with the ratio of both."""
    least, most = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    if sizes[least] == sizes[most]:
        return f"{'Each' if len(sizes) > 1 else most} takes {format_size(sizes[most])}."
    ratio = f", {sizes[most] / sizes[least]:.1f} times as much" if sizes[least] else ""
    return f"{least} takes {format_size(sizes[least])}, {most} {format_size(sizes[most])}{ratio}."


def byte_strips(strips: Mapping[str, Mapping[str, int]]) -> go.Figure:
    """Return a bar for each name, cut into its groups of bytes, the smallest first and all to one scale."""
    names = sorted(strips, key=lambda name: sum(strips[name].values()))
    figure = go.Figure()
    for group in (group for group in GROUP_COLOURS if any(group in groups for groups in strips.values())):
        sizes = [strips[name].get(group, 0) for name in names]
        figure.add_bar(
            x=sizes,
            y=[escape(name) for name in names],
            name=group,
            orientation="h",
            marker={"color": GROUP_COLOURS[group]},
            hovertext=[f"{group}: {format_size(size)}<br>{GROUP_MEANINGS[group]}" for size in sizes],
            hoverinfo="text",
        )
    figure.update_layout(barmode="stack")
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_xaxes(showticklabels=False, showgrid=False)
    figure = apply_theme(figure, "", "", height=140 + 26 * len(names))
    return figure.update_layout(legend={"traceorder": "normal", **LEGEND_BELOW})


def _group_texts(parts: list[SizePart]) -> list[str]:
    groups = bytes_by_group(parts)
    return [f"{group} {format_size(count)} ({count / sum(groups.values()):.0%})" for group, count in groups.items()]


def breakdown_treemap(parts: list[SizePart]) -> go.Figure:
    """Return a treemap of the groups and their parts; a group has the same colour in every artifact."""
    groups = bytes_by_group(parts)
    total = sum(groups.values())
    areas = [
        _TreemapArea(group, _group_label(group, count, total), group, "", count, "") for group, count in groups.items()
    ]
    for group in groups:
        areas += _part_areas(group, [part for part in parts if part.group == group])
    figure = go.Figure(
        go.Treemap(
            ids=[area.id for area in areas],
            labels=[area.label for area in areas],
            parents=[area.parent for area in areas],
            values=[area.bytes for area in areas],
            hovertext=[_area_hover(area, total) for area in areas],
            hoverinfo="text",
            texttemplate="%{label}",
            textfont={"color": "#FFFFFF"},
            branchvalues="total",
            marker={
                "colors": [GROUP_COLOURS[area.parent or area.id] for area in areas],
                "pad": {"t": 22, "l": 3, "r": 3, "b": 3},
                "depthfade": False,
            },
            pathbar={"visible": False},
            tiling={"pad": 2},
        )
    )
    # A label that does not fit is hidden, and shown on hover, instead of shrinking until nobody can read it.
    figure.update_layout(uniformtext={"minsize": 11, "mode": "hide"})
    return apply_theme(figure, "", "", height=340).update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0})


class _TreemapArea(NamedTuple):
    """One area: its id, the label in it, its full name, the group that contains it, its bytes and its file."""

    id: str
    label: str
    name: str
    parent: str
    bytes: int
    file: str


def _group_label(group: str, count: int, total: int) -> str:
    """Return a group's name, with its size where the area is wide enough for both; all sizes stand below the areas."""
    return f"{group} · {format_size(count)}" if count > total / 4 else group


def _part_areas(group: str, parts: list[SizePart]) -> list[_TreemapArea]:
    """Return one area for each of the largest parts of a group, and one for all others together."""
    parts = sorted(parts, key=lambda part: -part.bytes)
    shown, rest = parts[:MAX_PARTS], parts[MAX_PARTS:]
    if rest:
        shown.append(SizePart(group, f"{len(rest):,} smaller parts", sum(part.bytes for part in rest), ""))
    return [
        _TreemapArea(f"{group}/{index}", _area_label(part), escape(part.name), group, part.bytes, escape(part.where))
        for index, part in enumerate(shown)
    ]


def _area_label(part: SizePart) -> str:
    """Return the text in an area: the layer and the variable, form and copy, size, each on a line of its own."""
    name, *more = part.name.split(", ")
    return "<br>".join([escape("/".join(name.split("/")[-2:])), *map(escape, more), format_size(part.bytes)])


def _area_hover(area: _TreemapArea, total: int) -> str:
    share = f"{format_size(area.bytes)}, {area.bytes / total:.1%} ({area.bytes:,} bytes)"
    return "<br>".join(filter(None, (area.name, share, area.file)))


def breakdown_sentence(parts: list[SizePart]) -> str:
    """Return a sentence on the largest group: its share, its meaning, and what compression saved."""
    groups = bytes_by_group(parts)
    total, saved = sum(groups.values()), -sum(part.bytes for part in parts if part.group == SAVED_BY_COMPRESSION)
    if not total:
        return "The files are empty."
    largest, count = next(iter(groups.items()))
    share = "All" if count == total else min(SHARE_TEXTS, key=lambda entry: abs(entry[0] - count / total))[1]
    size = format_size(count) if count == total else f"{format_size(count)} of {format_size(total)}"
    compression = f" Compression then takes {format_size(saved)} off." if saved else ""
    return f"{share} of the bytes go to {largest}: {size}. That is {GROUP_MEANINGS[largest]}.{compression}"
