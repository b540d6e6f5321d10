"""Runs and artifacts made by hand: whole entries, without a model or a worker.

A library with one run made by hand, and a store of inputs over it: no model, no worker.

The trash: what may go there, when it went, how it comes back, and what is deleted for good.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from core.compare import Verdict
from core.evidence.content_hash import ContentHash
from core.evidence.records import Evidence, ReloadOutcome
from core.library import Artifact, Library, Run
from core.library.ids import new_id
from core.runtimes.reference import Reference

RUN_FACTS = {
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
HISTORY_CSV = "epoch,loss,accuracy\n1,2.5,0.25\n2,,0.5\n"


def make_run(library: Library, **facts) -> Run:
    """A run with a history of two epochs, a snapshot of one file and a reference of four rows."""
    with library.staging() as staged:
        (staged / "history.csv").write_text(HISTORY_CSV, encoding="utf-8")
        (staged / "snapshot").mkdir()
        (staged / "snapshot" / "variables.npz").write_bytes(b"values")
        Reference({"x": np.arange(4.0)}, {"y": np.arange(4.0) * 2}, {}).write(staged / "reference.npz")
        return library.commit_run(staged, RUN_FACTS | facts)


IDENTICAL_EVIDENCE = Evidence(without_code=ReloadOutcome(verdict=Verdict.BIT_IDENTICAL, rows=4))


def make_artifact(
    library: Library,
    run: Run,
    format_key: str = "keras",
    content: bytes = b"0123456789",
    said: ContentHash | None = None,
    **more: object,
) -> Artifact:
    """A bit-identical artifact with the files model.bin and variables/data; `said` is the hash of what they say."""
    with library.staging() as staged:
        _write_files(staged, content)
        facts = {"format": format_key, "seconds": 0.5, "content": said, **more}
        return library.commit_artifact(staged, run.id, IDENTICAL_EVIDENCE, **facts)


def make_imported_artifact(library: Library, content: bytes = b"0123456789") -> Artifact:
    """What was imported: a run of such an artifact, and the artifact."""
    with library.staging() as staged:
        _write_files(staged / "artifact", content)
        (staged / "run" / "snapshot").mkdir(parents=True)
        (staged / "run" / "snapshot" / "model.bin").write_bytes(content)
        id_ = new_id("a")
        facts = RUN_FACTS | {"demo": None, "trust": "brought in", "brought": {"artifact": id_}}
        more = {"id": id_, "format": "keras", "seconds": 0.0, "trust": "brought in"}
        return library.commit_run_and_artifact(staged / "run", facts, staged / "artifact", IDENTICAL_EVIDENCE, **more)[
            1
        ]


def _write_files(folder: Path, content: bytes) -> None:
    (folder / "files" / "variables").mkdir(parents=True)
    (folder / "files" / "model.bin").write_bytes(content)
    (folder / "files" / "variables" / "data").write_bytes(content * 2)


def make_run_with_reference(library: Library, reference: Reference, **facts) -> Run:
    """A run with this reference."""
    with library.staging() as staged:
        (staged / "snapshot").mkdir()
        reference.write(staged / "reference.npz")
        return library.commit_run(staged, RUN_FACTS | facts)


def set_removal_age(library: Library, id_: str, days: float) -> None:
    path = library.home / "trash" / id_ / "removed.json"
    then = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"created": then}))
