"""Diff of two artifacts, A and B: a sentence on what differs first, then each part, with equal entries hidden."""

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
    match_content,
)
from core.tensors.json_diff import JsonChange
from core.text.labels import format_shape, pluralize
from core.text.numbers import format_number
from ui.components import escape_markdown, show_error
from ui.inspect.reading_progress import PART_PROGRESS_TITLES, run_with_progress
from ui.query_params import show_tabs
from ui.session import current_jobs
from ui.terms import explain_headings

MAX_ROWS = 2_000  # rows of one table
MAX_BARS = 40  # bars of the chart
MATCHED_BY_TEXTS = {"name": "name", "bits": "the same bits", "values": "nearest values", "shape": "shape alone"}
MATCHED_BY_HELP = (
    "How it was found which tensor is which: by name, by equal bits, by the nearest values (also turned around), or "
    "only because nothing else has that shape."
)


def show_diff(left_id: str, right_id: str) -> None:
    """Show a tab for each part of the artifacts A and B; the toggle that hides equal entries stands in the address."""
    if sentence := match_content(current_jobs(), left_id, right_id).sentence:
        st.markdown(sentence)
    hide_same = st.toggle("Hide what is the same", value=True, key="hide-same", bind="query-params")
    parts = {"Layers": "layers", "Signatures": "signatures", "Config": "config", "Operators": "operators"}
    views: dict[str, Callable[[], None]] = {"Weights": lambda: _show_tensor_diff(left_id, right_id, hide_same)}
    views |= {name: partial(_show_part_diff, left_id, right_id, part, hide_same) for name, part in parts.items()}
    ids, equal = (left_id, right_id), not hide_same
    views |= {
        "Files": lambda: _show_changes(diff_files(current_jobs(), *ids, include_equal=equal), "files"),
        "Record": lambda: _show_changes(diff_records(current_jobs(), *ids, include_equal=equal), "record"),
    }
    show_tabs(views, subject="beside")


def _show_part_diff(left_id: str, right_id: str, part: str, hide_same: bool) -> None:
    def read_part(on_progress: Any, _is_cancelled: Any) -> list[JsonChange]:
        return diff_part(current_jobs(), left_id, right_id, part, on_progress, include_equal=not hide_same)

    try:
        changes = run_with_progress(f"{left_id}-{right_id}-{part}", PART_PROGRESS_TITLES[part], read_part)
    except FormatError as error:
        show_error(error, "This cannot be looked into")
        return
    if changes is not None:
        _show_changes(changes, part)


def _show_changes(changes: list[JsonChange], part: str) -> None:
    """Show how many places differ, then a table of places with the values of A and B; a dash where a side has none."""
    differences = sum(change.kind != "same" for change in changes)
    if not differences:
        st.success(f"No difference: {part}.", icon=":material/check_circle:")
    else:
        st.markdown(f"{pluralize(differences, 'place')} differ{'s' if differences == 1 else ''}.")
    shown = changes[:MAX_ROWS]
    if shown:
        st.dataframe(
            {
                "Place": [change.path for change in shown],
                "A": [_value_text(change.left) for change in shown],
                "B": [_value_text(change.right) for change in shown],
                "": [change.kind for change in shown],
            },
            hide_index=True,
            alt=f"Differences of {part}: place, A, B",
            column_config={"Place": st.column_config.TextColumn(pinned=True)},
        )
    if len(changes) > MAX_ROWS:
        st.caption(f"The first {MAX_ROWS:,} of {len(changes):,}; all of them: `roundtrip diff A B --json`.")


def _value_text(value: Any) -> str:
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value)


def _show_tensor_diff(left_id: str, right_id: str, hide_same: bool) -> None:
    st.caption("Every tensor of A with the matching one in B, and how far apart their values are.")
    diff = run_with_progress(
        f"{left_id}-{right_id}-differ",
        "Reading both, tensor by tensor",
        lambda on_progress, is_cancelled: diff_tensors(current_jobs(), left_id, right_id, on_progress, is_cancelled),
    )
    if diff is None:
        return
    st.markdown(tensor_diff_sentence(diff))
    differing = sorted((pair for pair in diff.pairs if not pair.is_identical), key=_relative_distance, reverse=True)
    _show_distance_chart(differing)
    shown = differing if hide_same else [*differing, *(pair for pair in diff.pairs if pair.is_identical)]
    if shown:
        _show_pairs(shown)
    for side, unmatched in (("A", diff.only_ours), ("B", diff.only_theirs)):
        _show_unmatched(side, unmatched)


def _show_distance_chart(pairs: list[TensorPair]) -> None:
    """Draw a bar for each of the first pairs whose values differ."""
    measured = [(pair, pair.distance) for pair in pairs if pair.distance and pair.distance.changed][:MAX_BARS]
    if measured:
        names = [pair.ours.display_name for pair, _ in measured]
        texts = [_distance_text(pair) for pair, _ in measured]
        figure = tensor_distances(names, [distance.relative for _, distance in measured], texts)
        alt = "How far each tensor of B is from A's"
        st.plotly_chart(figure, config=PLOTLY_CONFIG, key="tensor-distances", alt=alt)


