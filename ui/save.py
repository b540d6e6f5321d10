"""Parts of the Save page: the choice of formats, the progress of each, and the saved artifacts."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.environments.base import Environment
from core.errors import RoundtripError
from core.formats import formats_at_hand, get_format
from core.formats.base import PARTS, Format, Option
from core.formats.groups import group_formats
from core.library import Entry, Query, Run
from core.library.job_store import Job
from core.text.numbers import format_duration, format_size
from ui.artifact_detail import show_artifact_evidence
from ui.components import PART_MEANINGS, escape_markdown, show_error
from ui.findings import show_verdict_and_losses
from ui.session import current_jobs
from ui.size_breakdown import show_folded_strips

# A whole model, a graph, the legacy file, and parts of a model.
SUGGESTED_FORMATS = ("keras", "saved_model", "h5", "weights", "architecture", "checkpoint")
ROW_STATES = {
    "waiting": ":gray[:material/schedule: waiting]",
    "building": ":blue[:material/construction: building its environment]",
    "saving": ":blue[:material/edit_document: saving]",
    "reloading": ":blue[:material/restart_alt: reloading in a fresh process]",
    "stopped": ":gray[:material/stop_circle: stopped, and not kept]",
}


def load_saved_copies(run: Run) -> dict[str, Entry]:
    """Return the newest copy of a run in each format in which it was saved, by the key of the format."""
    entries = current_jobs().library.page(Query(run=run.id, size=None)).entries
    return {entry.format: entry for entry in reversed(entries) if entry.format and not entry.problem}


def choose_formats(
    run: Run, formats: Sequence[Format], saved: dict[str, Entry]
) -> tuple[list[str], dict[str, dict[str, Any]]]:
    """Show a card with a checkbox for each format, in groups; disabled, with the reason, where it cannot take a model.

    `saved` are the copies that there are already. Returns the keys of the chosen formats, and the options of each.
    """
    possible = formats_at_hand(run.kind, run.weight_bytes, run.trust)
    with st.container(horizontal=True):
        for label, icon, keys, is_ticked in (
            ("Choose a few to begin with", "star", [key for key in SUGGESTED_FORMATS if key in possible], True),
            ("Choose all", "done_all", possible, True),
            ("Choose none", "remove_done", possible, False),
        ):
            st.button(label, icon=f":material/{icon}:", on_click=_tick_formats, args=(run.id, keys, is_ticked))
    options: dict[str, dict[str, Any]] = {}
    largest = max((entry.bytes or 0 for entry in saved.values()), default=0)
    for group, members in group_formats(formats):
        st.header(group.title)
        st.caption(group.purpose)
        with st.grid(3, min_column_width=270):
            for format_ in members:
                with st.container(border=True, height="stretch"):
                    if _show_format_card(run, format_, saved.get(format_.key), largest):
                        options[format_.key] = {option.key: _show_option(format_, option) for option in format_.options}
    return list(options), options


def _tick_formats(run_id: str, keys: list[str], is_ticked: bool) -> None:
    for key in keys:
        st.session_state[f"format-{run_id}-{key}"] = is_ticked


def _show_format_card(run: Run, format_: Format, copy: Entry | None, largest: int) -> bool:
    refusal = format_.refusal_reason(run.kind, run.weight_bytes, run.trust)
    key, help_ = f"format-{run.id}-{format_.key}", format_.explains or None
    is_ticked = st.checkbox(format_.label, key=key, disabled=bool(refusal), help=help_)
    if refusal:
        st.caption(f":material/block: {escape_markdown(refusal)}")
        return False
    st.caption(f"{format_.good_for} It is {format_.layout}.")
    if format_.environment:
        _show_environment(format_.environment)
    with st.container(horizontal=True, gap="xsmall"):
        for part in PARTS:
            if part in format_.keeps:
                st.badge(part, color="violet", help=f"Kept. {PART_MEANINGS[part]}")
    if copy:
        st.space("stretch")
        _show_size_bar(copy.bytes or 0, largest, ":material/check: Saved, ")
    return is_ticked


def _show_environment(environment: Environment) -> None:
    """Say which packages a format is written and read with, and what building them takes."""
    states = {state["environment"]: state for state in current_jobs().list_environments()}
    size = format_size(environment.megabytes * 10**6)
    is_built = states[environment.key]["bytes"] > 0
    cost = "which is built here." if is_built else f"which is built first: {size} on the disk, from the package index."
    st.caption(f":material/construction: In the environment *{escape_markdown(environment.label)}*, {cost}")


def _show_size_bar(size: int, largest: int, words: str = "", **layout: Any) -> None:
    """Show bytes as a bar beside the largest copy's."""
    st.progress(size / largest if largest else 0.0, text=f"{words}{format_size(size)}", **layout)


def _show_option(format_: Format, option: Option) -> Any:
    key = f"option-{format_.key}-{option.key}"
    if option.choices:
        index = option.choices.index(option.default)
        return st.selectbox(option.label, option.choices, index=index, key=key, help=option.help)
    if isinstance(option.default, bool):
        return st.toggle(option.label, option.default, key=key, help=option.help)
    number = type(option.default)
    minimum, maximum = (None if bound is None else number(bound) for bound in (option.minimum, option.maximum))
    numbers: dict[str, Any] = {"min_value": minimum, "max_value": maximum, "value": option.default}
    return st.number_input(option.label, **numbers, key=key, help=option.help)


def draw_save_rows(job: Job) -> None:
    """Draw one line for each format, with its progress or its result."""
    largest = max((row["bytes"] for row in job.format_rows.values() if row["state"] == "done"), default=0)
    for key, row in job.format_rows.items():
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{get_format(key).label}**", width=230)
            if row["state"] == "done":
                _draw_saved_row(row, largest)
            elif row["state"] == "failed":
                with st.container():
                    show_error(row["error"])
            else:
                st.markdown(ROW_STATES[row["state"] if job.is_active else "stopped"], width="content")


def _draw_saved_row(row: dict[str, Any], largest: int) -> None:
    show_verdict_and_losses(row["artifact"], row["verdict"], row["changed_rows"], row["rows"], grade=row.get("grade"))
    if row["needs_code"]:
        help_ = "It loads only with the model's own code."
        st.badge("needs its code", icon=":material/code:", color="gray", help=help_)
    _show_size_bar(row["bytes"], largest, width=120)
    st.markdown(f"written in {format_duration(row['seconds'])}", width="content")
    if row.get("reason"):
        st.caption(escape_markdown(row["reason"]))
    if row.get("remark"):
        st.caption(escape_markdown(row["remark"]))
    if row.get("warning"):
        st.warning(escape_markdown(row["warning"]), icon=":material/warning:")


def show_saved_artifacts(job: Job) -> None:
    """Show each saved artifact in detail: its reloads, its files, and the code that saves and loads it."""
    done = {row["artifact"]: get_format(key).label for key, row in job.format_rows.items() if row["state"] == "done"}
    if len(done) > 1:
        show_folded_strips(done)
    for key, row in job.format_rows.items():
        if row["state"] != "done":
            continue
        format_ = get_format(key)
        label = f"{format_.label}: files, code and reload result"
        with st.expander(label, icon=":material/folder_open:", on_change="rerun") as expander:
            if expander.open:
                try:
                    show_artifact_evidence(row["artifact"], format_)
                except RoundtripError as error:  # removed or damaged since
                    show_error(error)
