"""Parts of the Save page: the choice of formats, the progress of each, and the saved artifacts."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.compare import Verdict
from core.environments.base import Environment
from core.errors import RoundtripError
from core.formats import all_formats, formats_at_hand, get_format
from core.formats.base import PARTS, Format, Option
from core.formats.groups import group_formats
from core.jobs.environment_states import is_built
from core.library import Entry, Query, Run
from core.library.job_store import Job
from core.text.labels import pluralize
from core.text.numbers import format_duration, format_size
from ui.artifact_detail import show_artifact_evidence
from ui.components import PART_MEANINGS, escape_markdown, show_error
from ui.findings import show_verdict_and_losses
from ui.session import current_jobs
from ui.size_breakdown import show_folded_strips

SAVE_BUTTONS = ("save-some", "save-all")  # keys: a press of either starts a job, and shows no other that runs
SAVE_BUTTONS_FRAGMENT = "save buttons"  # the key of the fragment in which they stand
# A whole model, a graph, the legacy file, and parts of a model.
SUGGESTED_FORMATS = ("keras", "saved_model", "h5", "weights", "architecture", "checkpoint")
ROW_STATES = {
    "waiting": ":gray[:material/schedule: waiting]",
    "saving": ":blue[:material/edit_document: saving]",
    "building": ":blue[:material/construction: building its environment]",
    "reloading": ":blue[:material/restart_alt: reloading in a fresh process]",
    "stopped": ":gray[:material/stop_circle: stopped, and not kept]",
}


def load_saved_copies(run: Run) -> dict[str, Entry]:
    """Return the newest copy of a run in each format in which it was saved, by the key of the format."""
    entries = current_jobs().library.page(Query(run=run.id, size=None)).entries
    return {entry.format: entry for entry in reversed(entries) if entry.format and not entry.problem}


def show_choice(run: Run, saved: dict[str, Entry]) -> None:
    """Show a card with a checkbox for each format, in groups, and the buttons that save a run.

    `saved` are the copies that there are already, by the key of their format. A format that cannot take the run is
    disabled, with the reason. A click on a format draws its group and the buttons anew, and no more of the page.
    """
    formats = all_formats()
    refusals = {format_.key: _why_not(format_, run) for format_ in formats}
    possible = [format_ for format_ in formats if not refusals[format_.key]]
    at_hand = formats_at_hand(run.kind, run.weight_bytes, run.trust)
    _show_tick_buttons(run, possible, at_hand)
    for group, members in group_formats(formats):
        st.header(group.title)
        st.caption(group.purpose)
        name = f"formats: {group.title}"
        st.fragment(_show_cards, key=name)(name, run, members, refusals, saved)
    with st.bottom:  # in view wherever one scrolls
        _show_save_buttons(run, possible, at_hand)


def _why_not(format_: Format, run: Run) -> str:
    """Return why a run cannot be saved in a format by the one who looks; empty where it can."""
    refusal = format_.refusal_reason(run.kind, run.weight_bytes, run.trust)
    environment, is_signed_in = format_.environment, current_jobs().library.access.viewer_id is not None
    if refusal or not (environment and is_signed_in) or is_built(current_jobs(), environment):
        return refusal
    return f"Its environment, {environment.label}, is not built. Whoever runs the server builds it."


def _show_tick_buttons(run: Run, formats: Sequence[Format], at_hand: list[str]) -> None:
    with st.container(horizontal=True):
        for label, icon, keys, is_ticked in (
            ("Choose a few to begin with", "star", [key for key in SUGGESTED_FORMATS if key in at_hand], True),
            ("Choose all", "done_all", at_hand, True),
            ("Choose none", "remove_done", [format_.key for format_ in formats], False),
        ):
            st.button(label, icon=f":material/{icon}:", on_click=_tick_formats, args=(run.id, keys, is_ticked))


def _show_cards(
    fragment: str, run: Run, formats: Sequence[Format], refusals: dict[str, str], saved: dict[str, Entry]
) -> None:
    """Show the cards of a group; `fragment` is the key of the fragment in which they stand."""
    largest = max((entry.bytes or 0 for entry in saved.values()), default=0)
    with st.grid(3, min_column_width=270):
        for format_ in formats:
            with st.container(border=True, height="stretch"):
                _show_format_card(fragment, run, format_, refusals[format_.key])
                if refusals[format_.key]:
                    continue
                if copy := saved.get(format_.key):
                    st.space("stretch")
                    _show_size_bar(copy.bytes or 0, largest, ":material/check: Saved, ")
                if _is_ticked(run, format_):
                    for option in format_.options:
                        _show_option(format_, option)


@st.fragment(key=SAVE_BUTTONS_FRAGMENT)
def _show_save_buttons(run: Run, formats: Sequence[Format], at_hand: list[str]) -> None:
    """Show the buttons that save the ticked ones of these formats, or all for which nothing is built first."""
    chosen = {format_.key: _read_options(format_) for format_ in formats if _is_ticked(run, format_)}
    with st.container(horizontal=True):
        label = f"Save {pluralize(len(chosen), 'format')}" if chosen else "Save"
        some = st.button(label, type="primary", icon=":material/save:", disabled=not chosen, key=SAVE_BUTTONS[0])
        every = st.button(f"Save all {len(at_hand)}", icon=":material/done_all:", key=SAVE_BUTTONS[1])
    if some or every:
        try:
            job = current_jobs().save(run.id, at_hand if every else list(chosen), chosen)
        except RoundtripError as error:
            show_error(error)
        else:
            st.query_params["job"] = job.id
            st.rerun()


def _tick_formats(run_id: str, keys: list[str], is_ticked: bool) -> None:
    for key in keys:
        st.session_state[_tick_key(run_id, key)] = is_ticked


def _tick_key(run_id: str, key: str) -> str:
    return f"format-{run_id}-{key}"


def _is_ticked(run: Run, format_: Format) -> bool:
    return bool(st.session_state.get(_tick_key(run.id, format_.key)))


def _redraw_choice(fragment: str) -> None:
    st.rerun(scope=[fragment, SAVE_BUTTONS_FRAGMENT])


def _show_format_card(fragment: str, run: Run, format_: Format, refusal: str) -> None:
    st.checkbox(
        format_.label,
        key=_tick_key(run.id, format_.key),
        disabled=bool(refusal),
        help=format_.explains or None,
        on_change=_redraw_choice,
        args=(fragment,),
    )
    if refusal:
        st.caption(f":material/block: {escape_markdown(refusal)}")
        return
    kept = [part for part in PARTS if part in format_.keeps]
    badges = " ".join(_part_badge(format_, part) for part in kept)
    meanings = "\n\n".join(f"Kept, **{part}**: {PART_MEANINGS[part]}" for part in kept)
    # One element for all three: a page of cards is as fast as it has few of them.
    st.markdown(f":small[{format_.good_for} It is {format_.layout}.]\n\n{badges}", help=meanings)
    if format_.environment:
        _show_environment(format_.environment)


def _part_badge(format_: Format, part: str) -> str:
    """A claimed part as a badge; the optimizer's state is told apart where nothing can train with it."""
    is_usable = part != "optimizer state" or format_.can_resume_training
    return f":violet-badge[{part}]" if is_usable else f":gray-badge[{part}, not usable]"


