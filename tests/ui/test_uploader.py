"""What pages take from the control that sends files: whole ones that are the person's own, and nothing else."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.jobs import Jobs
from core.library.job_store import Job
from tests.factories.private_entries import ADA, BO
from tests.factories.sent_files import list_whole_uploads, send_files, store_file

KEY = "imported-files-0"


@pytest.fixture
def imported(empty_jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the page gives to imports that it starts, which are recorded and never run."""
    calls: list[dict[str, Any]] = []

    def start(**given: Any) -> Job:
        calls.append(given | {"content": given["path"].read_bytes()})
        return empty_jobs.job_store.create(Job(id="j0123456789", kind="import", title="x", state="running"))

    monkeypatch.setattr(empty_jobs, "import_model", start)
    return calls


def press_import(app: AppTest) -> AppTest:
    return app.button(key="import-model").click().run()


def test_import_page_gives_the_file_to_the_job_and_forgets_it(visit, empty_jobs: Jobs, imported: list):
    app = send_files(visit(empty_jobs, "import_model"), KEY, empty_jobs.uploads, {"a.keras": b"content"})
    app.text_input[0].set_value("My model")
    press_import(app)
    assert not app.exception
    (call,) = imported
    assert (call["name"], call["label"], call["content"]) == ("a.keras", "My model", b"content")
    assert app.query_params["job"] == "j0123456789"
    assert not list_whole_uploads(empty_jobs.uploads)


def test_import_page_pairs_weights_with_their_architecture(visit, empty_jobs: Jobs, imported: list):
    files = {"a.json": b"architecture", "a.weights.h5": b"weights"}
    press_import(send_files(visit(empty_jobs, "import_model"), KEY, empty_jobs.uploads, files))
    (call,) = imported
    assert (call["content"], call["parts"]["architecture"].read_bytes()) == (b"weights", b"architecture")


@pytest.mark.parametrize(
    ("files", "pending", "words"),
    [({}, 0, "Choose a file first"), ({}, 1, "still on its way"), ({"a.keras": b"x"}, 1, "still on its way")],
)
def test_import_page_waits_until_files_have_come(visit, empty_jobs: Jobs, imported: list, files, pending, words):
    app = send_files(visit(empty_jobs, "import_model"), KEY, empty_jobs.uploads, files, pending)
    assert words in press_import(app).warning[0].value
    assert not imported
    assert list_whole_uploads(empty_jobs.uploads) == list(files)


def test_import_page_keeps_files_that_were_refused(visit, empty_jobs: Jobs):
    files = {"a.keras": b"x", "b.keras": b"x"}
    app = press_import(send_files(visit(empty_jobs, "import_model"), KEY, empty_jobs.uploads, files))
    assert "These files do not belong together" in app.error[0].value
    assert sorted(list_whole_uploads(empty_jobs.uploads)) == list(files)


def test_import_page_takes_no_file_of_another_person(visit, empty_jobs: Jobs, imported: list):
    adas, bos = empty_jobs.uploads.for_viewer(ADA), empty_jobs.uploads.for_viewer(BO)
    app = visit(empty_jobs, "import_model")
    empty_jobs.uploads = bos
    app.session_state[KEY] = {"files": {"whole": [store_file(adas, "a.keras", b"secret")], "pending": 0}}
    assert "Choose a file first" in press_import(app.run()).warning[0].value
    assert not imported
    assert list_whole_uploads(adas) == ["a.keras"]


@pytest.mark.parametrize("told", ["x", {"whole": "x"}, {"whole": [["x"]]}, {"pending": "many"}, [1]])
def test_control_that_tells_no_list_of_files_is_an_error_in_words(visit, empty_jobs: Jobs, told: Any):
    app = visit(empty_jobs, "import_model")
    app.session_state[KEY] = {"files": told}
    app.run()
    assert not app.exception
    assert "no list of files" in app.error[0].value
