"""The Sweep page without a browser: what it offers, how much it says a plan is, and the rows of a sweep."""

from pathlib import Path
from typing import Any

from core.jobs import Jobs
from core.jobs.sweeps.sweep import Sweeps
from core.library.job_store import Job
from core.queue import GivenFile, GivenRecord
from core.settings import PROJECT
from core.sweep.row_store import append_row
from core.sweep.rows import Status, SweepRow
from tests.factories.library_entries import make_artifact, make_run
from tests.factories.queue_team import Team
from tests.factories.sent_files import send_files
from tests.factories.shown_tables import shown_tables
from tests.helpers import list_staged
from tests.postgresql_server import execute, new_database
from tests.ui.test_pages import page_text

GOOD = SweepRow(model="good", format="keras", status=Status.ALIKE, verdict="bit-identical", label="Bit-identical")
WORSE = SweepRow(
    model="worse",
    format="onnx",
    environment="onnxruntime-1.20",
    machine="sse41",
    status=Status.DOES_NOT_LOAD,
    verdict="does-not-load",
    label="Does not load",
    cause="This release does not know the operation.",
    cure="Save it for an earlier opset.",
)
PASSING = SweepRow(model="later", status=Status.NOT_VERIFIED, label="Not verified", is_passing=True)


def describe_sweep(*rows: SweepRow, has_files: bool = False, **facts: object) -> dict[str, Any]:
    """The record of a sweep as `SweepRun` leaves it, ended unless `facts` say otherwise."""
    dumped = [row.model_dump(mode="json") for row in rows]
    detail = {"rows": dumped, "counts": {"alike": len(rows)}, "total": 9}
    request = {"plan": {"models": ["library"], "formats": ["onnx"]}, "has_files": has_files, "again": False}
    given: dict[str, Any] = {
        "id": "j0123456789",
        "kind": "sweep",
        "title": "nightly",
        "request": request,
        "detail": detail,
        **facts,
    }
    if given.setdefault("state", "done") == "done":
        given["result"] = {"rows": dumped, "headline": "", "exit_status": 0}
    return given


def write_sweep(jobs: Jobs, *rows: SweepRow, **facts: Any) -> Job:
    return jobs.job_store.create(Job.model_validate(describe_sweep(*rows, **facts)))


def test_sweep_page_of_empty_library_shows_next_step_and_plan(visit, empty_jobs: Jobs):
    app = visit(empty_jobs, "sweep")
    assert not app.exception
    assert "There is no run in the library to sweep yet." in page_text(app)
    assert "Import a model" in [button.label for button in app.button]
    assert 'models = ["models"]' in app.code[0].value


def test_sweep_page_says_how_much_a_plan_is_before_it_starts(visit, empty_jobs: Jobs):
    for name in ("one", "two"):
        make_artifact(empty_jobs.library, make_run(empty_jobs.library, name=name), "keras")
    app = visit(empty_jobs, "sweep", run="library", format=["as-is", "onnx"], machine=["here", "avx2"])
    assert not app.exception
    text = page_text(app).replace("\\", "")
    assert "2 models of " in text
    assert "6 rows at most. 2 copies to save" in text
    assert "2 combinations left out" in text
    assert (app.button(key="start-sweep").label, app.button(key="start-sweep").disabled) == ("Sweep 6 rows", False)


def test_sweep_page_without_choice_says_so_and_starts_nothing(visit, empty_jobs: Jobs):
    make_run(empty_jobs.library)
    app = visit(empty_jobs, "sweep")
    assert "Choose at least one run or file, and at least one in each of the other boxes." in page_text(app)
    assert app.button(key="start-sweep").disabled
    assert [box.value for box in app.multiselect] == [[], ["as-is"], ["here"], ["here"]]


def test_sweep_page_proposes_on_each_visit_and_not_what_was_cleared(visit, empty_jobs: Jobs):
    make_run(empty_jobs.library)
    app = visit(empty_jobs, "sweep")
    app.multiselect[1].unselect("as-is").run()
    assert [box.value for box in app.multiselect] == [[], [], ["here"], ["here"]]
    app.query_params.clear()
    for page in ("health", "sweep"):
        app.switch_page(str(PROJECT / "pages" / f"{page}.py")).run()
    assert [box.value for box in app.multiselect] == [[], ["as-is"], ["here"], ["here"]]


def test_sweep_page_shows_rows_with_verdict_cause_and_cure(visit, empty_jobs: Jobs):
    job = write_sweep(empty_jobs, GOOD, WORSE)
    app = visit(empty_jobs, "sweep", job=job.id)
    assert not app.exception
    assert "1 of 2 rows answer the same. Does not load: 1." in page_text(app).replace("\\", "")
    (table,) = shown_tables(app)
    assert list(table) == ["Model", "Format", "Where", "Verdict", "Cause", "Cure"]
    assert table["Verdict"] == ["✓ Bit-identical", "✗ Does not load"]
    assert table["Where"] == ["Roundtrip itself", "ONNX Runtime 1.20, this machine up to SSE4.1"]
    assert table["Cause"] == ["–", "This release does not know the operation."]
    assert table["Cure"] == ["–", "Save it for an earlier opset."]
    assert not [button for button in app.button if button.key == "resume-sweep"]


def test_sweep_page_shows_long_tables_page_by_page(visit, empty_jobs: Jobs):
    job = write_sweep(empty_jobs, *(GOOD.model_copy(update={"model": f"m{number:03}"}) for number in range(120)))
    for page, models in (("2", ("m050", "m099")), ("9", ("m100", "m119"))):
        (table,) = shown_tables(visit(empty_jobs, "sweep", job=job.id, page=page))
        assert (table["Model"][0], table["Model"][-1]) == models


