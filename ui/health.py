"""Health page.

What the Health page shows of the library: whether all is as it was kept, and what puts it right.

What the Health page shows of the machine: the sandbox and its self-test, versions, disk, catalog, settings.
"""

import re
from collections.abc import Callable
from typing import Any, Literal

import streamlit as st

from core.errors import RoundtripError
from core.formats import get_format
from core.health import HealthCheck, VerificationReport, read_last_report, run_diagnostics
from core.library import Library
from core.library.job_store import Job
from core.text.labels import format_duration, format_size, format_timestamp, pluralize
from core.worker import SandboxCheck
from ui.components import escape_markdown, show_empty_state
from ui.job_progress import follow_job
from ui.navigation import go
from ui.session import current_jobs

JOB_KINDS = ("verify", "rebuild", "repair")
MAX_LISTED = 50  # rows of one list
STATE_ICONS = {
    "done": ":green[:material/check_circle:]",
    "would": ":blue[:material/build:]",
    "left": ":orange[:material/pan_tool:]",
    "failed": ":red[:material/error:]",
}


def show_last_verification(library: Library) -> None:
    """What the last look at everything found; first of all whether all is as it was kept."""
    last, kept = read_last_report(library), library.ids()
    if not kept and last is None:
        show_empty_state("Nothing is kept yet, so there is nothing to verify.", "Train a model", "train")
    elif last is None:
        runs = sum(id_.startswith("r") for id_ in kept)
        many = f"{pluralize(len(kept) - runs, 'artifact')} and {pluralize(runs, 'run')}"
        begin = "" if library.access.viewer_id else "**Nothing was verified yet.** "
        st.info(f"{begin}{many} can be held against the hashes that were kept with them.", icon=":material/help:")
    else:
        _show_verdict(last, {one["id"] for one in last.wrong})
        _show_coverage(last, len(kept))


def _show_verdict(last: VerificationReport, wrong: set[str]) -> None:
    if not wrong:
        st.success(f"**All {_counts_text(last)} are as they were kept.**", icon=":material/verified:")
    else:
        what = pluralize(len(wrong), "entry is", "entries are")
        st.error(f"**{what} not as it should be**, of {_counts_text(last)}.", icon=":material/heart_broken:")
        _list_damaged(last.wrong)
    for one in last.remarks[:MAX_LISTED]:
        st.caption(f":material/info: {escape_markdown(one['id'])}: {escape_markdown(one['remark'])}")


def _counts_text(last: VerificationReport) -> str:
    return f"{pluralize(last.artifacts, 'artifact')} and {pluralize(last.runs, 'run')}"


def _show_coverage(last: VerificationReport, entries: int) -> None:
    said = (
        f"{format_size(last.bytes)} in {format_duration(last.seconds)}, every byte against its SHA-256, on "
        f"{format_timestamp(last.created)}."
    )
    since = entries - last.artifacts - last.runs
    more = f" {pluralize(since, 'entry has', 'entries have')} come since." if since > 0 else ""
    st.caption(f"Looked at: {said}{more}")


def _list_damaged(wrong: list[dict[str, Any]]) -> None:
    for one in wrong[:MAX_LISTED]:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(
                f":red[:material/broken_image:] **{escape_markdown(one['id'])}** {escape_markdown(one['sentence'])}",
                width="stretch",
            )
            if one["id"].startswith("a") and st.button("Find it", key=f"find-{one['id']}", icon=":material/search:"):
                go("library", search=one["id"])
    if len(wrong) > MAX_LISTED:
        st.caption(f"And {len(wrong) - MAX_LISTED:,} more: `roundtrip verify --all`.")


# What one can do


def show_actions() -> None:
    """Buttons that verify, rebuild and look for what is to be repaired; one at a time."""
    jobs = current_jobs()
    busy = next((job for job in jobs.job_store.list_jobs() if job.kind in JOB_KINDS and job.is_active), None)
    if busy and "job" not in st.query_params:
        st.query_params["job"] = busy.id  # found again by a reload and in a second tab
    with st.container(horizontal=True):
        _show_start_button(
            "Verify all", ":material/fact_check:", jobs.verify, busy, "Hold every file against its hash.", "primary"
        )
        _show_start_button("Rebuild the catalog", ":material/refresh:", jobs.rebuild, busy, "Read every record again.")
        _show_start_button(
            "Look for repairs",
            ":material/build:",
            lambda: jobs.repair(dry_run=True),
            busy,
            "Find what a crash or another program left behind. Nothing is changed before you say so.",
        )


def _show_start_button(
    label: str,
    icon: str,
    start: Callable[[], Job],
    active_job: Job | None,
    help_: str,
    type_: Literal["primary", "secondary"] = "secondary",
) -> None:
    if st.button(label, icon=icon, type=type_, disabled=active_job is not None, help=help_):
        st.query_params["job"] = start().id
        st.rerun()


def show_maintenance_job(id_: str) -> None:
    """The job that the address names, while it runs and how it ended."""
    job = current_jobs().job_store.read(id_)
    if job.kind not in JOB_KINDS:
        return
    follow_job(job, lambda seen: None)
    if job.state == "done":
        {"verify": _show_verified, "rebuild": _show_rebuilt, "repair": _show_repaired}[job.kind](job)


