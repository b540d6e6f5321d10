"""A report for programs as JSON, with every number."""

import json
from collections.abc import Mapping
from typing import Any, TypedDict

from core.compare import to_jsonable
from core.compatibility.losses import losses_to_json
from core.inputs.input_set import StoredArray
from core.jobs.comparison.compare_result import ComparisonMatrix
from core.report.data import DisagreeingRow, ReportData, describe_inputs
from core.report.repeat_command import make_repeat_command

REPORT_SCHEMA_VERSION = 1


class ReportInputs(TypedDict):
    """What was asked; `origin` and `columns` are None where it is no longer stored."""

    id: str
    words: str
    rows: int
    origin: dict[str, Any] | None
    columns: list[StoredArray] | None


class RowPredictionJson(TypedDict):
    words: str
    changed: bool


class DisagreeingRowJson(TypedDict):
    """`said` is by output and participant."""

    row: int
    distance: float
    truth: dict[str, str]
    said: dict[str, dict[str, RowPredictionJson]]


class DisagreeingRowsJson(TypedDict):
    total: int
    rows: list[DisagreeingRowJson]


class ReportJson(TypedDict):
    """The JSON report; of each artifact the outcome stands beside what the library knows of it."""

    schema: int
    kind: str
    job: str
    finished: str | None
    written: str
    headline: str
    run: dict[str, str | None]
    baseline: dict[str, str]
    inputs: ReportInputs
    command: str
    tolerances: dict[str, dict[str, float]]
    artifacts: dict[str, dict[str, Any]]
    matrix: ComparisonMatrix
    rows_that_disagree: DisagreeingRowsJson
    machine: Mapping[str, Any]
    machines: dict[str, str]
    versions: dict[str, str]


def render_json(data: ReportData) -> str:
    """Return every number as JSON, what is not finite as "nan", "inf" or "-inf"; keys are fixed within one schema."""
    return json.dumps(to_jsonable(_report_json(data)), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _report_json(data: ReportData) -> ReportJson:
    job, run, inputs = data.job, data.run, data.inputs
    return {
        "schema": REPORT_SCHEMA_VERSION,
        "kind": "comparison",
        "job": job.id,
        "finished": job.finished,
        "written": data.written,
        "headline": data.headline,
        "run": {"id": run.id, "name": run.name, "demo": run.demo, "trust": run.trust},
        "baseline": {"id": data.baseline, "name": data.names[data.baseline]},
        "inputs": {
            "id": job.result["inputs"],
            "words": describe_inputs(inputs, job.result["rows"]),
            "rows": job.result["rows"],
            "origin": inputs.origin if inputs else None,
            "columns": inputs.columns if inputs else None,
        },
        "command": make_repeat_command(job, inputs, dict(data.tolerances)),
        "tolerances": {output: tolerance._asdict() for output, tolerance in data.tolerances.items()},
        "artifacts": {id_: _artifact_json(data, id_) for id_ in data.outcomes},
        "matrix": job.result["matrix"],
        "rows_that_disagree": {
            "total": data.rows.total,
            "rows": [_row_json(row) for row in data.rows.rows],
        },
        "machine": data.machine,
        "machines": data.machines,
        "versions": data.versions,
    }


def _row_json(row: DisagreeingRow) -> DisagreeingRowJson:
    predictions: dict[str, dict[str, RowPredictionJson]] = {
        output: {id_: {"words": words, "changed": changed} for id_, (words, changed) in by.items()}
        for output, by in row.predictions.items()
    }
    return {"row": row.row, "distance": row.distance, "truth": row.truth, "said": predictions}


def _artifact_json(data: ReportData, id_: str) -> dict[str, Any]:
    record = data.artifacts.get(id_)
    facts = {
        "name": data.names[id_],
        "format": record.format if record else None,
        "run": record.run if record else None,
        "trust": record.trust if record else None,
        "bytes": record.bytes if record else None,
        "options": record.options if record else None,
        "files": [file.model_dump() for file in record.files] if record else None,
        "saved_with": record.versions if record else None,
    }
    own = {"losses": losses_to_json(data.losses[id_]), "tolerance": data.passed.get(id_, {})}
    there = {key: answer.model_dump(mode="json") for key, answer in data.elsewhere.get(id_, {}).items()}
    return facts | data.outcomes[id_] | own | {"elsewhere": there}