def _show_environment(environment: Environment) -> None:
    """Say which packages a format is written and read with, and what building them takes."""
    size = format_size(environment.megabytes * 10**6)
    costs = f"which is built first: {size} on the disk, from the package index."
    cost = "which is built here." if is_built(current_jobs(), environment) else costs
    st.caption(f":material/construction: In the environment *{escape_markdown(environment.label)}*, {cost}")


def _show_size_bar(size: int, largest: int, words: str = "", **layout: Any) -> None:
    """Show bytes as a bar beside the largest copy's."""
    st.progress(size / largest if largest else 0.0, text=f"{words}{format_size(size)}", **layout)


def _option_key(format_: Format, option: Option) -> str:
    return f"option-{format_.key}-{option.key}"


def _read_options(format_: Format) -> dict[str, Any]:
    """Return what is chosen on the card of a format, by the keys of its options."""
    return {
        option.key: st.session_state.get(_option_key(format_, option), option.default) for option in format_.options
    }


def _show_option(format_: Format, option: Option) -> None:
    key = _option_key(format_, option)
    if option.choices:
        index = option.choices.index(option.default)
        st.selectbox(option.label, option.choices, index=index, key=key, help=option.help)
    elif isinstance(option.default, bool):
        st.toggle(option.label, option.default, key=key, help=option.help)
    else:
        number = type(option.default)
        minimum, maximum = (None if bound is None else number(bound) for bound in (option.minimum, option.maximum))
        numbers: dict[str, Any] = {"min_value": minimum, "max_value": maximum, "value": option.default}
        st.number_input(option.label, **numbers, key=key, help=option.help)


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


def show_saved_summary(job: Job) -> None:
    """Show how many copies of a finished save there are, and how many have each verdict, the best first."""
    rows = job.format_rows.values()
    verdicts = Counter(Verdict(row["verdict"]) for row in rows if row["state"] == "done")
    counts = " · ".join(f"{verdict.label}: {verdicts[verdict]}" for verdict in Verdict if verdicts[verdict])
    if not counts:
        return
    saved = f"{verdicts.total()} of {pluralize(len(rows), 'copy', 'copies')}"
    start = f"**Done:** {saved} saved" if job.state == "done" else f"**Saved before it was stopped:** {saved}"
    text = f"{start}. {counts}."
    alike = sum(count for verdict, count in verdicts.items() if verdict.rank <= Verdict.SAME_ANSWERS.rank)
    if job.state == "done" and alike == len(rows):
        st.success(text, icon=":material/check_circle:")
    else:
        st.info(text, icon=":material/info:")


def _draw_saved_row(row: dict[str, Any], largest: int) -> None:
    _show_size_bar(row["bytes"], largest, width=120)  # after the name, whose width is fixed: bars begin at one place
    show_verdict_and_losses(row["artifact"], row["verdict"], row["changed_rows"], row["rows"], grade=row.get("grade"))
    if row["needs_code"]:
        help_ = "It loads only with the model's own code."
        st.badge("needs its code", icon=":material/code:", color="gray", help=help_)
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
