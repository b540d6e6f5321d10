"""Jobs as version 0.1.0 wrote them, of every kind, in the library of `library_of_0_1`."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.factories.library_of_0_1 import (
    CHECKS,
    DAYS,
    H5,
    IMPORTED,
    IMPORTED_RUN,
    INPUTS,
    KERAS,
    LOST_VOCABULARY,
    PREDICTIONS,
    REFUSAL,
    RUN,
    SETTINGS,
    SPECS,
    VERSIONS,
    outcome_json,
    write_arrays,
    write_record,
)

JOBS = {
    "train": "j40d10a9a9c",
    "save": "j7de9c5f7f9",
    "compare": "j5cec847aa3",  # a hash of its request
    "resume": "j7c2c8ea567",  # a hash of its request
    "cost": "jf2f02a2e25",
    "import": "ja3479a39d5",
    "disagree": "j3b3b398c12",
    "layers": "j47798855f9",
    "verify": "jd0ab2d764c",
    "rebuild": "j8f4caa1fa2",
    "repair": "j479d1549f6",
    "stopped": "j000000dead",
}


def write_jobs_of_0_1(jobs: Path) -> None:
    """Write a job of every kind into a folder of jobs, one that failed, and one whose process went in the middle."""
    history = [{"epoch": 1, "loss": 12.039474487304688, "val_loss": None}]
    _write_job(
        jobs / JOBS["train"],
        "train",
        "Guess the tip",
        {"demo": "tips", "settings": SETTINGS},
        {"run": RUN},
        detail={"done": 1.0, "epoch": 1, "history": history},
    )
    saved = {
        "state": "done",
        "artifact": KERAS,
        "bytes": 5,
        "seconds": 0.21198955599993496,
        "verdict": "bit-identical",
        "changed_rows": 0,
        "rows": 3,
        "needs_code": False,
        "reason": "",
        "warning": "",
    }
    rows = {"keras": saved, "onnx": {"state": "failed", "error": REFUSAL, "seconds": 7.5}}
    request = {"run": RUN, "formats": ["keras", "onnx"], "options": {"keras": {}, "onnx": {"opset": 15}}}
    _write_job(jobs / JOBS["save"], "save", "Guess the tip", request, {"rows": rows}, detail={"rows": rows})
    _write_comparison(jobs / JOBS["compare"])
    _write_resume(jobs / JOBS["resume"])
    _write_job(
        jobs / JOBS["cost"],
        "cost",
        "What copies cost",
        {"artifacts": [KERAS], "sources": {KERAS: "none"}, "repeats": 2},
        _costs(),
        detail={"artifact": KERAS, "phase": "loading and answering"},
    )
    imported = {
        "run": IMPORTED_RUN,
        "artifact": IMPORTED,
        "format": "keras",
        "name": "My model",
        "kind": "keras",
        "bytes": 20,
        "parameters": 583,
        "inputs": SPECS,
        "outputs": [{"name": "output_0", "dtype": "float32", "shape": [None, 1]}],
        "checks": CHECKS,
        "remark": "",
        "signature": "",
        "signatures": [],
        "verdict": "bit-identical",
        "error": None,
    }
    request = {"name": "model.keras", "parts": [], "demo": None, "signature": "", "label": "My model", "again": ""}
    _write_job(jobs / JOBS["import"], "import", "model.keras", request, imported, detail={"checks": CHECKS})
    _write_disagreement(jobs / JOBS["disagree"])
    request = {"baseline": KERAS, "other": H5, "rows": 8, "tolerance": 0.0001}
    request |= {"sources": {KERAS: "none", H5: "none"}, "damage": {}}
    _write_job(jobs / JOBS["layers"], "layers", "Layer by layer", request, {}, state="failed", error=LOST_VOCABULARY)
    verified = {"entries": 7, "bytes": 549551, "wrong": [], "remarks": []}
    _write_job(jobs / JOBS["verify"], "verify", "Verify", {"ids": None}, verified)
    rebuilt = {"before": 5, "after": 5, "differences": []}
    _write_job(jobs / JOBS["rebuild"], "rebuild", "Rebuild the catalog", {}, rebuilt)
    _write_job(jobs / JOBS["repair"], "repair", "Repair", {"quarantine": False, "dry_run": True}, {"mended": []})
    request = {"demo": "tips", "settings": SETTINGS}
    _write_job(jobs / JOBS["stopped"], "train", "Guess the tip", request, {}, state="running")


def _write_comparison(folder: Path) -> None:
    numbers = {"output": "output_0", "answer": "output_0", "by": "name", "rows": 3, "values": 3, "changed": 0}
    numbers |= {"identical": True, "rounding": True}
    numbers |= dict.fromkeys(("max_abs", "mean_abs", "median_abs", "p99_abs", "max_rel", "mean_rel", "median_rel"), 0.0)
    numbers |= {"max_ulp": 0, "mean_ulp": 0.0, "cosine": 0.9999999999999998, "snr_db": "inf", "kl": None}
    numbers |= dict.fromkeys(("reference_nan", "answer_nan", "reference_inf", "answer_inf"), 0)
    result = {
        "baseline": RUN,
        "inputs": INPUTS,
        "rows": 3,
        "outcomes": {
            KERAS: outcome_json("bit-identical") | {"outputs": [numbers], "remark": ""},
            H5: outcome_json("does-not-load", LOST_VOCABULARY) | {"outputs": [], "remark": ""},
        },
        "matrix": {"ids": [RUN, KERAS], "rows": 3, "cells": []},
        "machine": {"processor": "AMD EPYC", "cores": 2, "processors": 2, "memory": 25276510208, "system": "Linux"},
        "versions": VERSIONS,
    }
    request = {"artifacts": [KERAS, H5], "baseline": RUN, "inputs": INPUTS}
    request |= {"sources": {KERAS: "none", H5: "none"}, "damage": {}}
    _write_job(folder, "compare", "Comparison", request, result)
    for id_ in (RUN, KERAS):
        predictions = {"answer:output_0": PREDICTIONS}
        write_arrays(folder / "answers" / id_ / "from-0000000000.npz", predictions, compress=False)
    distances = {"changed": np.array([False, False, False]), "distance": np.array([0.0, 0.5, 0.25])}
    write_arrays(folder / "answers" / KERAS / "rows.npz", distances, compress=False)


def _write_resume(folder: Path) -> None:
    epoch = {"loss": 7.88958046653054, "score": 1.9372372726599376, "score_name": "mean absolute error in dollars"}
    match = {"found": 1, "of": 1, "missing": []}
    copy = {
        "ending": "exact",
        "sentence": "Every batch's loss is the live model's, to the last bit.",
        "error": None,
        "gap": {"first": None, "at_first": None, "largest": None, "largest_at": None, "after_step": 0.0},
        "parts": {"weights": True, "step count": True, "moments": True, "learning rate": True},
        "saved": match,
        "numbers": {"step count": 11.0, "learning rate": 0.003000000026077032},
        "remark": "",
        "epochs": [epoch | {"weights": match}],
        "order": "18dd2b07ca158b6a",
        "seconds": 4.340836519000732,
    }
    live = {
        "numbers": {"step count": 11, "learning rate": 0.003000000026077032},
        "order": "18dd2b07ca158b6a",
        "seconds": 3.5591347729996414,
        "epochs": [{"epoch": 1} | epoch],
    }
    request = {"run": RUN, "artifacts": [KERAS], "epochs": 1, "seed": 0, "sources": {KERAS: "none"}, "damage": {}}
    curves = {"curves": {"live": [6.5, 5.25], KERAS: [6.5, 5.25]}, "every": 1}
    result = {"run": RUN, "batches": 2, "live": live, "copies": {KERAS: copy}}
    _write_job(folder, "resume", "Training on", request, result, detail=curves)
    write_arrays(folder / "arrays.npz", {"live": np.array([6.5, 5.25]), KERAS: np.array([6.5, 5.25])}, compress=False)


def _write_disagreement(folder: Path) -> None:
    results = {
        "changed": False,
        "level": 0,
        "amount": 0.0,
        "output": "output_0",
        "kind": "value",
        "spread": 0.3481365400694658,
        "said": [None, None],
        "answers": [{"output_0": [0.5613237619400024]}, {"output_0": [0.5613237619400024]}],
        "split": "held-out",
        "row": 0,
        "steps": 0,
        "truth": 2.0,
        "distance": {"columns": 0, "of": 2, "largest": 0.0},
    }
    counts = {"asked": {"held-out": 20}, "changed": {"held-out": 0}, "largest": 0.0}
    request = {"a": KERAS, "b": H5, "sources": {KERAS: "none", H5: "none"}, "seconds": 20.0, "seed": 0}
    result = {"run": RUN, "found": results, "data": results} | counts | {"inputs": "", "notes": [], "seconds": 0.026}
    detail = {"seconds_left": 19.97804608199931} | counts | {"best": results}
    _write_job(folder, "disagree", "Disagreement", request | {"evaluations": 20}, result, detail=detail)
    arrays = {
        "input:day": DAYS[:1],
        "origin:day": DAYS[:1],
        "a:output_0": PREDICTIONS[:1],
        "b:output_0": PREDICTIONS[:1],
    }
    write_arrays(folder / "arrays.npz", arrays, compress=False)


def _costs() -> dict[str, Any]:
    repeated = {"median": 2.0, "least": 1.0, "most": 3.0, "values": [1.0, 3.0]}
    steady = {
        "batch": 1,
        "p50": 0.0007,
        "p95": 0.0098,
        "p99": 0.0159,
        "per_second": 359.56529371791925,
        "calls": 291,
        "medians": repeated,
        "processors": 0.24782833250907452,
        "by_row": False,
    }
    cost = {"artifact": KERAS, "format": "keras", "trust": "ours", "source": "none", "bytes": 5}
    cost |= dict.fromkeys(("save", "load", "first", "click", "memory", "working_memory"), repeated)
    machine = {"processor": "AMD EPYC", "cores": 2, "processors": 2, "memory": 25276510208, "system": "Linux"}
    machine |= {"threads": {"TensorFlow": None, "LiteRT": None}, "busy": 1.0, "versions": VERSIONS}
    return {
        "costs": {KERAS: cost | {"steady": [steady], "remarks": [], "error": None}},
        "repeats": 2,
        "batches": [1],
        "protocol": ["Size: all files of the copy."],
        "machine": machine,
    }


def _write_job(
    folder: Path,
    kind: str,
    title: str,
    request: dict[str, Any],
    result: dict[str, Any],
    *,
    detail: dict[str, Any] | None = None,
    state: str = "done",
    error: dict[str, str] | None = None,
) -> None:
    """The record of a job whose process is gone, and beside it what it found."""
    write_record(
        folder / "job.json",
        created="2026-11-29T04:45:39.416+00:00",
        id=folder.name,
        kind=kind,
        title=title,
        state=state,
        request=request,
        progress=1.0,
        note="Done",
        detail=detail or {},
        result={},
        error=error,
        started="2026-11-29T04:45:39.433+00:00",
        finished=None if state == "running" else "2026-11-29T04:45:43.381+00:00",
        owner=None,
        pid=2**22 + 1,
        born=1795927489.12,
    )
    if result:
        text = json.dumps({"result": result}, ensure_ascii=False, separators=(",", ":"))
        (folder / "result.json").write_text(text, encoding="utf-8")
