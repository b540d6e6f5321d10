"""Runs and artifacts made by hand: whole entries, without a model or a worker."""

import os
from pathlib import Path

import numpy as np
import pytest

from core.compare import Verdict
from core.evidence import Evidence, ReloadOutcome
from core.library import Artifact, Library, Run
from core.library.records import new_id
from core.runtimes.reference import Reference

FACTS = {
    "name": "Read a digit · 2 epochs · seed 0",
    "demo": "digits-mlp",
    "settings": {"epochs": 2},
    "kind": "keras",
    "parameters": 3,
    "summary": "three numbers",
    "inputs": [],
    "weights": [],
    "optimizer": [],
}
HISTORY = "epoch,loss,accuracy\n1,2.5,0.25\n2,,0.5\n"


def keep_run(library: Library, **facts) -> Run:
    """A run with a history of two epochs, a snapshot of one file and a reference of four rows."""
    with library.staging() as staged:
        (staged / "history.csv").write_text(HISTORY, encoding="utf-8")
        (staged / "snapshot").mkdir()
        (staged / "snapshot" / "variables.npz").write_bytes(b"values")
        Reference({"x": np.arange(4.0)}, {"y": np.arange(4.0) * 2}, {}).write(staged / "reference.npz")
        return library.commit_run(staged, FACTS | facts)


IDENTICAL = Evidence(without_code=ReloadOutcome(verdict=Verdict.BIT_IDENTICAL, rows=4))


def keep_artifact(library: Library, run: Run, format_key: str = "keras", content: bytes = b"0123456789") -> Artifact:
    """A bit-identical artifact with the files model.bin and variables/data."""
    with library.staging() as staged:
        _write_copy(staged, content)
        return library.commit_artifact(staged, run.id, IDENTICAL, format=format_key, seconds=0.5)


def keep_both(library: Library, content: bytes = b"0123456789") -> Artifact:
    """What was brought in: a run of such an artifact, and the artifact."""
    with library.staging() as staged:
        _write_copy(staged / "artifact", content)
        (staged / "run" / "snapshot").mkdir(parents=True)
        (staged / "run" / "snapshot" / "model.bin").write_bytes(content)
        id_ = new_id("a")
        facts = FACTS | {"demo": None, "trust": "brought in", "brought": {"artifact": id_}}
        more = {"id": id_, "format": "keras", "seconds": 0.0, "trust": "brought in"}
        return library.commit_run_and_artifact(staged / "run", facts, staged / "artifact", IDENTICAL, **more)[1]


def _write_copy(folder: Path, content: bytes) -> None:
    (folder / "files" / "variables").mkdir(parents=True)
    (folder / "files" / "model.bin").write_bytes(content)
    (folder / "files" / "variables" / "data").write_bytes(content * 2)


def spoil(path: Path, text: str) -> None:
    """Overwrite a file in place, as a careless program would, a second later than the last change."""
    later = path.stat().st_mtime_ns + 10**9
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(later, later))


@pytest.fixture
def run(empty_library: Library) -> Run:
    """A kept run in the test's library."""
    return keep_run(empty_library)


@pytest.fixture
def artifact(empty_library: Library, run: Run) -> Artifact:
    """A kept artifact of the kept run."""
    return keep_artifact(empty_library, run)
