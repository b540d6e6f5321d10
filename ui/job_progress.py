"""Progress of a job on a page, redrawn from its record while it runs, and its outcome at the end."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import streamlit as st

from core.errors import InputError
from core.jobs.upgrades.upgrade import read_rows
from core.library.job_store import Job
from core.text.labels import pluralize
from core.text.numbers import format_duration
from core.upgrade.rows import count_kept
from ui.components import escape_markdown, show_error
from ui.session import current_jobs

REFRESH_INTERVAL = 0.5  # seconds between two updates of a running job's progress
DRAW_INTERVAL = 1.0  # seconds between two updates of what it has so far: charts cost the browser more than all else


def job_from_query(kind: str, buttons: Iterable[str] = (), run: str = "") -> Job | None:
    """Return the job that the address names; None where it names none.

    Without one, a running job of this kind is put into the address, so that a reload and a second tab show its end too;
    of this `run` where one is given, and none of a sweep; not where one of the `buttons` (their keys) was pressed,
    which starts another.

    Raises UnknownName, and InputError for a job of another kind.
    """
    store = current_jobs().job_store
    if "job" not in st.query_params and not any(st.session_state.get(key) for key in buttons):
        for job in store.list_jobs(kind):
            if job.is_active and not job.is_bulk and run in ("", job.request.get("run")):
                st.query_params["job"] = job.id
                break
    id_ = st.query_params.get("job")
    if not id_:
        return None
    job = store.read(id_)
    if job.kind != kind:
        raise InputError("This is no job of this page.", received=id_, cure="Open it where it was started.")
    return job


def follow_job(job: Job, draw: Callable[[Job], None] | None = None, stop: str = "Cancel") -> None:
    """Show the progress of a job and a button that stops it while it runs; when it ends, the page is run again.

    `draw` draws below these what the job has so far, less often than its progress; `stop` is the button's label.
    """

    @st.fragment(run_every=REFRESH_INTERVAL if job.is_active else None)
    def show_progress() -> None:
        current = _read_again(job)
        if current.is_active:
            _draw_progress(current, stop)
        else:
            _show_outcome(current)
        if job.is_active and not current.is_active:
            st.rerun()

    @st.fragment(run_every=DRAW_INTERVAL if job.is_active else None)
    def draw_result() -> None:
        if draw:
            draw(_read_again(job))

    show_progress()
    if draw:
        draw_result()


def _read_again(job: Job) -> Job:
    """Return the job as it is now; one that had ended is as it was, and its result may be large."""
    return current_jobs().job_store.read(job.id) if job.is_active else job


def _draw_progress(job: Job, stop: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(min(max(job.progress, 0.0), 1.0), text=_progress_text(job))
        st.button(stop, icon=":material/stop_circle:", key=f"cancel-{job.id}", on_click=_cancel_job, args=(job.id,))


def _cancel_job(job_id: str) -> None:
    current_jobs().cancel(job_id)


def _progress_text(job: Job) -> str:
    """Return what the job is doing, and an estimate of the time left."""
    if job.state == "queued":
        return escape_markdown(job.note) or "Waiting for other work to end"
    state, is_team = current_jobs().worker.state(), current_jobs().config.is_team  # whose jobs are done elsewhere
    if state.phase == "warming" and job.progress == 0 and not is_team:
        return f"TensorFlow is warming up, {format_duration(state.seconds)}"
    left = _seconds_left(job)
    return (escape_markdown(job.note) or "Starting") + (f" · about {format_duration(left)} left" if left else "")


def _seconds_left(job: Job) -> float | None:
    """Return the job's own estimate, else one from its pace so far; None before a twentieth is done."""
    if "seconds_left" in job.detail:
        return job.detail["seconds_left"]
    if not job.started or job.progress < 0.05:
        return None
    elapsed = (datetime.now(UTC) - datetime.fromisoformat(job.started)).total_seconds()
    return elapsed * (1 - job.progress) / job.progress


def _show_outcome(job: Job) -> None:
    if job.state in ("failed", "interrupted") and job.error:
        show_error(job.error)
    elif job.state == "cancelled":
        kept = "The best that was found until then stands below" if job.detail.get("best") else _describe_kept(job)
        stopped = "Paused" if job.kind == "sweep" else "Cancelled"
        st.info(f"{stopped}. {kept}; start it again when you like.", icon=":material/stop_circle:")
    elif job.state == "interrupted":
        text = f"The server was stopped in the middle of this. {_describe_kept(job)}; start it again when you like."
        st.warning(text, icon=":material/warning:")


def _describe_kept(job: Job) -> str:
    """Say what is left of a job that was stopped."""
    describe = KEPT_WORDS.get(job.kind)
    return describe(job) if describe else NOTHING_KEPT


def _describe_saved(job: Job) -> str:
    saved = sum(row["state"] == "done" for row in job.format_rows.values())
    return f"{saved} of {len(job.format_rows)} were done before, and are in the library" if saved else NOTHING_KEPT


def _describe_asked_models(job: Job) -> str:
    rows = read_rows(job.detail.get("rows") or [])
    if (asked := job.detail.get("asked", 0)) > len(rows):  # not all are in the record of a job that was killed
        return f"{pluralize(asked, 'model')} were looked at before, and those with an answer will not be asked again"
    count = count_kept(rows)
    if not count:
        return NOTHING_KEPT
    return f"{pluralize(count, 'model')} {'was' if count == 1 else 'were'} asked before, and will not be asked again"


def _describe_asked_releases(job: Job) -> str:
    count = len(job.detail.get("steps") or [])
    if not count:
        return NOTHING_KEPT
    return f"{pluralize(count, 'release')} {'was' if count == 1 else 'were'} asked, as below; the search begins anew"


def _describe_swept_rows(job: Job) -> str:
    rows = sum((job.detail.get("counts") or {}).values())
    return f"{rows:,} of {job.detail['total']:,} rows are known, and not asked again" if rows else NOTHING_KEPT


NOTHING_KEPT = "Nothing was kept"
# What is left of a job that was stopped, by its kind; of all others nothing.
KEPT_WORDS: dict[str, Callable[[Job], str]] = {
    "verify": lambda job: "Nothing was changed",
    "save": _describe_saved,
    "upgrade": _describe_asked_models,
    "bisect": _describe_asked_releases,
    "sweep": _describe_swept_rows,
}
