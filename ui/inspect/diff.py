"""Two artifacts beside each other: what differs, said first; then part by part, with what is the same hidden."""

import json
from typing import Any

import streamlit as st

from core.errors import FormatError
from core.figures.tensors import tensor_distances
from core.figures.theme import CONFIG
from core.introspection.diff import (
    Tensor,
    TensorPair,
    Tensors,
    compare_files,
    compare_part,
    compare_records,
    compare_tensors,
    sizes,
)
from core.tensors.json_diff import Change
from core.text.labels import counted
from core.text.metrics import plain_number
from ui.components import plain, show_error
from ui.inspect.overview import WHAT, tabs
from ui.inspect.progress import watched
from ui.session import current_jobs

SHOWN = 2_000
DRAWN = 40  # bars
BY = {
    "name": "name",
    "bits": "the same bits",
    "values": "nearest values",
    "shape": "shape alone",
}
PAIRED = (
    "How it was found which tensor is which: by name, by equal bits, by the nearest values (also turned around), or "
    "only because nothing else has that shape."
)


def show_difference(ours: str, theirs: str) -> None:
    """Tabs over what two artifacts hold; one toggle for all of them, kept in the address."""
    hide = st.toggle("Hide what is the same", value=True, key="hide-same", bind="query-params")
    parts = {"Layers": "layers", "Signatures": "signatures", "Config": "config", "Operators": "operators"}
    views = {"Weights": lambda: _weights(ours, theirs, hide)}
    views |= {name: lambda part=part: _part(ours, theirs, part, hide) for name, part in parts.items()}
    views |= {
        "Files": lambda: _changes(compare_files(current_jobs(), ours, theirs, same=not hide), "files"),
        "Record": lambda: _changes(compare_records(current_jobs(), ours, theirs, same=not hide), "record"),
    }
    tabs(views)


def _part(ours: str, theirs: str, part: str, hide: bool) -> None:
    def both(hear: Any, cancelled: Any) -> list[Change]:
        return compare_part(current_jobs(), ours, theirs, part, hear, same=not hide)

    try:
        found = watched(f"{ours}-{theirs}-{part}", WHAT[part], both)
    except FormatError as error:
        show_error(error, "This cannot be looked into")
        return
    if found is not None:
        _changes(found, part)


def _changes(found: list[Change], part: str) -> None:
    """Places with what stands there on both sides; one side may have nothing of it."""
    away = [one for one in found if one.kind != "same"]
    if not away:
        st.success(f"No difference: {part}.", icon=":material/check_circle:")
    else:
        st.markdown(f"{counted(len(away), 'place')} differ{'s' if len(away) == 1 else ''}.")
    if found:
        st.dataframe(
            {
                "Place": [one.path for one in found[:SHOWN]],
                "A": [_said(one.ours) for one in found[:SHOWN]],
                "B": [_said(one.theirs) for one in found[:SHOWN]],
                "": [one.kind for one in found[:SHOWN]],
            },
            hide_index=True,
            alt=f"Differences of {part}: place, A, B",
            column_config={"Place": st.column_config.TextColumn(pinned=True)},
        )
    if len(found) > SHOWN:
        st.caption(f"The first {SHOWN:,} of {len(found):,}; all of them: `python -m core diff A B --json`.")


def _said(value: Any) -> str:
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value)


def _weights(ours: str, theirs: str, hide: bool) -> None:
    st.caption("Every tensor of A with its partner in B, and how far apart their values are.")
    found = watched(
        f"{ours}-{theirs}-differ",
        "Reading both, tensor by tensor",
        lambda hear, cancelled: compare_tensors(current_jobs(), ours, theirs, hear, cancelled),
    )
    if found is None:
        return
    st.markdown(in_words(found))
    away = sorted((one for one in found.pairs if not one.same), key=_share, reverse=True)
    if measured := [one for one in away if one.distance and one.distance.changed][:DRAWN]:
        figure = tensor_distances(
            [one.ours.called for one in measured],
            [one.distance.relative for one in measured],
            [_far(one) for one in measured],
        )
        st.plotly_chart(figure, config=CONFIG, key="tensor-distances", alt="How far each tensor of B is from A's")
    shown = away if hide else [*away, *(one for one in found.pairs if one.same)]
    if shown:
        _pairs(shown)
    for side, rest in (("A", found.only_ours), ("B", found.only_theirs)):
        _alone(side, rest)


