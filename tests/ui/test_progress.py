"""A running job on a page."""

from core.library.job_store import Job
from ui.job_progress import _progress_text


class Office:
    """A server whose worker is ready."""

    class worker:
        @staticmethod
        def state():
            return type("State", (), {"phase": "ready", "seconds": 0.0})


def test_the_name_of_a_layer_in_a_note_is_no_markdown(monkeypatch):
    monkeypatch.setattr("ui.job_progress.current_jobs", lambda: Office)
    job = Job(id="j0123456789", kind="layers", title="", state="running", note="3 of 4 compared: :red[**x**]")
    assert _progress_text(job) == r"3 of 4 compared\: \:red\[\*\*x\*\*\]"