def test_running_sweep_reads_the_rows_that_came_last(empty_jobs: Jobs):
    job = write_sweep(empty_jobs, state="running")
    for number in reversed(range(60)):
        append_row(empty_jobs.job_store.folder(job.id), GOOD.model_copy(update={"model": f"m{number:03}"}))
    assert [row.model for row in Sweeps(empty_jobs).read_last_rows(job.id)] == [f"m{number:03}" for number in range(50)]


def test_paused_sweep_says_what_is_kept_and_goes_on(visit, empty_jobs: Jobs):
    job = write_sweep(empty_jobs, GOOD, state="cancelled")
    app = visit(empty_jobs, "sweep", job=job.id)
    assert "1 of 9 rows are known, and not asked again" in app.info[0].value
    assert app.button(key="resume-sweep").label == "Resume"


def test_running_sweep_shows_the_rows_so_far_and_a_pause(visit, empty_jobs: Jobs):
    job = write_sweep(empty_jobs, GOOD, state="running")
    append_row(empty_jobs.job_store.folder(job.id), GOOD)
    app = visit(empty_jobs, "sweep", job=job.id)
    assert not app.exception
    (table,) = shown_tables(app)
    assert table["Model"] == ["good"]
    assert "1 of 1 row answer" in page_text(app).replace("\\", "")
    assert [button.label for button in app.button if button.key == f"cancel-{job.id}"] == ["Pause"]
    assert app.button(key="start-sweep").disabled


def test_rows_that_a_passing_fault_stopped_are_offered_again(visit, empty_jobs: Jobs):
    job = write_sweep(empty_jobs, GOOD, PASSING)
    app = visit(empty_jobs, "sweep", job=job.id)
    assert app.button(key="resume-sweep").label == "Ask 1 row again"


def test_sweep_over_files_says_how_to_go_on(visit, empty_jobs: Jobs):
    job = write_sweep(empty_jobs, GOOD, has_files=True, state="interrupted")
    app = visit(empty_jobs, "sweep", job=job.id)
    assert "to go on, give them once more" in page_text(app)
    assert not [button for button in app.button if button.key == "resume-sweep"]


def test_sweep_over_sent_files_of_a_lost_server_is_resumed(visit, tmp_path: Path, postgresql: str, monkeypatch):
    monkeypatch.setattr("core.queue.kept_jobs.KeptJobs.touch", lambda _: None)
    with new_database(postgresql) as url:
        jobs = Team(tmp_path, url).make_server()
        sent = GivenFile(argument="model", name="models", path="net.keras", bytes=1, sha256="0" * 64, parts=[])
        jobs.job_store.create(
            Job.model_validate(describe_sweep(GOOD, has_files=True, state="running")),
            given=GivenRecord(name="j0123456789/0", files=[sent]),
        )
        execute(url, "UPDATE jobs_1 SET queued = now() - interval '1 hour'")
        app = visit(jobs, "sweep", job="j0123456789")
    assert app.button(key="resume-sweep").label == "Resume"
    assert "give them once more" not in page_text(app)


def test_earlier_sweeps_are_one_click_away(visit, empty_jobs: Jobs):
    write_sweep(empty_jobs, GOOD)
    app = visit(empty_jobs, "sweep")
    assert [button.label.partition(" · ")[0] for button in app.button if button.key == "sweep-j0123456789"] == [
        "nightly"
    ]


def test_sweep_page_takes_files_in_place_of_runs(visit, empty_jobs: Jobs):
    app = visit(empty_jobs, "sweep", format=["as-is", "onnx"])
    uploads = {"a.keras": b"xyz", "w.weights.h5": b"x", "w.json": b"x", "more.zip": b"no zip"}
    send_files(app, "swept-0", empty_jobs.uploads, uploads)
    assert "3 models of 10 B, " in page_text(app).replace("\\", "").replace("\xa0", " ")
    app.button(key="start-sweep").click().run()
    assert not app.exception
    (started,) = empty_jobs.job_store.list_jobs("sweep")
    job = empty_jobs.wait(started.id)
    assert job.request["plan"]["models"] == ["a.keras", "w.weights.h5", "w.json", "more.zip"]
    rows = {row["model"]: row for row in job.result["rows"]}
    assert {name: row["status"] for name, row in rows.items()} == {
        "a.keras": "refused",
        "w.weights.h5": "refused",
        "more.zip": "refused",
    }
    assert (job.state, rows["more.zip"]["cause"] != "") == ("done", True)
    assert list_staged(empty_jobs.library.home) == []


def test_sweep_page_asks_what_an_upgrade_breaks(visit, empty_jobs: Jobs):
    make_artifact(empty_jobs.library, make_run(empty_jobs.library), "keras")
    app = visit(empty_jobs, "sweep", run="library", ask="upgrade", **{"from": "here", "to": "keras-3.3"})
    assert not app.exception
    assert [box.value for box in app.selectbox] == ["here", "keras-3.3"]
    text = page_text(app).replace("\\", "").replace("\xa0", " ")
    assert "1 row at most. To build first: Keras 3.3; 1.2 GB on the disk." in text
    assert app.button(key="start-sweep").label == "Sweep 1 row"


def test_sweep_page_of_a_job_shows_what_it_asks(visit, empty_jobs: Jobs):
    make_run(empty_jobs.library)
    job = write_sweep(empty_jobs, GOOD)
    app = visit(empty_jobs, "sweep", job=job.id)
    assert [box.value for box in app.multiselect] == [["library"], ["onnx"], ["here"], ["here"]]