def _share(one: TensorPair) -> float:
    if one.distance is None:
        return -1.0
    return float("inf") if one.distance.lost else one.distance.relative or 0.0


def in_words(found: Tensors) -> str:
    """How many are the same, and which is furthest off."""
    equal = [one for one in found.pairs if one.distance and one.distance.equal]
    turned = sum(bool(one.turned) for one in equal)
    words = [f"{len(equal):,} of {counted(len(found.pairs), 'pair')} hold the same values to the last bit"]
    words[0] += f", {turned:,} of them turned around or reshaped." if turned else "."
    away = [one for one in found.pairs if one.distance and not one.distance.equal and one.distance.relative is not None]
    if away:
        worst = max(away, key=_share)
        words.append(f"Furthest off: **{plain(worst.ours.called)}**, {plain(_far(worst))}.")
    alone = len(found.only_ours) + len(found.only_theirs)
    if alone:
        words.append(f"{counted(alone, 'tensor')} without a partner.")
    return " ".join(words)


def _far(one: TensorPair) -> str:
    """How far, in words: the largest difference, and the share."""
    away = one.distance
    if away is None:
        return "not comparable: text, or integers beside other numbers"
    if away.max_abs is None:
        return f"{counted(away.changed, 'value')} differ, none of them finite"
    share = "" if away.relative is None else f", {away.relative:.3g} of its size"
    lost = f", {counted(away.lost, 'value')} not finite on one side only" if away.lost else ""
    return f"at most {plain_number(away.max_abs)} in {counted(away.changed, 'value')}{share}{lost}"


def _pairs(pairs: list[TensorPair]) -> None:
    away = [one.distance for one in pairs]
    number = st.column_config.NumberColumn
    st.dataframe(
        {
            "In A": [one.ours.called for one in pairs],
            "In B": [one.theirs.called for one in pairs],
            "Bits": ["–" if one is None else "the same" if one.equal else "differ" for one in away],
            "Largest": [one and one.max_abs for one in away],
            "Share": [one and one.relative for one in away],
            "Values": [one and one.changed for one in away],
            "Shape": [_shapes(one) for one in pairs],
            "Turned": [one.turned or "no" for one in pairs],
            "Paired by": [BY[one.by] for one in pairs],
        },
        hide_index=True,
        alt="Pairs of tensors with their differences",
        column_config={
            "Largest": number(format="%.4g", help="The largest difference between two values in the same place."),
            "Share": number(format="%.3g", help="The length of the difference, as a share of the tensor in A."),
            "Values": number(help="How many values differ."),
            "Turned": st.column_config.TextColumn(
                help="Some formats keep a kernel transposed: the same values in turn."
            ),
            "Paired by": st.column_config.TextColumn(help=PAIRED),
        },
    )


def _shapes(one: TensorPair) -> str:
    ours, theirs = sizes(one.ours.shape), sizes(one.theirs.shape)
    kinds = (one.ours.dtype, one.theirs.dtype)
    shapes = ours if ours == theirs else f"{ours} / {theirs}"
    return f"{shapes} {kinds[0]}" if kinds[0] == kinds[1] else f"{shapes} {kinds[0]} / {kinds[1]}"


def _alone(side: str, rest: list[Tensor]) -> None:
    if rest:
        with st.expander(f"{counted(len(rest), 'tensor')} only in {side}"):
            columns = {
                "Tensor": [one.called for one in rest[:SHOWN]],
                "What for": [one.group for one in rest[:SHOWN]],
                "Shape": [f"{sizes(one.shape)} {one.dtype}" for one in rest[:SHOWN]],
                "A second copy of": [one.copy_of or "–" for one in rest[:SHOWN]],
            }
            st.dataframe(columns, hide_index=True, alt=f"Tensors only in {side}")
