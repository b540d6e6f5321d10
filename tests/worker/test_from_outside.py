"""What a run from outside asks of the worker: every job that touches its files does so in a confined child."""

import json
import shutil
from pathlib import Path

import pytest

from core.jobs import Jobs
from core.jobs.participants import open_participant
from core.library import Library
from core.worker import Worker
from tests.conftest import finished

pytestmark = pytest.mark.trust


@pytest.fixture(scope="module")
def outside(jobs, saved, trained, tmp_path_factory) -> tuple[Jobs, str, str]:
    """Jobs over a library with one run that came from outside, and its `.keras`; and the ids of both."""
    run, artifact = trained("digits-mlp"), saved("digits-mlp", "keras")["artifact"]
    home = tmp_path_factory.mktemp("outside")
    for folder, name in (("runs", run), ("artifacts", artifact)):
        shutil.copytree(jobs.library.home / folder / name, home / folder / name)
    _mark(home / "runs" / run / "run.json")
    _mark(home / "artifacts" / artifact / "artifact.json")
    return Jobs(Library(home), jobs.worker, jobs.config.model_copy(update={"home": home})), run, artifact


def _mark(record: Path) -> None:
    record.write_text(json.dumps(json.loads(record.read_text()) | {"trust": "brought in"}))


@pytest.fixture
def opened(monkeypatch) -> list[bool]:
    """Whether each child that is opened from here on is confined, in order."""
    found: list[bool] = []
    open_ = Worker.open

    def noting(self, *args, **more):
        child = open_(self, *args, **more)
        found.append(child.is_confined)
        return child

    monkeypatch.setattr(Worker, "open", noting)
    return found


def test_its_copies_are_made_and_proved_in_confined_children(outside, opened):
    jobs, run, _ = outside
    row = finished(jobs, jobs.save(run, ["onnx"])).result["rows"]["onnx"]
    assert (row["verdict"], opened) == ("rounding", [True, True])
    assert jobs.library.artifact(row["artifact"]).trust == "brought in"


def test_no_pickle_is_made_of_it(outside):
    jobs, run, _ = outside
    row = finished(jobs, jobs.save(run, ["pickle"])).result["rows"]["pickle"]
    assert row["error"]["sentence"].startswith("A file of this format runs code when it is loaded")


@pytest.mark.parametrize("live", [True, False])
def test_it_is_opened_to_answer_in_a_confined_child(outside, opened, live):
    jobs, run, artifact = outside
    rows = jobs.library.reference(run).head(2)
    with open_participant(jobs, run if live else artifact) as loaded:
        answers, _ = loaded.predict(rows.inputs)
    assert opened == [True]
    assert [one.shape for one in answers.values()] == [one.shape for one in rows.predictions.values()]


def test_it_is_compared_in_confined_children(outside, opened):
    jobs, _, artifact = outside
    outcome = finished(jobs, jobs.compare([artifact])).result["outcomes"]
    assert [one["verdict"] for one in outcome.values()] == ["bit-identical"]
    assert set(opened) == {True}


def test_its_layers_are_walked_through_in_confined_children(outside, opened):
    jobs, run, artifact = outside
    finished(jobs, jobs.compare_layers(run, artifact))
    assert set(opened) == {True}


def test_it_is_measured_in_confined_children(outside, opened):
    jobs, _, artifact = outside
    found = finished(jobs, jobs.benchmark([artifact], repeats=1)).result["costs"][artifact]
    assert found["error"] is None
    assert (opened[0], opened[1:]) == (False, [True, True])  # the first one counts threads, and loads nothing


def test_it_trains_on_in_confined_children(outside, opened):
    jobs, run, artifact = outside
    result = finished(jobs, jobs.resume(run, [artifact], epochs=1)).result
    assert (opened, list(result["copies"])) == ([True, True], [artifact])
