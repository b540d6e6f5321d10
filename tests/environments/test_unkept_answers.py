"""Predictions of an environment that are not kept: too large, or the disk is full. Verdicts stand, kits say so."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.cli.exports import _ask_environments
from core.environments import get_environment
from core.environments.machines import get_asked_environment
from core.environments.pool import WarmProcesses
from core.errors import NotBuilt
from core.jobs import Jobs
from core.jobs.elsewhere import _ElsewhereJob
from core.jobs.elsewhere_answers import list_kit_environments
from core.library.job_store import Job
from core.settings import Settings
from tests.factories.library_entries import make_artifact, make_run


def make_answer(jobs: Jobs, run: str, artifact: str, is_kept: bool | None) -> Job:
    cell = {"environment": "tract", "verdict": "rounding", "lock": get_environment("tract").lock_sha256}
    row = {"format": "onnx", "here": "rounding", "cells": {"tract": cell | {"is_kept": is_kept}}, "error": None}
    result = {"environments": {"tract": {}}, "rows": {artifact: row}}
    request = {"run": run, "artifacts": [artifact], "environments": ["tract"]}
    job = Job(id="j0123456789", kind="elsewhere", title="", state="done", request=request, result=result)
    return jobs.job_store.create(job)


@pytest.mark.parametrize(("is_kept", "offered"), [(False, []), (True, ["tract"]), (None, ["tract"])])
def test_kit_offers_environments_whose_predictions_are_kept(empty_jobs: Jobs, is_kept: bool | None, offered: list[str]):
    run = make_run(empty_jobs.library)
    artifact = make_artifact(empty_jobs.library, run, "onnx")
    make_answer(empty_jobs, run.id, artifact.id, is_kept)
    assert list_kit_environments(empty_jobs.job_store, artifact) == offered


def test_kit_says_which_environment_it_does_not_carry(empty_jobs: Jobs, monkeypatch: pytest.MonkeyPatch):
    run = make_run(empty_jobs.library)
    artifact = make_artifact(empty_jobs.library, run, "onnx")
    monkeypatch.setattr("core.jobs.Jobs", lambda **_: empty_jobs)
    monkeypatch.setattr(empty_jobs.worker, "close", lambda: None)
    monkeypatch.setattr(Jobs, "ask_elsewhere", lambda self, *_: make_answer(self, run.id, artifact.id, False))
    answers, failures = _ask_environments(artifact.id, ["tract"])
    assert (answers, [key for key, _ in failures]) == ([], ["tract"])
    assert "its predictions were not kept" in failures[0][1]["sentence"]


def make_job(save_arrays: Any) -> _ElsewhereJob:
    context = SimpleNamespace(environment_processes=None, job_store=SimpleNamespace(save_arrays=save_arrays))
    request = {"run": "r0123456789", "environments": ["tract"], "artifacts": []}
    return _ElsewhereJob(SimpleNamespace(library=None, context=context, request=request, job=SimpleNamespace(id="j")))  # type: ignore[arg-type]


def test_full_disk_takes_predictions_and_no_verdict():
    def refuse(*_: Any) -> None:
        raise OSError("full")

    job = make_job(refuse)
    job.rows["a"] = {"format": "onnx", "here": "rounding", "cells": {"tract": {"is_kept": True}}, "error": None}
    assert job._keep("a@tract", {"y": np.zeros(3)})
    job.save_predictions()
    assert job.rows["a"]["cells"]["tract"] == {"is_kept": False}


def test_large_predictions_leave_room_for_small(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.jobs.elsewhere.MAX_KEPT_BYTES", 100)
    kept: dict[str, Any] = {}
    job = make_job(lambda _, arrays: kept.update(arrays))
    sizes = {"a@tract": 40, "b@tract": 80, "c@tract": 60}
    assert [job._keep(name, {"y": np.zeros(size, "uint8")}) for name, size in sizes.items()] == [True, False, True]
    job.save_predictions()
    assert sorted(kept) == ["a@tract/y", "c@tract/y"]


def test_cure_of_a_changed_environment_names_one_that_can_be_removed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.environments.pool.is_unchanged", lambda built: False)
    with WarmProcesses(Settings()) as processes, pytest.raises(NotBuilt) as caught:
        processes._start(get_asked_environment("openvino@sse41"), None, False)  # type: ignore[arg-type]
    assert "roundtrip environments remove openvino)" in caught.value.cure
