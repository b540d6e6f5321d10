"""Parts of the Health page: the verification of the library, maintenance jobs, the sandbox and the machine."""

import re
from collections.abc import Callable
from typing import Any, Literal

import streamlit as st

from core.health import HealthCheck, VerificationReport, run_diagnostics
from core.jobs.maintenance import find_last_report
from core.library.entry_names import name_entry
from core.library.job_store import Job
from core.text.labels import capitalize_first, format_timestamp, pluralize
from core.text.numbers import format_duration, format_size
from core.worker import SandboxCheck
from ui.components import escape_markdown, show_empty_state, show_ids
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


def show_last_verification() -> None:
    """Show the last verification of the whole library: the verdict, the damaged entries, and what was covered."""
    library = current_jobs().library
    report, ids = find_last_report(current_jobs()), library.ids()
    if report is not None:
        _show_verdict(report, {entry["id"] for entry in report.wrong})
        _show_coverage(report, len(ids))
    elif not ids:
        show_empty_state("Nothing is kept yet, so there is nothing to verify.", "Train a model", "train")
    else:
        runs = sum(id_.startswith("r") for id_ in ids)
        counts = f"{pluralize(len(ids) - runs, 'artifact')} and {pluralize(runs, 'run')}"
        begin = "" if library.access.viewer_id else "**Nothing was verified yet.** "
        st.info(f"{begin}{counts} can be verified against the hashes that were kept with them.", icon=":material/help:")


def _show_verdict(report: VerificationReport, damaged_ids: set[str]) -> None:
    if not damaged_ids:
        st.success(f"**All {_counts_text(report)} are as they were kept.**", icon=":material/verified:")
    else:
        subject = pluralize(len(damaged_ids), "entry is", "entries are")
        st.error(f"**{subject} not as it should be**, of {_counts_text(report)}.", icon=":material/heart_broken:")
        _list_damaged(report.wrong, "report")
    for entry in report.remarks[:MAX_LISTED]:
        name = name_entry(current_jobs().library, entry["id"])
        st.caption(f":material/info: {escape_markdown(name)}: {escape_markdown(entry['remark'])}")


def _counts_text(report: VerificationReport) -> str:
    return f"{pluralize(report.artifacts, 'artifact')} and {pluralize(report.runs, 'run')}"


def _show_coverage(report: VerificationReport, entry_count: int) -> None:
    """Show how much was verified and when, and how many entries were added since."""
    covered = f"{format_size(report.bytes)} in {format_duration(report.seconds)}, every byte against its SHA-256"
    added = entry_count - report.artifacts - report.runs
    since = f" {pluralize(added, 'entry has', 'entries have')} come since." if added > 0 else ""
    st.caption(f"Looked at: {covered}, on {format_timestamp(report.created)}.{since}")


def _list_damaged(entries: list[dict[str, Any]], place: str) -> None:
    """List damaged entries; an entry may be listed at another place of the page, too."""
    for entry in entries[:MAX_LISTED]:
        id_, sentence = entry["id"], escape_markdown(entry["sentence"])
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            name = escape_markdown(name_entry(current_jobs().library, id_))
            st.markdown(f":red[:material/broken_image:] **{name}** {sentence}", width="stretch")
            show_ids({"Artifact" if id_.startswith("a") else "Run": id_})
            if id_.startswith("a") and st.button("Find it", key=f"find-{place}-{id_}", icon=":material/search:"):
                go("library", search=id_)
    if len(entries) > MAX_LISTED:
        st.caption(f"And {len(entries) - MAX_LISTED:,} more: `roundtrip verify --all`.")


# Maintenance jobs


def show_actions() -> None:
    """Show buttons that start to verify, rebuild or look for repairs; disabled while one of these jobs runs."""
    jobs = current_jobs()
    active = next((job for job in jobs.job_store.list_jobs() if job.kind in JOB_KINDS and job.is_active), None)
    if active and "job" not in st.query_params:
        st.query_params["job"] = active.id  # found again by a reload and in a second tab
    with st.container(horizontal=True):
        help_ = "Verify every file against its hash."
        _show_start_button("Verify all", ":material/fact_check:", jobs.verify, active, help_, "primary")
        help_ = "Read every record again."
        _show_start_button("Rebuild the catalog", ":material/refresh:", jobs.rebuild, active, help_)
        help_ = "Find what a crash or another program left behind. Nothing is changed before you say so."
        _show_start_button("Look for repairs", ":material/build:", lambda: jobs.repair(dry_run=True), active, help_)


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
    """Show the progress and the result of a maintenance job; nothing for a job of another kind."""
    job = current_jobs().job_store.read(id_)
    if job.kind not in JOB_KINDS:
        return
    follow_job(job)
    if job.state == "done":
        {"verify": _show_verified, "rebuild": _show_rebuilt, "repair": _show_repaired}[job.kind](job)


