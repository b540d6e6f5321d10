"""A running job on a page."""

from core.library.job_store import Job
from ui.job_progress import _progress_text, _read_again


class ServerStub:
    """A server whose worker is ready."""

    class worker:
        @staticmethod
        def state():
            return type("State", (), {"phase": "ready", "seconds": 0.0})

    class config:
        is_team = False


def test_job_progress_escapes_markdown_in_note(monkeypatch):
    monkeypatch.setattr("ui.job_progress.current_jobs", lambda: ServerStub)
    job = Job(id="j0123456789", kind="layers", title="", state="running", note="3 of 4 compared: :red[**x**]")
    assert _progress_text(job) == r"3 of 4 compared\: \:red\[\*\*x\*\*\]"


def test_job_that_waits_says_for_what(monkeypatch):
    monkeypatch.setattr("ui.job_progress.current_jobs", lambda: ServerStub)
    job = Job(id="j0123456789", kind="train", title="")
    assert _progress_text(job) == "Waiting for other work to end"
    assert _progress_text(job.model_copy(update={"note": "No worker runs"})) == "No worker runs"


def test_job_that_has_ended_is_not_read_again(monkeypatch):
    class Store:
        def __init__(self):
            self.asked = []

        def read(self, id_):
            self.asked.append(id_)
            return Job(id=id_, kind="compare", title="", state="done")

    store = Store()
    monkeypatch.setattr("ui.job_progress.current_jobs", lambda: type("Server", (), {"job_store": store}))
    done = Job(id="j0123456789", kind="compare", title="", state="done")
    assert _read_again(done) is done
    assert _read_again(done.model_copy(update={"state": "running"})).state == "done"
    assert store.asked == [done.id]
