"""HTML report.

The plots of a report: the same figures as on the pages, as data that the page draws when it is looked at.

A report for people: one HTML file with everything in it, which asks for nothing from outside.
"""

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from core.compare import Verdict
from core.figures import Titled, all_against_all, of_one, right_answers
from core.library import Artifact
from core.report.data import Findings, asked, command, needs_file
from core.text.labels import counted, duration, live_words, meaning, moment, size, verdict_words
from core.text.metrics import CLASSES, CLOSENESS, DISTANCES, WORST, in_tolerance, plain_number
from core.text.summaries import remarks, what_changed


class Plot(NamedTuple):
    """A figure's title, a sentence on how to read it, its height in pixels, and its JSON, safe inside a script."""

    title: str
    reads: str
    height: int
    json: Markup

    @classmethod
    def of(cls, titled: Titled, output: str = "") -> "Plot":
        # The page itself gives ground, ink and letters, of day and of night.
        figure = titled.figure.update_layout(template=None, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)")
        title = titled.title + (f" · {output}" if output else "")
        return cls(title, titled.reads, int(figure.layout.height), Markup(figure.to_json().replace("<", "\\u003c")))


class Plots(NamedTuple):
    """`together` are of all copies, `each` those of one copy and output by their title; `same` are copies without."""

    together: list[Plot]
    each: dict[str, list[Plot]]
    same: list[str]


def plots(findings: Findings) -> Plots:
    """All plots of a comparison. Of what is bit-identical there is nothing to draw."""
    many = len(findings.outputs) > 1
    each, far, same = {}, {}, []
    for output, numbers in findings.outputs.items():
        for id_, one in numbers.items():
            title = findings.names[id_] + (f" · {output}" if many else "")
            if one["identical"]:
                same.append(title)
            elif one["histogram"]:
                far[title] = float(one["atol_needed"])
                each[title] = [Plot.of(drawn) for drawn in of_one(one, findings.run.labels, findings.names[id_])]
    # The page opens the first: the copy that is furthest off.
    furthest = sorted(each, key=far.get, reverse=True)
    return Plots(list(_together(findings, many)), {title: each[title] for title in furthest}, same)


def _together(findings: Findings, many: bool) -> Iterator[Plot]:
    if len(findings.job.result["matrix"]["ids"]) > 1:
        yield Plot.of(all_against_all(findings.job.result["matrix"], findings.names))
    for output, numbers in findings.outputs.items():
        if drawn := right_answers(numbers, findings.names, findings.baseline):
            yield Plot.of(drawn, output if many else "")


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