def _show_verified(job: Job) -> None:
    """Show the result of a verification.

    Nothing for one of the whole library, which the verdict at the top shows; but a signed-in user has no such verdict.
    """
    ids, damaged, library = job.request["ids"], job.result["wrong"], current_jobs().library
    if ids is None and library.access.viewer_id is None:
        return
    is_single = ids is not None and len(ids) == 1
    label = name_entry(library, ids[0]) if is_single else pluralize(job.result["entries"], "entry", "entries")
    if damaged:
        st.error(f"**{escape_markdown(label)}: {len(damaged):,} not as it should be.**", icon=":material/heart_broken:")
        _list_damaged(damaged, job.id)
        return
    verified = f"{format_size(job.result['bytes'])} were verified against the SHA-256 that was kept with them."
    st.success(f"**{escape_markdown(label)}: as it was kept.** {verified}", icon=":material/verified:")


def _show_rebuilt(job: Job) -> None:
    before, after, differences = job.result["before"], job.result["after"], job.result["differences"]
    if not differences:
        text = f"The catalog was made anew: {pluralize(after, 'artifact')}, the same as before."
        st.success(text, icon=":material/check:")
        return
    text = f"The catalog was made anew. It had been wrong: {before:,} artifacts before, {after:,} now."
    st.warning(text, icon=":material/build:")
    for difference in differences[:MAX_LISTED]:
        st.caption(escape_markdown(difference))


def _show_repaired(job: Job) -> None:
    repairs, is_dry_run = job.result["mended"], job.request["dry_run"]
    if not repairs:
        st.success("Everything is in order: there is nothing to repair.", icon=":material/check:")
        return
    st.header("What would be done" if is_dry_run else "What was done")
    for repair in repairs[:MAX_LISTED]:
        st.markdown(f"{STATE_ICONS[repair['state']]} {escape_markdown(repair['sentence'])}")
    if len(repairs) > MAX_LISTED:
        st.caption(f"And {len(repairs) - MAX_LISTED:,} more: `roundtrip repair --dry-run`.")
    if is_dry_run:
        _show_repair_form(repairs)


def _show_repair_form(repairs: list[dict[str, Any]]) -> None:
    """Show the button that starts the repairs of a dry run, and a choice to move unreadable entries aside."""
    quarantine = False
    if any(repair["kind"] == "unreadable" for repair in repairs):
        quarantine = st.checkbox(
            "Also move aside what cannot be read",
            help="Into the folder quarantine of the library. Nothing is deleted; you can move it back by hand.",
        )
    if st.button("Repair", type="primary", icon=":material/build:", disabled=not (quarantine or _has_repairs(repairs))):
        st.query_params["job"] = current_jobs().repair(quarantine=quarantine).id
        st.rerun()


def _has_repairs(repairs: list[dict[str, Any]]) -> bool:
    return any(repair["state"] == "would" for repair in repairs)


# The machine


def show_sandbox() -> None:
    """Show the latest self-test of the sandbox, and a button to run it again."""
    st.header("Sandbox", help="A process of its own in which files that are imported are opened and run.")
    worker = current_jobs().worker
    if worker.latest_sandbox_check is None:
        st.caption("It was not tried out since the server started.")
    else:
        _show_sandbox_check(worker.latest_sandbox_check)
    help_ = "A confined process tries what it must not be able to do."
    if st.button("Try it out", icon=":material/shield:", help=help_):
        with st.spinner("A confined process tries to get out"):
            worker.run_sandbox_check(again=True)
        st.rerun()


def _show_sandbox_check(check: SandboxCheck) -> None:
    show, icon = (st.success, "shield") if check.blocked else (st.warning, "shield_question")
    show(escape_markdown(_without_error_code(check.sentence)), icon=f":material/{icon}:")
    lines = [
        f"{CHECK_ICONS['ok' if probe.blocked else 'wrong']} {escape_markdown(_without_error_code(probe.sentence))}"
        for probe in check.probes
    ]
    half = (len(lines) + 1) // 2
    title = f"What was tried on {format_timestamp(check.created)}, in {format_duration(check.seconds)}"
    with st.expander(title), st.grid(2, min_column_width=300):
        for column in (lines[:half], lines[half:]):
            st.markdown("  \n".join(column))


def _without_error_code(sentence: str) -> str:
    """Return a sentence without the system's error code, such as (EPERM)."""
    return re.sub(r" \(E[A-Z0-9]+\)", "", sentence)


def show_diagnostics() -> None:
    """Show all diagnostics in tabs, after those that are not as they should be."""
    st.header("This machine")
    checks = run_diagnostics(current_jobs().library, current_jobs().config)
    for check in checks:
        if check.state != "ok":
            name, sentence = escape_markdown(check.name), escape_markdown(check.sentence)
            st.markdown(f"{CHECK_ICONS[check.state]} **{name}:** {sentence}")
    for tab, subjects in zip(st.tabs(list(CHECK_TABS)), CHECK_TABS.values(), strict=True):
        with tab:
            _show_check_table([check for check in checks if check.about in subjects])


def _show_check_table(checks: list[HealthCheck]) -> None:
    rows = [
        f"| {CHECK_ICONS[check.state]} {_cell(capitalize_first(check.name))} | {_cell(check.sentence)} |"
        for check in checks
    ]
    st.markdown("\n".join(["| What | How it is |", "|---|---|", *rows]))


def _cell(text: str) -> str:
    return escape_markdown(" ".join(text.split()))
