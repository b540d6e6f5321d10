"""A library as version 0.1.0 wrote it: records spelled out as they lay on the disk, written by no code of ours.

What a record says of files (bytes, SHA-256) is counted here, for NumPy and zlib may write other bytes tomorrow.
Its jobs stand in `jobs_of_0_1`.
"""

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np

RUN, IMPORTED_RUN = "r25121f344c", "r70826802ce"
KERAS, H5, CONVERTED = "a6ec5aad8b5", "adbaf71048f", "a0000000c0e"
IMPORTED, TRASHED, OWNED = "a1c610b43bd", "a6e234a1338", "a00000000e5"
OWNER = "p2f0c1d9e8b7a6f5e4d3c2b1a"
INPUTS = "i18579aa91d"

VERSIONS = {"roundtrip": "0.1.0", "python": "3.11.7", "tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.4.6"}
SPECS = [
    {"name": "total_bill", "dtype": "float32", "shape": [None, 1]},
    {"name": "day", "dtype": "object", "shape": [None, 1]},
]
WEIGHTS = [{"name": "tip/bias", "dtype": "float32", "shape": [1], "sha256": "2f4678484b8620f5" * 4}]
OPTIMIZER = [{"name": "adam/iteration", "dtype": "int64", "shape": [], "sha256": "5fd1b79ebdef9619" * 4}]
SETTINGS = {"dataset": "tips", "epochs": 1, "batch_size": 16, "learning_rate": 0.003, "hidden_units": 32, "seed": 0}
TRAITS = {"architecture": "33be5fed19e274b9", "forgotten": [], "compile_words": "Adam, loss mean_squared_error"}
LOST_VOCABULARY = {
    "code": "does-not-load",
    "sentence": "A vocabulary was lost on the way: its lookup table is empty.",
    "received": "",
    "cure": "Save as .keras or SavedModel, which keep vocabularies.",
    "detail": "FailedPreconditionError: Table not initialized.",
}
REFUSAL = {
    "code": "cannot-save",
    "sentence": "The model looks words up in a table, and a graph of constants cannot hold one.",
    "received": "",
    "cure": "Save as SavedModel or .keras, which keep vocabularies.",
    "detail": "",
}
CHECKS = [
    {"what": "Name, size, kind and structure, before anything opened it", "remark": ""},
    {"what": "Loaded again in another process", "remark": "Its answers there: Bit-identical."},
]
BILLS = np.array([[10.5], [20.25], [30.0]], "float32")
DAYS = np.array([["Sun"], ["Fri"], ["Thur"]])
TIPS = np.array([[1.5], [2.0], [4.5]], "float32")
PREDICTIONS = np.array([[1.25], [2.5], [4.0]], "float32")


def write_library_of_0_1(home: Path) -> None:
    """Write runs, artifacts, trash, aliases, inputs, the change log and an old catalog below `home`."""
    for name in ("runs", "artifacts", "trash", "staging", "jobs"):
        (home / name).mkdir(parents=True)
    _write_runs(home / "runs")
    _write_artifacts(home)
    _write_inputs(home / "inputs" / INPUTS)
    write_record(home / "aliases.json", created="2026-11-29T04:46:23.119+00:00", aliases={"champion": KERAS})
    write_record(
        home / "verified.json",
        created="2026-11-29T04:46:11.009+00:00",
        seconds=0.030241043999922113,
        artifacts=5,
        runs=2,
        bytes=549551,
        wrong=[],
        remarks=[],
    )
    (home / "changes.log").write_text(f"{RUN}\n{KERAS}\n{H5}\n{IMPORTED_RUN}\n{IMPORTED}\n{KERAS}\n")
    with sqlite3.connect(home / "catalog.sqlite") as catalog:  # another version's tables
        catalog.execute("CREATE TABLE entries_3 (key INTEGER PRIMARY KEY, id VARCHAR(64), entry TEXT)")
        catalog.execute("INSERT INTO entries_3 VALUES (1, 'a0000000bad', '{}')")
        catalog.execute("CREATE TABLE state_3 (name VARCHAR(32) PRIMARY KEY, value TEXT)")
        catalog.execute("INSERT INTO state_3 VALUES ('state', '[\"1 2 3 4\", 1795927571.0, 0.01, 6]')")
    catalog.close()


