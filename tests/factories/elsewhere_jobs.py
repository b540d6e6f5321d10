"""What the Elsewhere page shows: copies, environments as if they were built, and a job that asked."""

import json
import sys
from pathlib import Path

from core.environments import get_environment
from core.environments.build import RECORD, environment_folder
from core.jobs import Jobs
from core.library.job_store import Job
from core.settings import Settings
from tests.factories.library_entries import make_artifact, make_run

OUTCOMES = {
    "tract": {"environment": "tract", "verdict": "rounding", "max_abs": 1.2e-07, "changed_rows": 0, "rows": 64},
    "mnn": {
        "environment": "mnn",
        "verdict": "does-not-load",
        "error": {"code": "does-not-load", "sentence": "MNN's converter wrote no model.", "cure": "Take another."},
    },
}


def write_job(jobs: Jobs, run: str, artifact: str) -> Job:
    """A finished job as `Jobs.ask_elsewhere` leaves it."""
    row = {"format": "onnx", "here": "rounding", "cells": OUTCOMES, "error": None}
    failed = {"error": {"code": "not-built", "sentence": "The package index did not answer.", "cure": "Connect."}}
    result = {"rows": {artifact: row}, "environments": {"tract": {}, "mnn": {}, "iree": failed}}
    request = {"run": run, "artifacts": [artifact], "environments": ["tract", "mnn", "iree"]}
    job = Job(id="j0123456789", kind="elsewhere", title="x", state="done", request=request, result=result)
    return jobs.job_store.create(job)


def write_built(config: Settings, key: str) -> Path:
    """The folder of an environment as if it were built."""
    folder = environment_folder(config, get_environment(key))
    (folder / "venv" / "bin").mkdir(parents=True)
    (folder / "venv" / "bin" / "python").symlink_to(sys.executable)
    (folder / RECORD).write_text(json.dumps({"seconds": 1, "bytes": 5_000_000, "files": ""}))
    return folder


def add_copies(jobs: Jobs, *formats: str) -> str:
    """The id of a run that is saved in these formats."""
    run = make_run(jobs.library)
    for key in formats:
        make_artifact(jobs.library, run, key)
    return run.id
