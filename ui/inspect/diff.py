"""Two artifacts beside each other: what differs, said first; then part by part, with what is the same hidden."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from core.errors import FormatError
from core.figures.tensors import tensor_distances
from core.figures.theme import PLOTLY_CONFIG
from core.introspection.diff import (
    DiffTensor,
    TensorDiff,
    TensorPair,
    diff_files,
    diff_part,
    diff_records,
    diff_tensors,
    format_shape,
)
from core.tensors.json_diff import JsonChange
from core.text.labels import pluralize
from core.text.metrics import format_number
from ui.components import escape_markdown, show_error
from ui.inspect.overview import PART_PROGRESS_TITLES, show_tabs
from ui.inspect.progress import run_with_progress
from ui.session import current_jobs

MAX_ROWS = 2_000
MAX_BARS = 40  # bars
MATCHED_BY_TEXTS = {
    "name": "name",
    "bits": "the same bits",
    "values": "nearest values",
    "shape": "shape alone",
}
MATCHED_BY_HELP = (
    "How it was found which tensor is which: by name, by equal bits, by the nearest values (also turned around), or "
    "only because nothing else has that shape."
)


def show_diff(ours: str, theirs: str) -> None:
    """Tabs over what two artifacts hold; one toggle for all of them, kept in the address."""
    hide = st.toggle("Hide what is the same", value=True, key="hide-same", bind="query-params")
    parts = {"Layers": "layers", "Signatures": "signatures", "Config": "config", "Operators": "operators"}
    views: dict[str, Callable[[], None]] = {"Weights": lambda: _show_tensor_diff(ours, theirs, hide)}
    views |= {name: partial(_show_part_diff, ours, theirs, part, hide) for name, part in parts.items()}
    views |= {
        "Files": lambda: _show_changes(diff_files(current_jobs(), ours, theirs, include_equal=not hide), "files"),
        "Record": lambda: _show_changes(diff_records(current_jobs(), ours, theirs, include_equal=not hide), "record"),
    }
    show_tabs(views)


def _show_part_diff(ours: str, theirs: str, part: str, hides_same: bool) -> None:
    def both(hear: Any, cancelled: Any) -> list[JsonChange]:
        return diff_part(current_jobs(), ours, theirs, part, hear, include_equal=not hides_same)

    try:
        found = run_with_progress(f"{ours}-{theirs}-{part}", PART_PROGRESS_TITLES[part], both)
    except FormatError as error:
        show_error(error, "This cannot be looked into")
        return
    if found is not None:
        _show_changes(found, part)


def _show_changes(changes: list[JsonChange], part: str) -> None:
    """Places with what stands there on both sides; one side may have nothing of it."""
    away = [one for one in changes if one.kind != "same"]
    if not away:
        st.success(f"No difference: {part}.", icon=":material/check_circle:")
    else:
        st.markdown(f"{pluralize(len(away), 'place')} differ{'s' if len(away) == 1 else ''}.")
    if changes:
        st.dataframe(
            {
                "Place": [one.path for one in changes[:MAX_ROWS]],
                "A": [_value_text(one.left) for one in changes[:MAX_ROWS]],
                "B": [_value_text(one.right) for one in changes[:MAX_ROWS]],
                "": [one.kind for one in changes[:MAX_ROWS]],
            },
            hide_index=True,
            alt=f"Differences of {part}: place, A, B",
            column_config={"Place": st.column_config.TextColumn(pinned=True)},
        )
    if len(changes) > MAX_ROWS:
        st.caption(f"The first {MAX_ROWS:,} of {len(changes):,}; all of them: `roundtrip diff A B --json`.")


def _value_text(value: Any) -> str:
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value)


def _show_tensor_diff(ours: str, theirs: str, hides_same: bool) -> None:
    st.caption("Every tensor of A with its partner in B, and how far apart their values are.")
    found = run_with_progress(
        f"{ours}-{theirs}-differ",
        "Reading both, tensor by tensor",
        lambda hear, cancelled: diff_tensors(current_jobs(), ours, theirs, hear, cancelled),
    )
    if found is None:
        return
    st.markdown(tensor_diff_sentence(found))
    away = sorted((one for one in found.pairs if not one.is_identical), key=_relative_distance, reverse=True)
    if measured := [one for one in away if one.distance and one.distance.changed][:MAX_BARS]:
        figure = tensor_distances(
            [one.ours.display_name for one in measured],
            [one.distance.relative for one in measured if one.distance],
            [_distance_text(one) for one in measured],
        )
        st.plotly_chart(
            figure, config=PLOTLY_CONFIG, key="tensor-distances", alt="How far each tensor of B is from A's"
        )
    shown = away if hides_same else [*away, *(one for one in found.pairs if one.is_identical)]
    if shown:
        _show_pairs(shown)
    for side, rest in (("A", found.only_ours), ("B", found.only_theirs)):
        _show_unmatched(side, rest)


def _relative_distance(pair: TensorPair) -> float:
    if pair.distance is None:
        return -1.0
    return float("inf") if pair.distance.lost else pair.distance.relative or 0.0


def tensor_diff_sentence(tensors: TensorDiff) -> str:
    """How many are the same, and which is furthest off."""
    equal = [one for one in tensors.pairs if one.distance and one.distance.equal]
    turned = sum(bool(one.turned) for one in equal)
    words = [f"{len(equal):,} of {pluralize(len(tensors.pairs), 'pair')} hold the same values to the last bit"]
    words[0] += f", {turned:,} of them turned around or reshaped." if turned else "."
    away = [
        one for one in tensors.pairs if one.distance and not one.distance.equal and one.distance.relative is not None
    ]
    if away:
        worst = max(away, key=_relative_distance)
        words.append(
            f"Furthest off: **{escape_markdown(worst.ours.display_name)}**, {escape_markdown(_distance_text(worst))}."
        )
    alone = len(tensors.only_ours) + len(tensors.only_theirs)
    if alone:
        words.append(f"{pluralize(alone, 'tensor')} without a partner.")
    return " ".join(words)


def _distance_text(pair: TensorPair) -> str:
    """How far, in words: the largest difference, and the share."""
    away = pair.distance
    if away is None:
        return "not comparable: text, or integers beside other numbers"
    if away.max_abs is None:
        return f"{pluralize(away.changed, 'value')} differ, none of them finite"
    share = "" if away.relative is None else f", {away.relative:.3g} of its size"
    lost = f", {pluralize(away.lost, 'value')} not finite on one side only" if away.lost else ""
    return f"at most {format_number(away.max_abs)} in {pluralize(away.changed, 'value')}{share}{lost}"


def _show_pairs(pairs: list[TensorPair]) -> None:
    away = [one.distance for one in pairs]
    number = st.column_config.NumberColumn
    st.dataframe(
        {
            "In A": [one.ours.display_name for one in pairs],
            "In B": [one.theirs.display_name for one in pairs],
            "Bits": ["–" if one is None else "the same" if one.equal else "differ" for one in away],
            "Largest": [one and one.max_abs for one in away],
            "Share": [one and one.relative for one in away],
            "Values": [one and one.changed for one in away],
            "Shape": [_shapes_text(one) for one in pairs],
            "Turned": [one.turned or "no" for one in pairs],
            "Paired by": [MATCHED_BY_TEXTS[one.by] for one in pairs],
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
            "Paired by": st.column_config.TextColumn(help=MATCHED_BY_HELP),
        },
    )


def _shapes_text(pair: TensorPair) -> str:
    ours, theirs = format_shape(pair.ours.shape), format_shape(pair.theirs.shape)
    kinds = (pair.ours.dtype, pair.theirs.dtype)
    shapes = ours if ours == theirs else f"{ours} / {theirs}"
    return f"{shapes} {kinds[0]}" if kinds[0] == kinds[1] else f"{shapes} {kinds[0]} / {kinds[1]}"


def _show_unmatched(side: str, tensors: list[DiffTensor]) -> None:
    if tensors:
        with st.expander(f"{pluralize(len(tensors), 'tensor')} only in {side}"):
            columns = {
                "Tensor": [one.display_name for one in tensors[:MAX_ROWS]],
                "What for": [one.group for one in tensors[:MAX_ROWS]],
                "Shape": [f"{format_shape(one.shape)} {one.dtype}" for one in tensors[:MAX_ROWS]],
                "A second copy of": [one.copy_of or "–" for one in tensors[:MAX_ROWS]],
            }
            st.dataframe(columns, hide_index=True, alt=f"Tensors only in {side}")
