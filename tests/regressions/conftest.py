"""Fixtures for the pains: each is produced for real, and Roundtrip is asked what it says of it."""

import os
import subprocess
import sys

import pytest

from core.compatibility.matrix import MatrixRow, build_row
from core.evidence.records import ReloadOutcome
from core.settings import PROJECT
from tests.factories.keras_models import ROWS
from tests.helpers import wait_until_done


@pytest.fixture(scope="session")
def add(jobs):
    """A function that adds a model of one's own to the session's library; gives the results by format."""

    def add_model(model, formats, inputs=ROWS):
        results = jobs.library.add(model, inputs=inputs, formats=formats, worker=jobs.worker)
        return {result.format: result for result in results}

    return add_model


@pytest.fixture(scope="session")
def matrix_row_of(jobs):
    """A function that gives the row of the matrix for an artifact."""

    def row_of(artifact_id: str) -> MatrixRow:
        library = jobs.library
        artifact = library.artifact(artifact_id)
        return build_row(library.run(artifact.run), artifact.format, artifact_id, library.evidence(artifact_id))

    return row_of


@pytest.fixture(scope="session")
def compare_artifact(jobs):
    """A function that compares one artifact, with the code from where it is told; gives the outcome."""

    def outcome_of(artifact_id: str, source: str | None = None) -> ReloadOutcome:
        sources = {artifact_id: source} if source else {}
        end = wait_until_done(jobs, jobs.compare([artifact_id], sources=sources))
        return ReloadOutcome.model_validate(end.result["outcomes"][artifact_id])

    return outcome_of


@pytest.fixture(scope="session")
def run_command_process(config):
    """A function that runs `python -m core` on the session's library."""

    def run(*arguments: str) -> subprocess.CompletedProcess:
        environment = os.environ | {"ROUNDTRIP_HOME": str(config.home), "PYTHONPATH": str(PROJECT)}
        line = [sys.executable, "-m", "core", *arguments]
        return subprocess.run(line, env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=60)

    return run