def _write_runs(runs: Path) -> None:
    folder = runs / RUN
    _write_bytes(folder / "history.csv", b"epoch,loss,val_loss\r\n1,12.039474487304688,\r\n")
    write_arrays(folder / "snapshot" / "variables.npz", {"tip/bias": np.zeros(1, "float32")}, compress=False)
    _write_reference(folder / "reference.npz")
    _write_run(
        folder,
        created="2026-11-29T04:45:22.030+00:00",
        name="Guess the tip · 1 epoch · seed 0",
        demo="tips",
        settings=SETTINGS,
        optimizer=OPTIMIZER,
        stepped=WEIGHTS,
        score=3.2413261304231913,
        score_name="mean absolute error in dollars",
        rows={"training": 170, "validation": 36, "held_out": 3},
        seconds=27.904018413999438,
        trust="ours",
        brought={},
    )
    _write_marks(folder, name="Tips, first", tags=["prod", "x"], note="A note\nof two lines", pinned=True, shared=True)
    refused = {
        "onnx": {"created": "2026-11-29T04:45:39.319+00:00", "state": "failed", "error": REFUSAL, "seconds": 7.5}
    }
    _write_json(folder / "refused.json", refused)

    folder = runs / IMPORTED_RUN
    _write_bytes(folder / "snapshot" / "model.keras", b"a model from outside")
    _write_reference(folder / "reference.npz")
    imported = {
        "file": "model.keras",
        "sha256": _entry(folder / "snapshot", "model.keras")["sha256"],
        "format": "keras",
        "signature": "",
        "demo": None,
        "settings": None,
        "artifact": IMPORTED,
        "remark": "",
        "signatures": [],
        "asked": {"rows": 64, "seed": 0, "below": 1.0, "shapes": {"total_bill": [1], "day": [1]}},
        "checks": CHECKS,
    }
    _write_run(
        folder,
        created="2026-11-29T04:46:10.904+00:00",
        name="My model",
        demo=None,
        settings=None,
        optimizer=[],
        stepped=[],
        score=None,
        score_name="",
        rows={},
        seconds=0.0,
        trust="brought in",
        brought=imported,
    )


def _write_run(folder: Path, **fields: Any) -> None:
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    write_record(
        folder / "run.json",
        created=fields["created"],
        id=folder.name,
        name=fields["name"],
        demo=fields["demo"],
        settings=fields["settings"],
        kind="keras",
        parameters=583,
        weight_bytes=2340,
        not_finite={},
        summary='Model: "tips"\n┏━━━━━━━━━━┓',
        inputs=SPECS,
        weights=WEIGHTS,
        optimizer=fields["optimizer"],
        traits=TRAITS,
        stepped=fields["stepped"],
        score=fields["score"],
        score_name=fields["score_name"],
        rows=fields["rows"],
        labels=[],
        image_shape=None,
        seconds=fields["seconds"],
        versions=VERSIONS,
        files=[_entry(folder, path) for path in paths],
        trust=fields["trust"],
        brought=fields["brought"],
        owner=None,
    )


def _write_artifacts(home: Path) -> None:
    artifacts = home / "artifacts"
    _write_artifact(artifacts / KERAS, "2026-11-29T04:45:25.399+00:00", {"model.keras": b"keras"}, "keras")
    _write_artifact(artifacts / H5, "2026-11-29T04:45:26.103+00:00", {"model.h5": b"hdf5"}, "h5", loads=False)
    _write_marks(artifacts / H5, name="", tags=["h5"], note="", pinned=False, shared=True)
    _write_artifact(
        artifacts / CONVERTED,
        "2026-11-29T04:47:00.000+00:00",
        {"model.onnx": b"onnx", "weights/0.bin": b"\0" * 9},
        "onnx",
        run=IMPORTED_RUN,
        options={"opset": 15},
        trust="brought in",
        made_from=IMPORTED,
    )
    _write_artifact(
        artifacts / IMPORTED,
        "2026-11-29T04:46:10.911+00:00",
        {"model.keras": b"a model from outside"},
        "keras",
        run=IMPORTED_RUN,
        trust="brought in",
    )
    _write_artifact(artifacts / OWNED, "2026-11-29T04:48:00.000+00:00", {"model.keras": b"mine"}, "keras", owner=OWNER)
    _write_artifact(home / "trash" / TRASHED, "2026-11-29T04:45:28.000+00:00", {"model.pkl": b"pickle"}, "pickle")
    write_record(home / "trash" / TRASHED / "removed.json", created="2026-11-29T04:46:23.142+00:00")


