"""The copies of a tour: they are saved once, their progress is shown, and what their reloads showed is read."""

import contextlib
import threading

import streamlit as st

from core.compare import Verdict
from core.errors import RoundtripError
from core.evidence.records import ReloadOutcome
from core.library import Run
from core.library.job_store import Job
from ui.components import show_error
from ui.findings import show_verdict_and_losses
from ui.job_progress import REFRESH_INTERVAL, follow_job
from ui.session import current_jobs
from ui.tour.story import FORMATS, SUITCASES, Tour, load_training

DIFFERENT_ANSWERS = (Verdict.SOME_CHANGED, Verdict.DIFFERENT)
_START_LOCK = threading.Lock()  # two tabs of one tour would both find no save, and both start one


def load_tour() -> Tour | None:
    """Return the tour that the address names, None where it names none; once it is trained, its copies are saved.

    Raises UnknownName, InputError, as `load_training`.
    """
    training = load_training()
    if not training or training.state != "done":
        return Tour(training) if training else None
    run = current_jobs().library.run(training.result["run"])
    save = save_copies(run)
    return Tour(training, run, save, _find_copies(save))


def _find_copies(save: Job) -> dict[str, str]:
    """The ids of the copies that are saved and can still be read, by format, in the order of the story."""
    rows, ids = save.format_rows, {}
    for key in FORMATS:
        if rows.get(key, {}).get("state") == "done":
            with contextlib.suppress(RoundtripError):  # removed since
                ids[key] = current_jobs().library.artifact(rows[key]["artifact"]).id
    return ids


def save_copies(run: Run) -> Job:
    """Return the newest save of the tour's formats, also one that was stopped; start it where there is none."""
    with _START_LOCK:
        return _find_newest_save(run.id) or current_jobs().save(run.id, FORMATS)


def _find_newest_save(run_id: str) -> Job | None:
    store = current_jobs().job_store
    for job in store.list_jobs("save"):
        if job.request["run"] == run_id and set(FORMATS) <= set(job.request["formats"]):
            return store.read(job.id)
    return None


def require_copies(tour: Tour) -> bool:
    """Whether there are copies; shows the progress of their save, or why there is none, where there are not."""
    if not tour.save:
        return False
    if tour.save.state != "done":
        follow_job(tour.save)
    elif not tour.copies:
        st.info("The copies of this tour are no longer in the library.", icon=":material/delete:")
    else:
        return True
    if not tour.save.is_active:
        _offer_retry(tour.save)
    return False


def _offer_retry(save: Job) -> None:
    args = (save.request["run"],)
    st.button("Save the copies again", type="primary", icon=":material/replay:", on_click=_restart_save, args=args)


def _restart_save(run_id: str) -> None:
    """Start the save again; not where it runs already, as after a second quick press."""
    with _START_LOCK:
        newest = _find_newest_save(run_id)
        if not newest or not newest.is_active:
            current_jobs().save(run_id, FORMATS)


def show_first_verdict(tour: Tour) -> None:
    """Show the verdict on the first copy as soon as there is one, and how far the others are."""
    if not tour.save:
        return
    is_active, id_ = tour.save.is_active, tour.save.id

    @st.fragment(run_every=REFRESH_INTERVAL if is_active else None)
    def show() -> None:
        save = current_jobs().job_store.read(id_)
        _draw_first_verdict(save)
        if is_active and not save.is_active:
            st.rerun()

    show()
    if not is_active and tour.save.state != "done":
        _offer_retry(tour.save)  # outside of the fragment, which would be drawn again alone, with the stopped save


def _draw_first_verdict(save: Job) -> None:
    rows = save.format_rows
    first = rows.get(FORMATS[0], {})
    if first.get("state") == "done":
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("The first copy came back from a process that has never seen the model:", width="content")
            show_verdict_and_losses(first["artifact"], first["verdict"], first["changed_rows"], first["rows"])
    elif first.get("state") == "failed":
        show_error(first["error"])
    elif save.is_active:
        st.caption(":material/progress_activity: Its first copy is being saved, and opened in a fresh process …")
    if save.is_active:
        ended = sum(row["state"] in ("done", "failed") for row in rows.values())
        st.caption(f"{ended} of {len(FORMATS)} copies are done.")


def load_outcomes(tour: Tour) -> dict[str, ReloadOutcome]:
    """Return what the reload of each copy showed, by format; without what cannot be read any more."""
    outcomes = {}
    for key, id_ in tour.copies.items():
        try:
            outcomes[key] = current_jobs().library.evidence(id_).best
        except RoundtripError:  # removed since
            continue
    return outcomes


def find_different(outcomes: dict[str, ReloadOutcome]) -> list[str]:
    """The suitcases whose copies were measured to answer differently; not those that gave no answer."""
    return [key for key in SUITCASES if key in outcomes and outcomes[key].verdict in DIFFERENT_ANSWERS]
