"""Save page.

What can be taken along of one artifact beside its files: a proof kit, and a folder for TensorFlow Serving.

What the Save page shows: formats to choose from, how each is doing, and what lies on the disk afterwards.
"""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.errors import RoundtripError
from core.formats import get_format
from core.formats.base import PARTS, Format, Option
from core.library import Run
from core.library.job_store import Job
from core.text.labels import format_duration, format_size
from ui.artifact_detail import show_artifact_evidence
from ui.components import PART_MEANINGS, escape_markdown, show_error, verdict_badge

# Everything, a graph, the old file, and the two halves of a model.
SUGGESTED_FORMATS = ("keras", "saved_model", "h5", "weights", "architecture", "checkpoint")
ROW_STATES = {
    "waiting": ":gray[:material/schedule: waiting]",
    "saving": ":blue[:material/edit_document: saving]",
    "reloading": ":blue[:material/restart_alt: reloading in a fresh process]",
    "stopped": ":gray[:material/stop_circle: stopped, and not kept]",
}


def choose_formats(run: Run, formats: Sequence[Format]) -> tuple[list[str], dict[str, dict[str, Any]]]:
    """Cards with a box to tick; those that cannot take this model are disabled, with the reason."""
    possible = [one.key for one in formats if not one.refusal_reason(run.kind, run.weight_bytes)]
    first = [key for key in SUGGESTED_FORMATS if key in possible]
    with st.container(horizontal=True):
        st.button(
            "Choose a few to begin with", icon=":material/star:", on_click=_tick_formats, args=(run.id, first, True)
        )
        st.button("Choose all", icon=":material/done_all:", on_click=_tick_formats, args=(run.id, possible, True))
        st.button("Choose none", icon=":material/remove_done:", on_click=_tick_formats, args=(run.id, possible, False))
    chosen, options = [], {}
    with st.grid(3, min_column_width=270):
        for one in formats:
            with st.container(border=True, height="stretch"):
                if _show_format_card(run, one):
                    chosen.append(one.key)
                    options[one.key] = {option.key: _show_option(one, option) for option in one.options}
    return chosen, options


def _tick_formats(run_id: str, keys: list[str], is_ticked: bool) -> None:
    for key in keys:
        st.session_state[f"format-{run_id}-{key}"] = is_ticked


def _show_format_card(run: Run, format_: Format) -> bool:
    refusal = format_.refusal_reason(run.kind, run.weight_bytes)
    ticked = st.checkbox(
        f"**{format_.label}**",
        key=f"format-{run.id}-{format_.key}",
        disabled=bool(refusal),
        help=format_.explains or None,
    )
    if refusal:
        st.caption(f":material/block: {escape_markdown(refusal)}")
        return False
    st.caption(f"{format_.good_for} It is {format_.layout}.")
    with st.container(horizontal=True, gap="xsmall"):
        for part in PARTS:
            if part in format_.keeps:
                st.badge(part, color="violet", help=f"Kept. {PART_MEANINGS[part]}")
    return ticked


def _show_option(format_: Format, option: Option) -> Any:
    key = f"option-{format_.key}-{option.key}"
    if option.choices:
        at = option.choices.index(option.default)
        return st.selectbox(option.label, option.choices, index=at, key=key, help=option.help)
    if isinstance(option.default, bool):
        return st.toggle(option.label, option.default, key=key, help=option.help)
    kind = type(option.default)
    bounds = [None if bound is None else kind(bound) for bound in (option.minimum, option.maximum)]
    return st.number_input(option.label, *bounds, option.default, key=key, help=option.help)


def draw_save_rows(job: Job) -> None:
    """One line for each format: what is happening to it, or what came of it."""
    for key, row in job.format_rows.items():
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{get_format(key).label}**", width=230)
            if row["state"] == "done":
                _draw_saved_row(row)
            elif row["state"] == "failed":
                with st.container():
                    show_error(row["error"])
            else:
                st.markdown(ROW_STATES[row["state"] if job.is_active else "stopped"], width="content")


def _draw_saved_row(row: dict[str, Any]) -> None:
    verdict_badge(row["verdict"], row["changed_rows"], row["rows"])
    if row["needs_code"]:
        st.badge(
            "needs its code", icon=":material/code:", color="gray", help="It loads only with the model's own code."
        )
    st.markdown(f"{format_size(row['bytes'])} · written in {format_duration(row['seconds'])}", width="content")
    if row.get("reason"):
        st.caption(escape_markdown(row["reason"]))
    if row.get("warning"):
        st.warning(escape_markdown(row["warning"]), icon=":material/warning:")


def show_saved_artifacts(job: Job) -> None:
    """Per result: the reload without and with the code, the files, and the code that saves and loads."""
    for key, row in job.format_rows.items():
        if row["state"] != "done":
            continue
        one = get_format(key)
        with st.expander(
            f"{one.label}: files, code and evidence", icon=":material/folder_open:", on_change="rerun"
        ) as box:
            if box.open:
                try:
                    show_artifact_evidence(row["artifact"], one)
                except RoundtripError as error:  # removed or damaged since
                    show_error(error)
