"""A running job on a page: drawn again and again from its record, until it ends."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import streamlit as st

from core.errors import InputError
from core.library.job_store import Job
from core.text.labels import format_duration
from ui.components import escape_markdown, show_error
from ui.session import current_jobs

REFRESH_SECONDS = 0.5  # seconds between two looks at a running job


def job_from_query(kind: str, buttons: Iterable[str] = ()) -> Job | None:
    """The job that the address names; one that is under way is put there, so that a reload and a second tab find its
    end, too. Whoever presses one of the `buttons` (their keys) begins their own, whatever another has begun since.
    None where there is none. Raises UnknownName, and InputError for a job of another kind."""
    jobs, pressed = current_jobs(), any(st.session_state.get(key) for key in buttons)
    if (
        "job" not in st.query_params
        and not pressed
        and (active := next((one for one in jobs.job_store.list_jobs(kind) if one.is_active), None))
    ):
        st.query_params["job"] = active.id
    if not (shown := st.query_params.get("job")):
        return None
    job = jobs.job_store.read(shown)
    if job.kind != kind:
        raise InputError("This is no job of this page.", received=shown, cure="Open it where it was started.")
    return job


def follow_job(job: Job, draw: Callable[[Job], None]) -> None:
    """Draw a job with its progress and a Cancel button while it runs; when it ends, the page is run again."""

    @st.fragment(run_every=REFRESH_SECONDS if job.is_active else None)
    def live() -> None:
        seen = current_jobs().job_store.read(job.id)
        if seen.is_active:
            _draw_progress(seen)
        else:
            _show_outcome(seen)
        draw(seen)
        if job.is_active and not seen.is_active:
            st.rerun()

    live()


def _draw_progress(job: Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(min(max(job.progress, 0.0), 1.0), text=_progress_text(job))
        st.button("Cancel", icon=":material/stop_circle:", key=f"cancel-{job.id}", on_click=_cancel_job, args=(job.id,))


def _cancel_job(job_id: str) -> None:
    current_jobs().cancel(job_id)


def _progress_text(job: Job) -> str:
    """What the job is doing, and how long it may still take."""
    if job.state == "queued":
        return "Waiting for other work to end"
    state = current_jobs().worker.state()
    if state.phase == "warming" and job.progress == 0:
        return f"TensorFlow is warming up, {format_duration(state.seconds)}"
    left = _seconds_left(job)
    return f"{escape_markdown(job.note) or 'Starting'}{f' · about {format_duration(left)} left' if left else ''}"


def _seconds_left(job: Job) -> float | None:
    """What the job says itself; else from the pace so far, and not before a twentieth is done."""
    if "seconds_left" in job.detail:
        return job.detail["seconds_left"]
    if not job.started or job.progress < 0.05:
        return None
    spent = (datetime.now(UTC) - datetime.fromisoformat(job.started)).total_seconds()
    return spent * (1 - job.progress) / job.progress


def _show_outcome(job: Job) -> None:
    if job.state == "failed" and job.error:
        show_error(job.error)
    elif job.state == "cancelled":
        done = sum(row["state"] == "done" for row in job.format_rows.values())
        kept = (
            f"{done} of {len(job.format_rows)} were done before, and are in the library" if done else "Nothing was kept"
        )
        kept = "Nothing was changed" if job.kind == "verify" else kept
        kept = "The best that was found until then stands below" if job.detail.get("best") else kept
        st.info(f"Cancelled. {kept}; start it again when you like.", icon=":material/stop_circle:")
    elif job.state == "interrupted":
        done = sum(row["state"] == "done" for row in job.format_rows.values())
        kept = (
            f"{done} of {len(job.format_rows)} were done before, and are in the library" if done else "Nothing was kept"
        )
        st.warning(
            f"The server was stopped in the middle of this. {kept}; start it again when you like.",
            icon=":material/warning:",
        )
