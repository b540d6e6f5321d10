"""Health page.

What the Health page shows of the library: whether all is as it was kept, and what puts it right.

What the Health page shows of the machine: the sandbox and its self-test, versions, disk, catalog, settings.
"""

import re
from collections.abc import Callable
from typing import Any

import streamlit as st

from core.errors import RoundtripError
from core.formats import get_format
from core.health import Check, Verified, doctor, last_verified
from core.library import Library
from core.library.job_store import Job
from core.text.labels import counted, duration, moment, size
from core.worker import SelfTest
from ui.components import empty, plain
from ui.job_progress import follow
from ui.navigation import go
from ui.session import current_jobs

KINDS = ("verify", "rebuild", "repair")
SHOWN = 50  # rows of one list
STATES = {
    "done": ":green[:material/check_circle:]",
    "would": ":blue[:material/build:]",
    "left": ":orange[:material/pan_tool:]",
    "failed": ":red[:material/error:]",
}


def show_verdict(library: Library) -> None:
    """What the last look at everything found; first of all whether all is as it was kept."""
    last, kept = last_verified(library), library.ids()
    if not kept and last is None:
        empty("Nothing is kept yet, so there is nothing to verify.", "Train a model", "train")
    elif last is None:
        runs = sum(id_.startswith("r") for id_ in kept)
        many = f"{counted(len(kept) - runs, 'artifact')} and {counted(runs, 'run')}"
        begin = "" if library.access.me else "**Nothing was verified yet.** "
        st.info(f"{begin}{many} can be held against the hashes that were kept with them.", icon=":material/help:")
    else:
        _verdict(last, {one["id"] for one in last.wrong})
        _say_when(last, len(kept))


def _verdict(last: Verified, wrong: set[str]) -> None:
    if not wrong:
        st.success(f"**All {_all(last)} are as they were kept.**", icon=":material/verified:")
    else:
        what = counted(len(wrong), "entry is", "entries are")
        st.error(f"**{what} not as it should be**, of {_all(last)}.", icon=":material/heart_broken:")
        _list_wrong(last.wrong)
    for one in last.remarks[:SHOWN]:
        st.caption(f":material/info: {plain(one['id'])}: {plain(one['remark'])}")


def _all(last: Verified) -> str:
    return f"{counted(last.artifacts, 'artifact')} and {counted(last.runs, 'run')}"


def _say_when(last: Verified, kept: int) -> None:
    said = f"{size(last.bytes)} in {duration(last.seconds)}, every byte against its SHA-256, on {moment(last.created)}."
    since = kept - last.artifacts - last.runs
    more = f" {counted(since, 'entry has', 'entries have')} come since." if since > 0 else ""
    st.caption(f"Looked at: {said}{more}")


def _list_wrong(wrong: list[dict[str, Any]]) -> None:
    for one in wrong[:SHOWN]:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(
                f":red[:material/broken_image:] **{plain(one['id'])}** {plain(one['sentence'])}", width="stretch"
            )
            if one["id"].startswith("a") and st.button("Find it", key=f"find-{one['id']}", icon=":material/search:"):
                go("library", search=one["id"])
    if len(wrong) > SHOWN:
        st.caption(f"And {len(wrong) - SHOWN:,} more: `python -m core verify --all`.")


# What one can do


def act() -> None:
    """Buttons that verify, rebuild and look for what is to be repaired; one at a time."""
    jobs = current_jobs()
    busy = next((job for job in jobs.journal.all() if job.kind in KINDS and job.active), None)
    if busy and "job" not in st.query_params:
        st.query_params["job"] = busy.id  # found again by a reload and in a second tab
    with st.container(horizontal=True):
        _start("Verify all", ":material/fact_check:", jobs.verify, busy, "Hold every file against its hash.", "primary")
        _start("Rebuild the catalog", ":material/refresh:", jobs.rebuild, busy, "Read every record again.")
        _start(
            "Look for repairs",
            ":material/build:",
            lambda: jobs.repair(dry_run=True),
            busy,
            "Find what a crash or another program left behind. Nothing is changed before you say so.",
        )


def _start(
    label: str, icon: str, start: Callable[[], Job], busy: Job | None, help_: str, type_: str = "secondary"
) -> None:
    if st.button(label, icon=icon, type=type_, disabled=busy is not None, help=help_):
        st.query_params["job"] = start().id
        st.rerun()


def show_job(id_: str) -> None:
    """The job that the address names, while it runs and how it ended."""
    job = current_jobs().journal.read(id_)
    if job.kind not in KINDS:
        return
    follow(job, lambda seen: None)
    if job.state == "done":
        {"verify": _verified, "rebuild": _rebuilt, "repair": _repaired}[job.kind](job)


