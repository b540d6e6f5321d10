"""The table of a sweep, which fills while it runs; its reports; and earlier sweeps."""

from collections import Counter
from functools import partial
from math import ceil

import streamlit as st

from core.environments.machines import join_keys, label_asked
from core.environments.own import HERE
from core.formats import label_format
from core.jobs.sweeps.sweep import Sweeps
from core.library.job_store import Job
from core.report.sweep_report import RENDERERS
from core.sweep.rows import LABELS, Status, SweepRow, summarize_counts, summarize_sweep
from core.text.labels import format_timestamp, pluralize
from ui.components import escape_markdown, size_column
from ui.navigation import go
from ui.query_params import bind_page, requested_page
from ui.session import current_jobs
from ui.wrapped_table import NOTHING, show_wrapped_table

SYMBOLS = {Status.ALIKE: "✓", Status.CHANGED: "≠", Status.DOES_NOT_LOAD: "✗"}
MIME = {
    "html": "text/html",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
}
PAGE_ROWS = 50  # of the table, seen at once
MAX_SORTED_ROWS = 2_000  # that the page sends to the browser to be sorted there; reports have all of them
EARLIER = 5  # sweeps that are offered
HERE_LABEL = "Roundtrip itself"
PAGE_PARAM = "page"  # of the query, with the page of rows that is shown
STATES = {
    "queued": "running",
    "running": "running",
    "done": "done",
    "failed": "failed",
    "cancelled": "paused",
    "interrupted": "interrupted",
}


def show_sweep(job: Job) -> None:
    """Show the rows of a sweep as far as it has come, and its reports."""
    if job.is_active:
        _show_rows_so_far(job)
        return
    rows = _read_rows(job)
    if not rows:
        return
    st.markdown(f"**{escape_markdown(summarize_sweep(rows))}**")
    shown = _filter(rows, job)
    last = ceil(len(shown) / PAGE_ROWS)
    first = (min(requested_page(PAGE_PARAM), last) - 1) * PAGE_ROWS
    _show_table(shown[first : first + PAGE_ROWS])
    if last > 1:
        st.pagination(**bind_page(PAGE_PARAM, last))
    _show_folded_numbers(shown)
    _show_reports(job.id)


def _show_rows_so_far(job: Job) -> None:
    counts: Counter[str] = Counter(job.detail.get("counts") or {})
    if rows := Sweeps(current_jobs()).read_last_rows(job.id):
        st.markdown(f"**{escape_markdown(summarize_counts(counts))}**")
        if len(rows) < counts.total():
            st.caption(f"The last {len(rows):,} of {pluralize(counts.total(), 'row')} so far.")
        _show_table(rows)


def _read_rows(job: Job) -> list[SweepRow]:
    """The rows of a job that has ended. They are kept by who may see them: the job's record was read before."""
    return _read_ended_rows(job.id, job.finished or "", job.owner or "")


@st.cache_data(show_spinner=False, max_entries=8)
def _read_ended_rows(job_id: str, finished: str, owner: str) -> list[SweepRow]:
    return Sweeps(current_jobs()).read_rows(job_id)


def _filter(rows: list[SweepRow], job: Job) -> list[SweepRow]:
    present = [status for status in Status if any(row.status is status for row in rows)]
    if len(present) < 2:
        return rows
    chosen = st.pills(
        "Show",
        present,
        selection_mode="multi",
        format_func=LABELS.__getitem__,
        key=f"sweep-statuses-{job.id}",
        on_change=_show_first_page,
    )
    return [row for row in rows if not chosen or row.status in chosen]


def _show_first_page() -> None:
    st.query_params.pop(PAGE_PARAM, None)


def _show_table(rows: list[SweepRow]) -> None:
    table = {
        "Model": [row.model for row in rows],
        "Format": _list_formats(rows),
        "Where": [_name_place(row) for row in rows],
        "Verdict": [f"{SYMBOLS.get(row.status, '?')} {row.label}" for row in rows],
        "Cause": [row.cause or NOTHING for row in rows],
        "Cure": [row.cure or NOTHING for row in rows],
    }
    show_wrapped_table(table, "A row for each copy, environment and machine")


