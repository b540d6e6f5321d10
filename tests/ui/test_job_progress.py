"""A running job on a page."""

from core.library.job_store import Job
from ui.job_progress import _progress_text


class ServerStub:
    """A server whose worker is ready."""

    class worker:
        @staticmethod
        def state():
            return type("State", (), {"phase": "ready", "seconds": 0.0})


def test_job_progress_escapes_markdown_in_note(monkeypatch):
    monkeypatch.setattr("ui.job_progress.current_jobs", lambda: ServerStub)
    job = Job(id="j0123456789", kind="layers", title="", state="running", note="3 of 4 compared: :red[**x**]")
    assert _progress_text(job) == r"3 of 4 compared\: \:red\[\*\*x\*\*\]"
