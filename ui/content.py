"""Where the bytes of an artifact go, as one look and as words."""

from html import escape

import plotly.graph_objects as go
import streamlit as st

from core.errors import RoundtripError
from core.library.content import GROUPS, SAVED, Account, Part, account
from ui.charts import CONFIG, GROUP_COLOURS, treemap
from ui.state import office
from ui.words import plain, show_error, size

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
    return account(office().library, artifact_id)


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
    return f"{share} of the bytes go to {first}, {MEANS[first]}: {size(count)}{of}.{took}"


def _listed(parts: list[Part]) -> list[str]:
    groups = by_group(parts)
    return [f"{group} {size(count)} ({count / sum(groups.values()):.0%})" for group, count in groups.items()]


def areas(parts: list[Part]) -> go.Figure:
    """A treemap of the groups and the parts in them, the same colour for the same group in every artifact."""
    groups = by_group(parts)
    total = sum(groups.values())
    rows = [(group, group, "", count, group, "") for group, count in groups.items()]
    for group in groups:
        rows += _leaves(group, [part for part in parts if part.group == group])
    ids, labels, parents, values, kinds, places = map(list, zip(*rows, strict=True)) if rows else ([],) * 6
    hover = [
        "<br>".join(filter(None, (label, f"{size(count)}, {count / total:.1%} ({count:,} bytes)", place)))
        for label, count, place in zip(labels, values, places, strict=True)
    ]
    colours = [GROUP_COLOURS[kind] for kind in kinds]
    return treemap(ids, labels, parents, values, colours=colours, text=[size(count) for count in values], hover=hover)


def _leaves(group: str, parts: list[Part]) -> list[tuple[str, str, str, int, str, str]]:
    """One row for each of the largest parts, and one for all others: id, label, parent, bytes, group, file."""
    parts = sorted(parts, key=lambda part: -part.bytes)
    many = parts[MOST:]
    rows = [(escape(part.name), part.bytes, escape(part.where)) for part in parts[:MOST]]
    rows += [(f"{len(many):,} smaller parts", sum(part.bytes for part in many), "")] if many else []
    return [(f"{group}/{at}", name, group, count, group, where) for at, (name, count, where) in enumerate(rows)]