def _show_verified(job: Job) -> None:
    """What was found of those that were named; where all were, the verdict above is its result, but for one person, who
    has none."""
    named, wrong, library = job.request["ids"], job.result["wrong"], current_jobs().library
    if named is None and library.access.viewer_id is None:
        return
    who = (
        _entry_label(library, named[0])
        if named and len(named) == 1
        else pluralize(job.result["entries"], "entry", "entries")
    )
    if wrong:
        st.error(f"**{escape_markdown(who)}: {len(wrong):,} not as it should be.**", icon=":material/heart_broken:")
        _list_damaged(wrong)
        return
    held = f"{format_size(job.result['bytes'])} were held against the SHA-256 that was kept with them."
    st.success(f"**{escape_markdown(who)}: as it was kept.** {held}", icon=":material/verified:")


def _entry_label(library: Library, id_: str) -> str:
    """An artifact by its format and its id."""
    try:
        return f"{get_format(library.artifact(id_).format).label} ({id_})"
    except RoundtripError:  # a run, or one whose record cannot be read
        return id_


def _show_rebuilt(job: Job) -> None:
    before, after, wrong = job.result["before"], job.result["after"], job.result["differences"]
    if not wrong:
        said = f"The catalog was made anew: {pluralize(after, 'artifact')}, the same as before."
        st.success(said, icon=":material/check:")
        return
    said = f"The catalog was made anew. It had been wrong: {before:,} artifacts before, {after:,} now."
    st.warning(said, icon=":material/build:")
    for one in wrong[:MAX_LISTED]:
        st.caption(escape_markdown(one))


def _show_repaired(job: Job) -> None:
    found, dry = job.result["mended"], job.request["dry_run"]
    if not found:
        st.success("Everything is in order: there is nothing to repair.", icon=":material/check:")
        return
    st.subheader("What would be done" if dry else "What was done")
    for one in found[:MAX_LISTED]:
        st.markdown(f"{STATE_ICONS[one['state']]} {escape_markdown(one['sentence'])}")
    if len(found) > MAX_LISTED:
        st.caption(f"And {len(found) - MAX_LISTED:,} more: `roundtrip repair --dry-run`.")
    if dry:
        _show_repair_form(found)


def _show_repair_form(repairs: list[dict[str, Any]]) -> None:
    """The plan was seen: now it may be done."""
    aside = False
    if any(one["kind"] == "unreadable" for one in repairs):
        aside = st.checkbox(
            "Also move aside what cannot be read",
            help="Into the folder quarantine of the library. Nothing is deleted; you can move it back by hand.",
        )
    if st.button("Repair", type="primary", icon=":material/build:", disabled=not (aside or _has_repairs(repairs))):
        st.query_params["job"] = current_jobs().repair(quarantine=aside).id
        st.rerun()


def _has_repairs(repairs: list[dict[str, Any]]) -> bool:
    return any(one["state"] == "would" for one in repairs)


CHECK_ICONS = {
    "ok": ":green[:material/check_circle:]",
    "remark": ":orange[:material/info:]",
    "wrong": ":red[:material/error:]",
}
CHECK_TABS = {
    "Disk and memory": ("Machine", "Disk"),
    "Library": ("Catalog", "Library"),
    "Versions": ("Versions",),
    "Settings": ("Settings",),
}


def show_sandbox() -> None:
    """What a confined process tried, and what was blocked: the latest self-test."""
    st.subheader("Sandbox", help="A process of its own in which files that are brought in are opened and run.")
    worker = current_jobs().worker
    if worker.latest_sandbox_check is None:
        st.caption("It was not tried out since the server started.")
    else:
        _show_sandbox_check(worker.latest_sandbox_check)
    tries = "A confined process tries what it must not be able to do."
    if st.button("Try it out", icon=":material/shield:", help=tries):
        with st.spinner("A confined process tries to get out"):
            worker.run_sandbox_check(again=True)
        st.rerun()


def _show_sandbox_check(sandbox_test: SandboxCheck) -> None:
    show = st.success if sandbox_test.blocked else st.warning
    show(
        escape_markdown(_without_error_code(sandbox_test.sentence)),
        icon=":material/shield:" if sandbox_test.blocked else ":material/shield_question:",
    )
    lines = [
        f"{CHECK_ICONS['ok' if one.blocked else 'wrong']} {escape_markdown(_without_error_code(one.sentence))}"
        for one in sandbox_test.probes
    ]
    half = (len(lines) + 1) // 2
    with (
        st.expander(
            f"What was tried on {format_timestamp(sandbox_test.created)}, in {format_duration(sandbox_test.seconds)}"
        ),
        st.grid(2, min_column_width=300),
    ):
        for part in (lines[:half], lines[half:]):
            st.markdown("  \n".join(part))


def _without_error_code(sentence: str) -> str:
    """Without the name of the error by which the system refused."""
    return re.sub(r" \(E[A-Z0-9]+\)", "", sentence)


def show_diagnostics() -> None:
    """Everything else that was looked at; what is not as it should be stands first, in the open."""
    st.subheader("This machine")
    checks = run_diagnostics(current_jobs().library, current_jobs().config)
    for check in checks:
        if check.state != "ok":
            st.markdown(
                f"{CHECK_ICONS[check.state]} **{escape_markdown(check.name)}:** {escape_markdown(check.sentence)}"
            )
    for tab, about in zip(st.tabs(list(CHECK_TABS)), CHECK_TABS.values(), strict=True):
        with tab:
            _show_check_table([check for check in checks if check.about in about])


def _show_check_table(checks: list[HealthCheck]) -> None:
    rows = [f"| {CHECK_ICONS[one.state]} {_cell(one.name)} | {_cell(one.sentence)} |" for one in checks]
    st.markdown("\n".join(["| What | How it is |", "|---|---|", *rows]))


def _cell(text: str) -> str:
    return escape_markdown(" ".join(text.split()))