def _verified(job: Job) -> None:
    """What was found of those that were named; where all were, the verdict above is its result, but for one person, who
    has none."""
    named, wrong, library = job.request["ids"], job.result["wrong"], current_jobs().library
    if named is None and library.access.me is None:
        return
    who = (
        _called(library, named[0]) if named and len(named) == 1 else counted(job.result["entries"], "entry", "entries")
    )
    if wrong:
        st.error(f"**{plain(who)}: {len(wrong):,} not as it should be.**", icon=":material/heart_broken:")
        _list_wrong(wrong)
        return
    held = f"{size(job.result['bytes'])} were held against the SHA-256 that was kept with them."
    st.success(f"**{plain(who)}: as it was kept.** {held}", icon=":material/verified:")


def _called(library: Library, id_: str) -> str:
    """An artifact by its format and its id."""
    try:
        return f"{get_format(library.artifact(id_).format).label} ({id_})"
    except RoundtripError:  # a run, or one whose record cannot be read
        return id_


def _rebuilt(job: Job) -> None:
    before, after, wrong = job.result["before"], job.result["after"], job.result["differences"]
    if not wrong:
        said = f"The catalog was made anew: {counted(after, 'artifact')}, the same as before."
        st.success(said, icon=":material/check:")
        return
    said = f"The catalog was made anew. It had been wrong: {before:,} artifacts before, {after:,} now."
    st.warning(said, icon=":material/build:")
    for one in wrong[:SHOWN]:
        st.caption(plain(one))


def _repaired(job: Job) -> None:
    found, dry = job.result["mended"], job.request["dry_run"]
    if not found:
        st.success("Everything is in order: there is nothing to repair.", icon=":material/check:")
        return
    st.subheader("What would be done" if dry else "What was done")
    for one in found[:SHOWN]:
        st.markdown(f"{STATES[one['state']]} {plain(one['sentence'])}")
    if len(found) > SHOWN:
        st.caption(f"And {len(found) - SHOWN:,} more: `python -m core repair --dry-run`.")
    if dry:
        _offer(found)


def _offer(found: list[dict[str, Any]]) -> None:
    """The plan was seen: now it may be done."""
    aside = False
    if any(one["kind"] == "unreadable" for one in found):
        aside = st.checkbox(
            "Also move aside what cannot be read",
            help="Into the folder quarantine of the library. Nothing is deleted; you can move it back by hand.",
        )
    if st.button("Repair", type="primary", icon=":material/build:", disabled=not (aside or _can(found))):
        st.query_params["job"] = current_jobs().repair(quarantine=aside).id
        st.rerun()


def _can(found: list[dict[str, Any]]) -> bool:
    return any(one["state"] == "would" for one in found)


ICONS = {
    "ok": ":green[:material/check_circle:]",
    "remark": ":orange[:material/info:]",
    "wrong": ":red[:material/error:]",
}
TABS = {
    "Disk and memory": ("Machine", "Disk"),
    "Library": ("Catalog", "Library"),
    "Versions": ("Versions",),
    "Settings": ("Settings",),
}


def show_sandbox() -> None:
    """What a confined process tried, and what was blocked: the latest self-test."""
    st.subheader("Sandbox", help="A process of its own in which files that are brought in are opened and run.")
    worker = current_jobs().worker
    if worker.tested is None:
        st.caption("It was not tried out since the server started.")
    else:
        _tested(worker.tested)
    tries = "A confined process tries what it must not be able to do."
    if st.button("Try it out", icon=":material/shield:", help=tries):
        with st.spinner("A confined process tries to get out"):
            worker.self_test(again=True)
        st.rerun()


def _tested(tested: SelfTest) -> None:
    show = st.success if tested.blocked else st.warning
    show(plain(_spoken(tested.sentence)), icon=":material/shield:" if tested.blocked else ":material/shield_question:")
    lines = [f"{ICONS['ok' if one.blocked else 'wrong']} {plain(_spoken(one.sentence))}" for one in tested.probes]
    half = (len(lines) + 1) // 2
    with (
        st.expander(f"What was tried on {moment(tested.created)}, in {duration(tested.seconds)}"),
        st.grid(2, min_column_width=300),
    ):
        for part in (lines[:half], lines[half:]):
            st.markdown("  \n".join(part))


def _spoken(sentence: str) -> str:
    """Without the name of the error by which the system refused."""
    return re.sub(r" \(E[A-Z0-9]+\)", "", sentence)


def show_machine() -> None:
    """Everything else that was looked at; what is not as it should be stands first, in the open."""
    st.subheader("This machine")
    checks = doctor(current_jobs().library, current_jobs().config)
    for check in checks:
        if check.state != "ok":
            st.markdown(f"{ICONS[check.state]} **{plain(check.name)}:** {plain(check.sentence)}")
    for tab, about in zip(st.tabs(list(TABS)), TABS.values(), strict=True):
        with tab:
            _table([check for check in checks if check.about in about])


def _table(checks: list[Check]) -> None:
    rows = [f"| {ICONS[one.state]} {_cell(one.name)} | {_cell(one.sentence)} |" for one in checks]
    st.markdown("\n".join(["| What | How it is |", "|---|---|", *rows]))


def _cell(text: str) -> str:
    return plain(" ".join(text.split()))
