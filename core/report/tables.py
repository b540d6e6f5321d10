"""A report for programs: JSON with every number, and CSV with a line for each copy and output."""

import csv
import io
import json
from typing import Any

from core.compare import jsonable
from core.report.data import Findings, asked, command

SCHEMA = 1
# Scalars of an outcome that stand on every line of its copy.
OF_COPY = ("verdict", "load_seconds", "first_seconds", "not_finite", "remark")
NESTED = ("classes", "worst", "reference_accuracy", "answer_accuracy")
TABLES = ("histogram", "by_magnitude", "by_column", "heat", "agreement")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(findings: Findings) -> str:
    """Every number, whatever is not finite as "nan", "inf" or "-inf"; keys stay as they are within one schema."""
    return json.dumps(jsonable(_facts(findings)), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _facts(findings: Findings) -> dict[str, Any]:
    job, run, inputs = findings.job, findings.run, findings.inputs
    return {
        "schema": SCHEMA,
        "kind": "comparison",
        "job": job.id,
        "finished": job.finished,
        "written": findings.written,
        "headline": findings.headline,
        "run": {"id": run.id, "name": run.name, "demo": run.demo, "trust": run.trust},
        "baseline": {"id": findings.baseline, "name": findings.names[findings.baseline]},
        "inputs": {
            "id": job.result["inputs"],
            "words": asked(inputs, job.result["rows"]),
            "rows": job.result["rows"],
            "origin": inputs.origin if inputs else None,
            "columns": inputs.columns if inputs else None,
        },
        "command": command(job, inputs, dict(findings.tolerances)),
        "tolerances": {output: one._asdict() for output, one in findings.tolerances.items()},
        "artifacts": {id_: _artifact(findings, id_) for id_ in findings.outcomes},
        "matrix": job.result["matrix"],
        "rows_that_disagree": {
            "total": findings.rows.total,
            "rows": [
                {
                    "row": one.row,
                    "distance": one.distance,
                    "truth": one.truth,
                    "said": {
                        output: {id_: said._asdict() for id_, said in by.items()} for output, by in one.said.items()
                    },
                }
                for one in findings.rows.rows
            ],
        },
        "machine": findings.machine,
        "versions": findings.versions,
    }


def _artifact(findings: Findings, id_: str) -> dict[str, Any]:
    record = findings.artifacts.get(id_)
    kept = {
        "name": findings.names[id_],
        "format": record.format if record else None,
        "run": record.run if record else None,
        "trust": record.trust if record else None,
        "bytes": record.bytes if record else None,
        "options": record.options if record else None,
        "files": [one.model_dump() for one in record.files] if record else None,
        "saved_with": record.versions if record else None,
    }
    return kept | findings.outcomes[id_] | {"tolerance": findings.passed.get(id_, {})}


def as_csv(findings: Findings) -> str:
    """One line for each copy and output, with every scalar number; a copy without answers has one line and a reason."""
    lines = [line for id_ in findings.outcomes for line in _lines(findings, id_)]
    columns = list(dict.fromkeys(name for line in lines for name in line))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in line.items()} for line in lines)
    return buffer.getvalue()


def _lines(findings: Findings, id_: str) -> list[dict[str, Any]]:
    record, outcome = findings.artifacts.get(id_), findings.outcomes[id_]
    first = {
        "artifact": id_,
        "format": record.format if record else None,
        "run": record.run if record else None,
        "run_name": findings.run.name,
        "trust": record.trust if record else None,
        "baseline": findings.baseline,
        "inputs": findings.job.result["inputs"],
        "bytes": record.bytes if record else None,
        **{name: outcome[name] for name in OF_COPY},
        "error": (outcome["error"] or {}).get("sentence"),
    }
    outputs = outcome["outputs"] or [{}]
    passed = findings.passed.get(id_, {})
    return [first | _flat(one) | _flat(passed.get(one.get("output"), {}), "tolerance.") for one in outputs]


def _flat(found: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Scalars by dotted names; tables and histograms are for JSON."""
    flat: dict[str, Any] = {}
    for name, value in found.items():
        if isinstance(value, dict) and name in NESTED:
            flat |= _flat(value, f"{before}{name}.")
        elif name == "index":
            flat[before + name] = " ".join(str(one) for one in value)
        elif name not in TABLES and not (value is None and name in NESTED):
            flat[before + name] = value
    return flat


def _cell(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula is marked as text; numbers stay numbers."""
    if isinstance(value, str) and value.startswith(FORMULA) and value != "-inf":
        return "'" + value
    return value
