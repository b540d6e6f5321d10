"""A report for programs as CSV, with a line for each copy and output."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from core.jobs.places.place import PlaceFacts
from core.report.data import ReportData

# Fields of an outcome that are repeated on every line of its copy.
COPY_FIELDS = ("verdict", "load_seconds", "loaded_warm", "first_seconds", "not_finite", "remark", "source")
GRADE_FIELDS = ("share", "ssim", "psnr_db")
NESTED_FIELDS = ("classes", "worst", "reference_accuracy", "answer_accuracy")
TABLE_FIELDS = ("histogram", "by_magnitude", "by_column", "heat", "agreement")
FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")

Line = dict[str, str | float | None]  # of CSV, by column


def render_csv(data: ReportData) -> str:
    """Return a line for each copy and output, with every scalar; a copy without predictions has one, with its error."""
    lines = [line for id_ in data.outcomes for line in _csv_rows(data, id_)]
    columns = list(dict.fromkeys(name for line in lines for name in line))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: escape_formula(value) for name, value in line.items()} for line in lines)
    return buffer.getvalue()


def _csv_rows(data: ReportData, id_: str) -> list[Line]:
    record, outcome = data.artifacts.get(id_), data.outcomes[id_]
    first: Line = {
        "artifact": id_,
        "format": record.format if record else None,
        "run": record.run if record else None,
        "run_name": data.run.name,
        "trust": record.trust if record else None,
        **_place_columns(data, outcome.get("place")),
        "baseline": data.baseline,
        "inputs": data.job.result["inputs"],
        "bytes": record.bytes if record else None,
        **{name: outcome.get(name) for name in COPY_FIELDS},
        **_grade_columns(outcome.get("grade")),
        "losses": ", ".join(loss.label for loss in data.losses[id_]),
        "error": (outcome["error"] or {}).get("sentence"),
    }
    outputs = outcome["outputs"] or [{}]
    passed = data.passed.get(id_, {})
    return [
        first | _flatten_scalars(metrics) | _flatten_scalars(passed.get(metrics.get("output"), {}), "tolerance.")
        for metrics in outputs
    ]


def _place_columns(data: ReportData, place: dict[str, Any] | None) -> Line:
    """The place, the lock of its packages, and its machine; no columns where every copy predicted here."""
    if not any(outcome.get("place") for outcome in data.outcomes.values()):
        return {}
    if not place:
        return dict.fromkeys(("place", "lock", "machine"))
    facts = PlaceFacts.model_validate(place)
    return {"place": facts.key, "lock": facts.lock, "machine": facts.machine.words if facts.machine else None}


def _grade_columns(grade: dict[str, Any] | None) -> Line:
    """The level and its numbers, in columns of their own; none where no copy has a grade."""
    return {"grade": grade["level"], **{f"grade.{name}": grade[name] for name in GRADE_FIELDS}} if grade else {}


def _flatten_scalars(record: Mapping[str, Any], prefix: str = "") -> Line:
    """Return the scalars of a record by dotted names, without its tables and histograms."""
    flat: Line = {}
    for name, value in record.items():
        if isinstance(value, dict) and name in NESTED_FIELDS:
            flat |= _flatten_scalars(value, f"{prefix}{name}.")
        elif name == "index":
            flat[prefix + name] = " ".join(map(str, value))
        elif name not in TABLE_FIELDS and not (value is None and name in NESTED_FIELDS):
            flat[prefix + name] = value
    return flat


def escape_formula(value: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet would run as a formula; numbers stay numbers."""
    if isinstance(value, str) and value.startswith(FORMULA_PREFIXES) and value != "-inf":
        return "'" + value
    return value
