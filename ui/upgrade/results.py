"""What became of each model, and which release was found, as tables, causes, cures and reports."""

from pathlib import Path
from typing import Any

import streamlit as st

from core.environments.judge import name_lock
from core.formats import label_format
from core.jobs.elsewhere import read_outcome
from core.jobs.upgrades.bisect import describe_bisect
from core.jobs.upgrades.upgrade import read_rows
from core.library.job_store import Job
from core.report.upgrade_report import render_upgrade_html, render_upgrade_json
from core.text.labels import pluralize
from core.text.numbers import format_duration, format_size
from core.text.verdicts import verdict_label
from core.upgrade.rows import Cure, Status, UpgradeRow, summarize_upgrade
from core.upgrade.sides import list_sides
from ui.components import button_label, escape_markdown, show_error
from ui.session import current_jobs
from ui.wrapped_table import NOTHING, show_wrapped_table

SYMBOLS = {Status.ALIKE: "✓", Status.CHANGED: "≠", Status.DOES_NOT_LOAD: "✗"}
MAX_DOWNLOAD_BYTES = 100 * 10**6  # of a cured file that the page holds; of larger ones the command line writes


def _label(key: str) -> str:
    return next((side.label for side in list_sides() if side.key == key), key)


def show_upgrade(job: Job) -> None:
    """Show what became of each model, as far as the job has come, and at its end the reports."""
    rows = read_rows(job.result.get("rows") or job.detail.get("rows") or [])
    if not rows:
        return
    st.subheader(f"{_label(job.request['source'])} → {_label(job.request['target'])}", anchor=False)
    asked = job.detail.get("asked", 0)
    if not job.result and asked > len(rows):
        st.caption(f"The last {len(rows):,} of {asked:,} models that were asked so far.")
    else:
        st.markdown(escape_markdown(summarize_upgrade(rows)))
    _show_table(rows)
    if others := job.result.get("others"):
        files = f"{pluralize(others, 'other file')} {'was' if others == 1 else 'were'}"
        st.caption(f"{files} not asked: no model by their names, nor a part of one.")
    if job.state == "done":
        _show_reports(job)
    cured = current_jobs().find_cured_files(job.id) if job.state == "done" else {}
    for row in rows:
        _show_row(row, cured.get(row.name))


def _show_table(rows: list[UpgradeRow]) -> None:
    table = {
        "Model": [row.name for row in rows],
        "After": [f"{SYMBOLS.get(row.status, '?')} {row.label}" for row in rows],
        "Cause": [row.cause or NOTHING for row in rows],
        "Cure": [_name_cure(row) for row in rows],
    }
    show_wrapped_table(table, "What became of each model")


def _name_cure(row: UpgradeRow) -> str:
    if row.proven_cure:
        return "proven there"
    if row.status is Status.CHANGED and row.cures:
        return "state the difference"
    return "none found" if row.status is Status.DOES_NOT_LOAD else NOTHING


def _show_reports(job: Job) -> None:
    result: Any = job.result
    with st.container(horizontal=True):
        for kind, text, mime in (
            ("HTML", render_upgrade_html(result), "text/html"),
            ("JSON", render_upgrade_json(result), "application/json"),
        ):
            st.download_button(
                f"Report as {kind}",
                text,
                f"upgrade.{kind.lower()}",
                mime,
                icon=":material/download:",
                on_click="ignore",
                key=f"upgrade-report-{kind}",
            )


def _show_row(row: UpgradeRow, cured: Path | None) -> None:
    # Its key keeps it unfolded while a running job changes the label.
    label = f"**{escape_markdown(row.name)}** · {escape_markdown(row.label)}"
    with st.expander(label, icon=":material/description:", key=f"upgrade-{row.name}"):
        if row.error:
            show_error(row.error)
        elif row.cause:
            st.markdown(escape_markdown(row.cause))
        for cure in row.cures:
            _show_cure(row, cure, cured)
        if row.note:
            st.warning(escape_markdown(row.note), icon=":material/info:")
        st.caption(escape_markdown(" · ".join(_facts(row))))


def _facts(row: UpgradeRow) -> list[str]:
    facts = [label_format(row.format), format_size(row.bytes)] if row.format else []
    facts += [f"{pluralize(row.rows, 'row')} asked"] if row.rows else []
    facts += ["asked before, not again"] if row.is_reused else [format_duration(row.seconds)]
    if outcome := row.outcome:
        facts += [f"{name} {number}" for name, number in outcome.versions.items() if number]
        facts += [f"packages: {name_lock(outcome.lock)}"] if outcome.lock else []
    return facts


def _show_cure(row: UpgradeRow, cure: Cure, cured: Path | None) -> None:
    sentence = escape_markdown(cure.sentence)
    if cure.is_proven:
        st.success(f"**Cured, and proven there.** {sentence}", icon=":material/check_circle:")
        if cured:
            _show_cured_file(row, cured)
    elif cure.error:
        st.caption(f"Tried, without success: {sentence} {escape_markdown(cure.error['sentence'])}")
    else:
        st.info(sentence, icon=":material/lightbulb:")


def _show_cured_file(row: UpgradeRow, path: Path) -> None:
    if path.is_dir() or path.stat().st_size > MAX_DOWNLOAD_BYTES:
        st.caption("What was cured is written by the command line: `roundtrip upgrade … --cured FOLDER`.")
        return
    name = f"{Path(row.name).name}-{path.name}"
    label, read = button_label("Download", name), path.read_bytes  # read where it is pressed
    st.download_button(label, read, name, icon=":material/download:", on_click="ignore", key=f"cured-{row.name}")


def show_bisect(job: Job) -> None:
    """Show which releases were asked, and at the end which is the first that answers otherwise."""
    steps = job.result.get("steps") or job.detail.get("steps") or []
    result: Any = job.result
    if job.state == "done":
        st.subheader(escape_markdown(describe_bisect(result)), anchor=False)
    if not steps:
        return
    outcomes = [read_outcome(step["outcome"]) for step in steps]
    table = {
        "Release": [step["label"] for step in steps],
        "There": [
            f"{SYMBOLS.get(Status(step['status']), '?')} "
            + verdict_label(outcome.verdict, outcome.changed_rows, outcome.rows, outcome.error)
            for step, outcome in zip(steps, outcomes, strict=True)
        ],
        "Cause": [step["cause"] or NOTHING for step in steps],
    }
    show_wrapped_table(table, "The releases that were asked, in that order")
    st.caption(
        "Searched by halves: what answers otherwise once is taken to answer otherwise from there on. "
        f"Expected is what {escape_markdown(_label(job.request['source']))} answers."
    )