def _write_artifact(
    folder: Path,
    created: str,
    files: dict[str, bytes],
    format_key: str,
    *,
    run: str = RUN,
    options: dict[str, Any] | None = None,
    trust: str = "ours",
    made_from: str | None = None,
    owner: str | None = None,
    loads: bool = True,
) -> None:
    for path, content in files.items():
        _write_bytes(folder / "files" / path, content)
    write_record(
        folder / "artifact.json",
        created=created,
        id=folder.name,
        run=run,
        format=format_key,
        seconds=0.21198955599993496,
        options=options or {},
        trust=trust,
        made_from=made_from,
        owner=owner,
        versions=VERSIONS,
        files=[_entry(folder / "files", path) for path in files],
    )
    loaded = outcome_json("bit-identical") if loads else outcome_json("does-not-load", LOST_VOCABULARY)
    with_code = None if loads else outcome_json("does-not-load", LOST_VOCABULARY)
    write_record(folder / "evidence.json", created=created, trust=trust, without_code=loaded, with_code=with_code)


def outcome_json(verdict: str, error: dict[str, str] | None = None) -> dict[str, Any]:
    """One reload, as it stands in evidence and in the result of a comparison."""
    match = None if error else {"found": 1, "of": 1, "missing": []}
    return {
        "verdict": verdict,
        "error": error,
        "load_seconds": None if error else 0.5509838739999395,
        "first_seconds": None if error else 0.31820534899998165,
        "max_abs": None if error else 0.0,
        "mean_abs": None if error else 0.0,
        "changed_rows": None if error else 0,
        "rows": None if error else 3,
        "not_finite": 0,
        "pairs": [] if error else [{"reference": "output_0", "answer": "output_0", "by": "name"}],
        "weights": match,
        "optimizer": match,
        "moved_by_answering": 0,
        "inputs": [] if error else SPECS,
        "input_pairs": [] if error else [{"reference": "day", "answer": "day", "by": "name"}],
        "probes": {} if error else {"traits": TRAITS, "batches": {"1": "", "7": ""}, "repeats": 0.0},
    }


def _write_marks(folder: Path, **marks: Any) -> None:
    write_record(folder / "marks.json", created="2026-11-29T04:46:23.085+00:00", **marks)


def _write_inputs(folder: Path) -> None:
    """All three held-out rows of the run."""
    folder.mkdir(parents=True)
    for name, array in (("input-0", BILLS), ("input-1", DAYS), ("target-0", TIPS)):
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    write_record(
        folder / "inputs.json",
        created="2026-11-29T04:46:23.193+00:00",
        id=folder.name,
        origin={"kind": "held-out", "run": RUN, "index": [0, 1, 2], "rows": None, "classes": [], "seed": None},
        words="All 3 held-out rows of “tips”",
        notes=[],
        columns=[
            {"name": "total_bill", "dtype": "float32", "shape": [1]},
            {"name": "day", "dtype": "object", "shape": [1]},
        ],
        targets=[{"name": "tip", "dtype": "float32", "shape": [1]}],
        rows=3,
        files=[_entry(folder, f"{name}.npy") for name in ("input-0", "input-1", "target-0")],
    )


def write_record(path: Path, **fields: Any) -> None:
    _write_json(path, {"schema": 1} | fields)


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")


def _write_reference(path: Path) -> None:
    arrays = {"input:total_bill": BILLS, "input:day": DAYS, "answer:output_0": PREDICTIONS, "target:tip": TIPS}
    write_arrays(path, arrays, compress=True)


def write_arrays(path: Path, arrays: dict[str, np.ndarray], *, compress: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    (np.savez_compressed if compress else np.savez)(path, allow_pickle=False, **arrays)


def _write_bytes(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _entry(folder: Path, path: str) -> dict[str, Any]:
    content = (folder / path).read_bytes()
    return {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
