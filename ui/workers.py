"""The workers of a team on the Health page: what each does, redrawn while one looks; drain and stop."""

import contextlib
from typing import TYPE_CHECKING, Literal

import streamlit as st

from core.errors import RoundtripError
from core.text.labels import format_timestamp, pluralize
from core.text.numbers import format_size
from ui.components import escape_markdown, show_error
from ui.session import current_jobs

if TYPE_CHECKING:
    from core.jobs.execution.workers import WorkerRow

REFRESH_INTERVAL = 2.0  # seconds between two looks
MAX_LISTED = 50
QUEUES = {"all": "all jobs", "click": "only what a person waits for", "bulk": "only what is done in bulk"}
STATES = {
    "idle": (":green[:material/check_circle:]", "waits for a job"),
    "working": (":blue[:material/sync:]", "at work"),
    "draining": (":orange[:material/hourglass_bottom:]", "takes no more jobs"),
    "stopping": (":orange[:material/stop_circle:]", "is stopping"),
    "gone": (":red[:material/link_off:]", "does not answer; its jobs are given to others"),
}


def show_workers() -> None:
    """Show the workers of a team; nothing where this installation does its jobs itself."""
    if current_jobs().config.is_team:
        st.header("Workers", help="The machines that do the jobs of this team: `roundtrip worker` starts one.")
        _show_list()


@st.fragment(run_every=REFRESH_INTERVAL)
def _show_list() -> None:
    from core.jobs.execution import workers  # which an installation on one machine need not import

    try:
        rows, earlier = workers.list_workers(current_jobs()), workers.list_earlier_workers(current_jobs())
    except RoundtripError as error:
        show_error(error)
        return
    live = [row for row in rows if row["state"] != "gone"]
    busy = sum(bool(row["jobs"]) for row in live)
    if live:
        st.markdown(f"**{pluralize(len(live), 'worker')}**, {busy} at work.")
    else:
        st.warning(
            "**No worker answers**, so no job begins. Start one, on this or any machine: `roundtrip worker`.",
            icon=":material/link_off:",
        )
    if earlier:
        names = ", ".join(map(escape_markdown, earlier))
        st.warning(
            f"**Nothing is deleted from the store** while workers of an earlier version run: {names}. "
            "End them, and start them again with this version; one that was killed counts for a day.",
            icon=":material/update:",
        )
    for row in rows[:MAX_LISTED]:
        _show_worker(row)
    if len(rows) > MAX_LISTED:
        st.caption(f"And {len(rows) - MAX_LISTED:,} more: `roundtrip workers`.")


def _show_worker(row: "WorkerRow") -> None:
    icon, state = STATES[row["state"]]
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        what = ", ".join(f"*{escape_markdown(title)}*" for title in row["jobs"]) or state
        load = f"load {row['load']:.1f} on {pluralize(row['processors'], 'processor')}, memory {row['memory_used']:.0%}"
        st.markdown(f"{icon} **{escape_markdown(row['name'])}** {what}  \n:small[{load}]", width="stretch")
        with st.popover("What it has", icon=":material/memory:", type="tertiary"):
            st.markdown(_describe(row))
        if row["state"] in ("idle", "working"):
            _show_button(row, "Drain", "drain", "It takes no more jobs, and ends after those that it does.")
        if row["state"] != "gone":
            _show_button(row, "Stop", "stop", "It ends now, and others take up its jobs.")


def _describe(row: "WorkerRow") -> str:
    """What a worker has and since when, as a list."""
    packages = ", ".join(f"{name} {version}" for name, version in row["packages"].items())
    facts = {
        "Takes": QUEUES[row["queues"]],
        "Memory for one model": format_size(row["child_memory"]) if row["child_memory"] else "",
        "Machine": f"{row['processor']}, {row['processors']} processors, {format_size(row['memory'])}; {row['system']}",
        "Accelerators": ", ".join(row["accelerators"]) or "none",
        "Roundtrip": f"{row['version']}, {pluralize(row['concurrency'], 'job')} side by side",
        "Packages": packages,
        "Missing": ", ".join(row["missing_packages"]) or "nothing",
        "Environments": (", ".join(row["environments"]) or "none built")
        + ("; builds others when asked" if row["can_build"] else ""),
        "Since": format_timestamp(row["since"]),
        "Last heard": format_timestamp(row["heard"]),
    }
    return "\n".join(f"- **{name}:** {escape_markdown(text)}" for name, text in facts.items() if text)


def _show_button(row: "WorkerRow", label: str, request: Literal["drain", "stop"], help_: str) -> None:
    is_owner = current_jobs().library.access.viewer_id is None
    st.button(
        label,
        key=f"{request}-{row['id']}",
        disabled=not is_owner,
        help=help_ if is_owner else "Whoever runs the servers can, from the command line: roundtrip workers.",
        on_click=_ask,
        args=(row["id"], request),
    )


def _ask(id_: str, request: Literal["drain", "stop"]) -> None:
    from core.jobs.execution.workers import ask_worker  # which an installation on one machine need not import

    with contextlib.suppress(RoundtripError):  # it has ended, or the list says what the database did
        ask_worker(current_jobs(), id_, request)
