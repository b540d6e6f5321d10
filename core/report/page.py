"""A report for people: one HTML file with everything in it, which asks for nothing from outside."""

import base64
import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from core.compare import Verdict
from core.library import Artifact
from core.report.asking import asked, command, needs_file
from core.report.facts import Findings
from core.report.plots import plots
from core.words import counted, duration, live_words, meaning, moment, size, verdict_words
from core.words.classes import what_changed
from core.words.numbers import CLASSES, CLOSENESS, DISTANCES, WORST, in_tolerance, plain_number
from core.words.remarks import remarks

TEMPLATES = Path(__file__).parent / "templates"
GROUPS = {
    "How far apart": DISTANCES,
    "Relative to the values": CLOSENESS,
    "Where the largest difference is": WORST,
    "Classes": CLASSES,
}
# What a verdict looks like, beside its words.
TONES = {
    Verdict.BIT_IDENTICAL: "same",
    Verdict.ROUNDING: "same",
    Verdict.SAME_ANSWERS: "close",
    Verdict.SOME_CHANGED: "some",
    Verdict.DIFFERENT: "other",
    Verdict.NOT_COMPARABLE: "none",
    Verdict.DOES_NOT_LOAD: "other",
    Verdict.NOT_RUN: "none",
}


def as_html(findings: Findings) -> str:
    """The whole page. Its scripts are named by their hashes: the browser runs nothing else, and asks for nothing."""
    scripts = [get_plotlyjs(), _read("report.js")]
    found = plots(findings)
    return (
        _environment()
        .get_template("report.html")
        .render(
            findings=findings,
            title=f"Comparison of “{findings.run.name}”",
            asked=asked(findings.inputs, findings.job.result["rows"]),
            whose=_whose(findings),
            command=command(findings.job, findings.inputs, dict(findings.tolerances)),
            needs_file=needs_file(findings.inputs),
            cards=[_card(findings, id_) for id_ in findings.outcomes],
            tables=[_table(findings, output) for output in findings.outputs],
            glossary=GROUPS,
            plots=found,
            plotly=version("plotly"),
            policy="; ".join(_policy(scripts)),
            style=Markup(_read("report.css")),
            scripts=[Markup(script) for script in scripts],
        )
    )


@cache
def _environment() -> Environment:
    one = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    one.trim_blocks = one.lstrip_blocks = True
    words = {"size": size, "duration": duration, "moment": moment, "counted": counted, "plain_number": plain_number}
    one.filters |= words
    return one


@cache
def _read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _policy(scripts: list[str]) -> list[str]:
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return ["default-src 'none'", f"script-src {allowed}", "style-src 'unsafe-inline'", "img-src data: blob:"]


def _whose(findings: Findings) -> str:
    name = findings.names[findings.baseline]
    return live_words(findings.run.name, findings.run) if findings.baseline == findings.run.id else name


def _card(findings: Findings, id_: str) -> dict[str, Any]:
    outcome, record = findings.outcomes[id_], findings.artifacts.get(id_)
    verdict = Verdict(outcome["verdict"])
    passed = findings.passed.get(id_, {})
    return {
        "id": id_,
        "name": findings.names[id_],
        "verdict": verdict_words(verdict, outcome["changed_rows"], outcome["rows"], outcome["error"]),
        "meaning": meaning(verdict, outcome["error"]),
        "tone": TONES[verdict],
        "outcome": outcome,
        "error": outcome["error"],
        "warning": _not_finite(outcome["not_finite"]),
        "remarks": remarks(outcome, findings.job.request["sources"].get(id_, "none")),
        "classes": [what_changed(one) for one in outcome["outputs"] if one["classes"]],
        "record": record,
        "saved_with": _saved_with(record),
        "passed": all(one["passed"] for one in passed.values()) if passed else None,
    }


def _not_finite(count: int) -> str:
    return f"{count:,} numbers in its answers are NaN or infinite." if count else ""


def _saved_with(record: Artifact | None) -> str:
    return ", ".join(f"{name} {one}" for name, one in record.versions.items()) if record else ""


def _table(findings: Findings, output: str) -> dict[str, Any]:
    """All numbers on one output: groups of lines, in each the number's name and meaning, and a cell for each copy."""
    numbers = findings.outputs[output]
    groups = {
        title: [(one.label, one.means, [one.of(of_copy) for of_copy in numbers.values()]) for one in lines]
        for title, lines in GROUPS.items()
    }
    if not any(one["classes"] for one in numbers.values()):
        del groups["Classes"]
    wanted = findings.tolerances.get(output, findings.tolerances.get(""))
    if wanted:
        cells = [in_tolerance(findings.passed.get(id_, {}).get(output)) for id_ in numbers]
        means = f"Whether every number is within {wanted.words} of the baseline's."
        groups["How far apart"].append((f"Within {wanted.words}", means, cells))
    return {"output": output, "names": [findings.names[id_] for id_ in numbers], "groups": groups}
