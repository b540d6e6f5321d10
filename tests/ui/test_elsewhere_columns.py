"""What copies answered elsewhere stands where else they are judged: on Formats, on Compare, in reports, in `matrix`."""

import json
from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from core.compatibility.matrix import build_matrix, to_csv
from core.environments import get_environment
from core.formats import get_format
from core.jobs import Jobs
from core.jobs.elsewhere_answers import find_answers
from core.library.job_store import Job
from core.report import write_report
from tests.factories.elsewhere_jobs import OUTCOMES, write_job
from tests.helpers import run_command, wait_until_done
from tests.ui.test_pages import page_text


def test_newest_answers_of_known_environments_are_found(empty_jobs: Jobs, run, artifact):
    write_job(empty_jobs, run.id, artifact.id)
    cells = {"tract": OUTCOMES["tract"] | {"verdict": "some-changed"}, "no-such": OUTCOMES["mnn"]}
    later = {"request": {"run": run.id}, "result": {"rows": {artifact.id: {"cells": cells}}}}
    broken = {"request": {"run": run.id}, "result": {"rows": {artifact.id: {"cells": {"tract": {"verdict": "?"}}}}}}
    running = {"request": {"run": run.id}, "detail": {"cells": {}}, "state": "running"}
    others = {"request": {"run": "r0000000000"}, "result": {"rows": {"a0000000000": {"cells": OUTCOMES}}}}
    for at, more in enumerate((later, broken, running, others)):
        created = f"2099-01-0{at + 1}T00:00:00.000+00:00"
        fields = {"state": "done", "kind": "elsewhere", "title": "x", "created": created} | more
        empty_jobs.job_store.create(Job(id=f"j000000000{at}", **fields))
    answers = find_answers(empty_jobs.job_store, run.id)
    assert list(answers) == [artifact.id]
    assert [(key, outcome.verdict.value) for key, outcome in answers[artifact.id].items()] == [
        ("tract", "some-changed"),
        ("mnn", "does-not-load"),
    ]


def test_formats_page_and_matrix_have_a_column_for_each_environment(visit, copied_entries: Callable, monkeypatch):
    jobs, run, artifacts = copied_entries("digits-mlp", "onnx", "keras")
    write_job(jobs, run, artifacts["onnx"])
    rows = build_matrix(jobs.library, run, find_answers(jobs.job_store, run))
    (onnx,) = [row for row in rows if row.format == "onnx"]
    assert onnx.to_json()["elsewhere"]["tract"] == {
        "state": "kept",
        "words": "Same answers (rounding only). The largest difference is 1.2e-07.",
    }
    header, *lines = to_csv(rows).splitlines()
    assert header.endswith("In tract 0.23,In MNN 3.6")
    assert any("! failed: Does not load. MNN's converter wrote no model." in line for line in lines)
    assert any(line.endswith("– n/a: It was not asked there.,– n/a: It was not asked there.") for line in lines)
    app = visit(jobs, "formats", run=run)
    assert not app.exception
    table = app.table[0].value
    cells = table.set_index("Format")[["In tract 0.23", "In MNN 3.6"]]
    assert cells.loc["Keras file (.keras)"].tolist() == ["– n/a", "– n/a"]
    assert cells.loc["ONNX"].tolist() == ["✓ kept", "! failed"]
    monkeypatch.setattr("core.cli.console.Library", lambda: jobs.library)
    status, output, _ = run_command("matrix", run, "--json")
    asked = {row["format"]: sorted(row["elsewhere"]) for row in json.loads(output)}
    assert (status, asked["keras"], asked["onnx"]) == (0, [], ["mnn", "tract"])


def draw_exports(artifact, format_):
    from ui.artifact_detail import show_exports  # its own page: the function is all that it sees

    show_exports(artifact, format_)


def test_copy_offers_a_kit_with_answers_under_the_lock_of_today(copied_entries: Callable, monkeypatch):
    jobs, run, artifacts = copied_entries("digits-mlp", "onnx")
    job, artifact = write_job(jobs, run, artifacts["onnx"]), jobs.library.artifact(artifacts["onnx"])
    monkeypatch.setattr("ui.artifact_detail.current_jobs", lambda: jobs)

    def list_addresses() -> list[str]:
        given = {"artifact": artifact, "format_": get_format("onnx")}
        app = AppTest.from_function(draw_exports, kwargs=given).run()
        assert not app.exception
        return [item.proto.url for item in app.get("link_button")]

    assert list_addresses() == [f"/kit/{artifact.id}.zip"]  # no lock is known of what was asked
    job.result["rows"][artifact.id]["cells"]["tract"] |= {"lock": get_environment("tract").lock_sha256}
    jobs.job_store.delete(job.id)
    jobs.job_store.create(job)
    assert list_addresses() == [f"/kit/{artifact.id}.zip", f"/kit/{artifact.id}.zip?elsewhere=1"]


def test_compare_page_and_reports_say_what_was_answered_elsewhere(visit, copied_entries: Callable, tmp_path: Path):
    jobs, run, artifacts = copied_entries("digits-mlp", "onnx", "keras")
    onnx, keras = artifacts["onnx"], artifacts["keras"]
    write_job(jobs, run, onnx)
    job = wait_until_done(jobs, jobs.compare([onnx, keras], 270))
    app = visit(jobs, "compare", artifact=[onnx, keras])
    assert not app.exception
    text = page_text(app).replace("\\", "")
    assert (
        "In tract 0.23, asked its kit's test examples: Same answers (rounding only). The largest difference is" in text
    )
    assert "In MNN 3.6, asked its kit's test examples: Does not load. MNN's converter wrote no model." in text
    for kind in ("html", "json"):
        write_report(jobs, job, tmp_path / f"report.{kind}", {})
    assert (tmp_path / "report.html").read_text().count("<b>In tract 0.23,</b> asked its kit") == 1
    written = json.loads((tmp_path / "report.json").read_text())["artifacts"]
    assert (sorted(written[onnx]["elsewhere"]), written[keras]["elsewhere"]) == (["mnn", "tract"], {})