def _list_formats(rows: list[SweepRow]) -> list[str]:
    return [label_format(row.format) or NOTHING for row in rows]


def _name_place(row: SweepRow) -> str:
    """Of rows that were asked here nobody knows the packages of that day, nor is each copy one of Keras."""
    key = join_keys(row.environment, row.machine)
    return HERE_LABEL if key == HERE else label_asked(key)


def _show_folded_numbers(rows: list[SweepRow]) -> None:
    title = "Sizes and times, to sort"
    with st.expander(title, icon=":material/sort:", on_change="rerun", key="sweep-numbers") as expander:
        if expander.open:
            _show_numbers(rows)


def _show_numbers(rows: list[SweepRow]) -> None:
    if len(rows) > MAX_SORTED_ROWS:
        st.caption(f"The first {MAX_SORTED_ROWS:,} of {pluralize(len(rows), 'row')}; reports have all of them.")
        rows = rows[:MAX_SORTED_ROWS]
    sizes, size_config = size_column([row.bytes or None for row in rows])
    table = {
        "Model": [row.model for row in rows],
        "Format": _list_formats(rows),
        "Where": [_name_place(row) for row in rows],
        "Verdict": [row.label for row in rows],
        "Changed": [row.changed_rows for row in rows],
        "Size": sizes,
        "Seconds": [row.seconds for row in rows],
    }
    config = {
        "Model": st.column_config.TextColumn(pinned=True),
        "Changed": st.column_config.NumberColumn(help="How many rows were answered otherwise."),
        "Size": size_config,
        "Seconds": st.column_config.NumberColumn(
            format="%.2f",
            help="On this machine those of saving, loading and the first answer; elsewhere those that were waited for.",
        ),
    }
    alt = "For each copy, environment and machine, its size and times"
    st.dataframe(table, hide_index=True, column_config=config, placeholder=NOTHING, alt=alt)


def _show_reports(job_id: str) -> None:
    with st.container(horizontal=True):
        for kind in RENDERERS:
            st.download_button(
                f"Report as {'Parquet' if kind == 'parquet' else kind.upper()}",
                partial(_render, kind, job_id),  # where it is pressed
                f"sweep.{kind}",
                MIME[kind],
                icon=":material/download:",
                on_click="ignore",
                key=f"sweep-report-{kind}",
            )


def _render(kind: str, job_id: str) -> bytes:
    return RENDERERS[kind](Sweeps(current_jobs()).read_rows(job_id))


def show_next_step(job: Job) -> None:
    """Show a button that goes on with a sweep that was stopped, or asks again what a passing fault stopped."""
    passing = sum(row.is_passing for row in _read_rows(job)) if job.state == "done" else 0
    if job.is_active or (job.state == "done" and not passing):
        return
    if not Sweeps(current_jobs()).can_resume(job):
        st.caption(
            "It goes over files: to go on, give them once more, here or by `roundtrip sweep PLAN.toml`. What was found "
            "out is not asked again."
        )
        return
    label = f"Ask {pluralize(passing, 'row')} again" if passing else "Resume"
    if st.button(label, icon=":material/play_arrow:", key="resume-sweep"):
        Sweeps(current_jobs()).resume(job.id)
        st.rerun()


def show_earlier(current: str) -> None:
    """Show the sweeps that were started last, from here or from the command line."""
    jobs = [job for job in current_jobs().job_store.list_jobs("sweep") if job.id != current][:EARLIER]
    if not jobs:
        return
    st.header("Earlier sweeps", anchor=False)
    for job in jobs:
        facts = format_timestamp(job.created), STATES.get(job.state, job.state), job.id
        label = " · ".join([escape_markdown(job.title), *facts])
        if st.button(label, type="tertiary", icon=":material/history:", key=f"sweep-{job.id}"):
            go("sweep", job=job.id)