def _relative_distance(pair: TensorPair) -> float:
    """Return a sort key: infinite where values are not finite on one side only, -1 where there is no distance."""
    if pair.distance is None:
        return -1.0
    return float("inf") if pair.distance.lost else pair.distance.relative or 0.0


def tensor_diff_sentence(diff: TensorDiff) -> str:
    """Return how many pairs are equal, which differs most, and how many tensors have no partner, in Markdown."""
    equal = [pair for pair in diff.pairs if pair.distance and pair.distance.equal]
    turned = sum(bool(pair.turned) for pair in equal)
    ending = f", {turned:,} of them turned around or reshaped." if turned else "."
    count = f"{len(equal):,} of {pluralize(len(diff.pairs), 'pair')}"
    sentences = [f"{count} hold the same values to the last bit{ending}"]
    differing = [pair for pair in diff.pairs if pair.distance and not pair.distance.equal]
    if measured := [pair for pair in differing if pair.distance and pair.distance.relative is not None]:
        worst = max(measured, key=_relative_distance)
        name, distance = escape_markdown(worst.ours.display_name), escape_markdown(_distance_text(worst))
        sentences.append(f"Furthest off: **{name}**, {distance}.")
    sentences += [escape_markdown(sentence) for sentence in diff.count_sentences]
    if alone := sum(not tensor.copy_of for tensor in (*diff.only_ours, *diff.only_theirs)):
        sentences.append(f"{pluralize(alone, 'tensor')} without a match.")
    return " ".join(sentences)


def _distance_text(pair: TensorPair) -> str:
    """Return the largest difference, the number of values that differ, and the relative distance, in words."""
    distance = pair.distance
    if distance is None:
        return "not comparable: text, or integers beside other numbers"
    if distance.max_abs is None:
        return f"{pluralize(distance.changed, 'value')} differ{'s' * (distance.changed == 1)}, none of them finite"
    share = "" if distance.relative is None else f", {distance.relative:.3g} of its size"
    lost = f", {pluralize(distance.lost, 'value')} not finite on one side only" if distance.lost else ""
    return f"at most {format_number(distance.max_abs)} in {pluralize(distance.changed, 'value')}{share}{lost}"


def _show_pairs(pairs: list[TensorPair]) -> None:
    distances = [pair.distance for pair in pairs]
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    st.dataframe(
        {
            "In A": [pair.ours.display_name for pair in pairs],
            "In B": [pair.theirs.display_name for pair in pairs],
            "Bits": ["–" if distance is None else "the same" if distance.equal else "differ" for distance in distances],
            "Largest": [distance and distance.max_abs for distance in distances],
            "Share": [distance and distance.relative for distance in distances],
            "Values": [distance and distance.changed for distance in distances],
            "Shape": [_shapes_text(pair) for pair in pairs],
            "Turned": [pair.turned or "no" for pair in pairs],
            "Paired by": [MATCHED_BY_TEXTS[pair.by] for pair in pairs],
        },
        hide_index=True,
        alt="Pairs of tensors with their differences",
        column_config={
            "Largest": number(format="%.4g", help="The largest difference between two values in the same place."),
            "Share": number(format="%.3g", help="The length of the difference, as a share of the tensor in A."),
            "Values": number(help="How many values differ."),
            "Turned": text(help="Some formats keep a kernel transposed: the same values in turn."),
            "Paired by": text(help=MATCHED_BY_HELP),
        },
    )


def _shapes_text(pair: TensorPair) -> str:
    left_shape, right_shape = format_shape(pair.ours.shape), format_shape(pair.theirs.shape)
    left_dtype, right_dtype = pair.ours.dtype, pair.theirs.dtype
    shapes = left_shape if left_shape == right_shape else f"{left_shape} / {right_shape}"
    return f"{shapes} {left_dtype}" if left_dtype == right_dtype else f"{shapes} {left_dtype} / {right_dtype}"


def _show_unmatched(side: str, tensors: list[DiffTensor]) -> None:
    if tensors:
        shown = tensors[:MAX_ROWS]
        with st.expander(f"{pluralize(len(tensors), 'tensor')} only in {side}"):
            columns = {
                "Tensor": [tensor.display_name for tensor in shown],
                "What for": [tensor.group for tensor in shown],
                "Shape": [f"{format_shape(tensor.shape)} {tensor.dtype}" for tensor in shown],
                "A second copy of": [tensor.copy_of or "–" for tensor in shown],
            }
            config = explain_headings(columns)
            st.dataframe(columns, hide_index=True, column_config=config, alt=f"Tensors only in {side}")
