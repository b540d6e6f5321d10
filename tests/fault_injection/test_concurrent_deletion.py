"""Copies that are removed, and deleted for good, while somebody loads, compares or downloads them."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import error_from_json
from core.exports.archive import archive_artifacts
from core.jobs import Jobs
from core.library import Library
from core.worker import Worker
from core.worker.child_handle import Child
from tests.factories.library_entries import make_artifact, make_run
from tests.factories.populated_library import make_jobs, populate_library
from tests.fault_injection.invariants import assert_invariants, hash_entries

SURVIVED = "faults injected and survived: a copy deleted while it is {}"
DELETIONS = ["removed", "deleted"]
FORMATS = ["keras", "saved_model"]
LOADED_CASES = [
    pytest.param(*case, marks=[] if case == ("keras", "predict", "deleted") else [pytest.mark.long])
    for case in itertools.product(FORMATS, ["load", "predict"], DELETIONS)
]

pytestmark = pytest.mark.trust


def delete_artifact(library: Library, id_: str, how: str) -> None:
    library.remove(id_)
    if how == "deleted":
        assert id_ in library.empty_trash(0)


def run_before_request(monkeypatch, task: str, do: Callable[[], None]) -> list[str]:
    """Have something done once, just before a child is asked this; gives a list that then holds the task."""
    real, done = Child.send, []

    def send(child: Child, asked: str, *rest: Any, **more: Any) -> None:
        if asked == task and not done:
            done.append(asked)
            do()
        real(child, asked, *rest, **more)

    monkeypatch.setattr(Child, "send", send)
    return done


@pytest.fixture
def library_jobs(tmp_path: Path, jobs: Jobs, trained, saved, worker: Worker) -> tuple[Jobs, str, list[str]]:
    """Jobs over a home of the test's own, and its run and copies."""
    run, copies = trained("digits-mlp"), [saved("digits-mlp", key)["artifact"] for key in FORMATS]
    return make_jobs(populate_library(tmp_path / "store", jobs, run, *copies), worker), run, copies


def test_download_stays_complete_when_artifact_is_deleted(tmp_path: Path, tally: Callable):
    library = Library(tmp_path / "store")
    run = make_run(library)
    for how in DELETIONS:
        artifact = make_artifact(library, run, content=bytes(range(256)) * 8_000)
        with archive_artifacts(library, [artifact.id]) as whole:
            expected = b"".join(whole.read())
        with archive_artifacts(library, [artifact.id]) as parcel:
            coming: Iterator[bytes] = parcel.read()
            first = next(coming) + next(coming)
            delete_artifact(library, artifact.id, how)
            assert first + b"".join(coming) == expected
            assert b"".join(parcel.read(3_000_000)) == expected[3_000_000:]  # a download that is taken up again
        tally(SURVIVED.format("downloaded"))
    assert_invariants(library.home, {})


@pytest.mark.parametrize(("format_key", "task", "how"), LOADED_CASES)
def test_artifact_deleted_during_load_predicts_or_reports_error(
    library_jobs: tuple[Jobs, str, list[str]], monkeypatch, how: str, task: str, format_key: str, tally: Callable
):
    jobs, run, copies = library_jobs
    at = FORMATS.index(format_key)
    before = {id_: files for id_, files in hash_entries(jobs.library.home).items() if id_ != copies[at]}
    done = run_before_request(monkeypatch, task, lambda: delete_artifact(jobs.library, copies[at], how))
    reference = jobs.library.reference(run).head(8)
    panel = jobs.create_live_session([copies[at]])
    (prediction,) = panel.predict(reference.inputs).values()
    panel.close()
    monkeypatch.undo()
    assert done == [task]
    if prediction.error:
        assert task == "load"
        assert prediction.error.sentence.endswith(".")
        assert prediction.error.cure
        assert str(jobs.library.home) not in str(prediction.error) + prediction.error.detail
    else:
        for name, array in reference.predictions.items():
            np.testing.assert_array_equal(prediction.outputs[name], array)
    assert_invariants(jobs.library.home, before)
    tally(SURVIVED.format("loaded"))


@pytest.mark.long
@pytest.mark.parametrize("how", DELETIONS)
@pytest.mark.parametrize("task", ["load", "predict"])
def test_artifact_deleted_during_compare_fails_alone_and_is_retried(
    library_jobs, monkeypatch, how: str, task: str, tally: Callable
):
    jobs, _, copies = library_jobs
    gone, other = copies
    before = {id_: files for id_, files in hash_entries(jobs.library.home).items() if id_ != gone}
    done = run_before_request(monkeypatch, task, lambda: delete_artifact(jobs.library, gone, how))
    end = jobs.wait(jobs.compare([gone, other]).id)
    monkeypatch.undo()
    assert done == [task]
    assert end.state == "done", end.error
    outcomes = end.result["outcomes"]
    assert outcomes[other]["verdict"] == "bit-identical"
    if outcomes[gone]["verdict"] != "bit-identical":
        error = error_from_json(outcomes[gone]["error"])
        assert error.sentence.endswith(".")
        assert error.cure
        assert error.is_transient, "it would be told of again when the copy is back"
    if how == "removed":
        jobs.library.restore(gone)
        again = jobs.wait(jobs.compare([gone, other]).id)
        assert {outcome["verdict"] for outcome in again.result["outcomes"].values()} == {"bit-identical"}
    assert_invariants(jobs.library.home, before)
    tally(SURVIVED.format("compared"))
