"""What a run from outside asks of the worker: every job that touches its files does so in a confined child."""

import json
import shutil
from pathlib import Path

import pytest

from core.jobs import Jobs
from core.jobs.participants import load_participant
from core.library import Library
from core.worker import Worker
from tests.helpers import wait_until_done

pytestmark = pytest.mark.trust


@pytest.fixture(scope="module")
def imported_run(jobs, saved, trained, tmp_path_factory) -> tuple[Jobs, str, str]:
    """Jobs over a library with one run that came from outside, and its `.keras`; and the ids of both."""
    run, artifact = trained("digits-mlp"), saved("digits-mlp", "keras")["artifact"]
    home = tmp_path_factory.mktemp("outside")
    for folder, name in (("runs", run), ("artifacts", artifact)):
        shutil.copytree(jobs.library.home / folder / name, home / folder / name)
    _mark_imported(home / "runs" / run / "run.json")
    _mark_imported(home / "artifacts" / artifact / "artifact.json")
    return Jobs(Library(home), jobs.worker, jobs.config.model_copy(update={"home": home})), run, artifact


def _mark_imported(record: Path) -> None:
    record.write_text(json.dumps(json.loads(record.read_text()) | {"trust": "brought in"}))


@pytest.fixture
def opened_confined(monkeypatch) -> list[bool]:
    """Whether each child that is opened from here on is confined, in order."""
    result: list[bool] = []
    open_ = Worker.open

    def noting(self, *args, **more):
        child = open_(self, *args, **more)
        result.append(child.is_untrusted)
        return child

    monkeypatch.setattr(Worker, "open", noting)
    return result


def test_imported_run_is_saved_and_reloaded_in_confined_children(imported_run, opened_confined):
    jobs, run, _ = imported_run
    row = wait_until_done(jobs, jobs.save(run, ["onnx"])).result["rows"]["onnx"]
    assert (row["verdict"], set(opened_confined)) == ("rounding", {True})
    assert jobs.library.artifact(row["artifact"]).trust == "brought in"


def test_imported_run_is_not_pickled(imported_run):
    jobs, run, _ = imported_run
    row = wait_until_done(jobs, jobs.save(run, ["pickle"])).result["rows"]["pickle"]
    assert row["error"]["sentence"].startswith("A file of this format runs code when it is loaded")


@pytest.mark.parametrize("live", [True, False])
def test_imported_run_is_opened_in_confined_child(imported_run, opened_confined, live):
    jobs, run, artifact = imported_run
    rows = jobs.library.reference(run).head(2)
    with load_participant(jobs, run if live else artifact) as loaded:
        answers, _ = loaded.predict(rows.inputs)
    assert opened_confined == [True]
    assert [answer.shape for answer in answers.values()] == [
        prediction.shape for prediction in rows.predictions.values()
    ]


def test_imported_run_is_compared_in_confined_children(imported_run, opened_confined):
    jobs, _, artifact = imported_run
    outcome = wait_until_done(jobs, jobs.compare([artifact])).result["outcomes"]
    assert [item["verdict"] for item in outcome.values()] == ["bit-identical"]
    assert set(opened_confined) == {True}


def test_imported_run_layers_are_compared_in_confined_children(imported_run, opened_confined):
    jobs, run, artifact = imported_run
    wait_until_done(jobs, jobs.compare_layers(run, artifact))
    assert set(opened_confined) == {True}


@pytest.mark.usefixtures("short_timing")
def test_imported_run_is_benchmarked_in_confined_children(imported_run, opened_confined):
    jobs, _, artifact = imported_run
    result = wait_until_done(jobs, jobs.benchmark([artifact], repeats=1)).result["costs"][artifact]
    assert result["error"] is None
    assert (opened_confined[0], opened_confined[1:]) == (
        False,
        [True, True],
    )  # the first one counts threads, and loads nothing


def test_imported_run_is_resumed_in_confined_children(imported_run, opened_confined):
    jobs, run, artifact = imported_run
    result = wait_until_done(jobs, jobs.resume(run, [artifact], epochs=1)).result
    assert (opened_confined, list(result["copies"])) == ([True, True], [artifact])
