"""The report as one HTML file that loads nothing from outside.

Its plots are the figures of the pages as JSON, which a script in the file draws when they are scrolled into view.
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
from core.compatibility.losses import Loss
from core.environments.judge import ElsewhereOutcome, describe_lock
from core.environments.machines import label_asked
from core.evidence.records import describe_not_finite
from core.figures.comparison import TitledFigure, output_figures, titled_accuracy, titled_pairwise_matrix
from core.grading import GRADE_HELP, Grade
from core.jobs.places.place import PlaceFacts
from core.library import Artifact
from core.report.data import ReportData, describe_inputs
from core.report.repeat_command import make_repeat_command, needs_inputs_file
from core.text.labels import format_timestamp, live_model_phrase, pluralize
from core.text.metrics import CLASSIFICATION_METRICS, CLOSENESS_METRICS, DISTANCE_METRICS, WORST_VALUE_METRICS
from core.text.numbers import format_duration, format_number, format_size
from core.text.summaries import describe_batch, list_caveats, summarize_changes
from core.text.verdicts import tolerance_label, verdict_label, verdict_meaning


class ReportPlot(NamedTuple):
    """A figure's title, a sentence on how to read it, its height in pixels, and its JSON, safe inside a script."""

    title: str
    reads: str
    height: int
    json: Markup

    @classmethod
    def from_figure(cls, titled: TitledFigure, output: str = "") -> "ReportPlot":
        # Background, text colour and font come from the style sheet, light or dark.
        figure = titled.figure.update_layout(template=None, paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)")
        title = titled.title + (f" · {output}" if output else "")
        return cls(
            title, titled.explanation, int(figure.layout.height), Markup(figure.to_json().replace("<", "\\u003c"))
        )


class ReportPlots(NamedTuple):
    """Plots of all copies, plots of one copy and output by title, and the titles of those that are bit-identical."""

    all_copies: list[ReportPlot]
    by_copy: dict[str, list[ReportPlot]]
    identical: list[str]


def draw_plots(data: ReportData) -> ReportPlots:
    """Draw all plots of a comparison; bit-identical outputs have none."""
    has_many_outputs = len(data.outputs) > 1
    by_copy, distances, identical = {}, {}, []
    for output, numbers in data.outputs.items():
        for id_, metrics in numbers.items():
            title = data.names[id_] + (f" · {output}" if has_many_outputs else "")
            if metrics["identical"]:
                identical.append(title)
            elif metrics["histogram"]:
                distances[title] = float(metrics["atol_needed"])
                figures = output_figures(metrics, data.run.labels, data.names[id_])
                by_copy[title] = [ReportPlot.from_figure(figure) for figure in figures]
    # The page opens the first: the copy that is furthest off.
    furthest = sorted(by_copy, key=lambda title: distances[title], reverse=True)
    overview = list(_draw_overview(data, has_many_outputs))
    return ReportPlots(overview, {title: by_copy[title] for title in furthest}, identical)


def _draw_overview(data: ReportData, has_many_outputs: bool) -> Iterator[ReportPlot]:
    if len(data.job.result["matrix"]["ids"]) > 1:
        yield ReportPlot.from_figure(titled_pairwise_matrix(data.job.result["matrix"], data.names))
    for output, numbers in data.outputs.items():
        if figure := titled_accuracy(numbers, data.names, data.baseline):
            yield ReportPlot.from_figure(figure, output if has_many_outputs else "")


TEMPLATE_FOLDER = Path(__file__).parent / "templates"
METRIC_GROUPS = {
    "How far apart": DISTANCE_METRICS,
    "Relative to the values": CLOSENESS_METRICS,
    "Where the largest difference is": WORST_VALUE_METRICS,
    "Classes": CLASSIFICATION_METRICS,
}
# The style class of a verdict.
TONE_BY_VERDICT = {
    Verdict.BIT_IDENTICAL: "same",
    Verdict.ROUNDING: "same",
    Verdict.SAME_ANSWERS: "close",
    Verdict.SOME_CHANGED: "some",
    Verdict.DIFFERENT: "other",
    Verdict.NOT_COMPARABLE: "none",
    Verdict.DOES_NOT_LOAD: "other",
    Verdict.NOT_RUN: "none",
    Verdict.NOT_VERIFIED: "none",
}


def render_html(data: ReportData) -> str:
    """Return the page as text. Its policy names its scripts by hash: a browser runs no others, and loads nothing."""
    scripts = [get_plotlyjs(), read_template("report.js")]
    return (
        template_environment()
        .get_template("report.html")
        .render(
            report=data,
            title=f"Comparison of “{data.run.name}”",
            inputs_text=describe_inputs(data.inputs, data.job.result["rows"]),
            baseline_label=_baseline_label(data),
            command=make_repeat_command(data.job, data.inputs, dict(data.tolerances)),
            needs_file=needs_inputs_file(data.inputs),
            cards=[_verdict_card(data, id_) for id_ in data.outcomes],
            tables=[_metric_table(data, output) for output in data.outputs],
            glossary=METRIC_GROUPS,
            grade_help=GRADE_HELP,
            plots=draw_plots(data),
            plotly=version("plotly"),
            policy="; ".join(_content_security_policy(scripts)),
            style=Markup(read_template("report.css")),
            scripts=[Markup(script) for script in scripts],
        )
    )


@cache
def template_environment() -> Environment:
    """The templates of reports, with the filters that they use."""
    environment = Environment(loader=FileSystemLoader(TEMPLATE_FOLDER), autoescape=True, undefined=StrictUndefined)
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters |= {
        "size": format_size,
        "duration": format_duration,
        "moment": format_timestamp,
        "counted": pluralize,
        "plain_number": format_number,
    }
    return environment


@cache
def read_template(name: str) -> str:
    """The text of a file among the templates."""
    return (TEMPLATE_FOLDER / name).read_text(encoding="utf-8")


def _content_security_policy(scripts: list[str]) -> list[str]:
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return ["default-src 'none'", f"script-src {allowed}", "style-src 'unsafe-inline'", "img-src data: blob:"]


def _baseline_label(data: ReportData) -> str:
    name = data.names[data.baseline]
    return live_model_phrase(data.run.name, data.run) if data.baseline == data.run.id else name


class VerdictCard(NamedTuple):
    """One copy: its verdict in words, its outcome, and what to know of it; `passed` is None without a tolerance.

    `elsewhere` is by the environment's label what it answered there, in words.
    """

    id: str
    name: str
    verdict: str
    grade: Grade | None
    losses: list[Loss]
    meaning: str
    tone: str
    outcome: dict[str, Any]
    error: dict[str, str] | None
    warning: str
    where: str
    remarks: list[str]
    classes: list[str]
    record: Artifact | None
    saved_with: str
    passed: bool | None
    elsewhere: dict[str, str]


def _verdict_card(data: ReportData, id_: str) -> VerdictCard:
    outcome, record = data.outcomes[id_], data.artifacts.get(id_)
    verdict = Verdict(outcome["verdict"])
    passed, source = data.passed.get(id_, {}), data.job.request["sources"].get(id_, "none")
    return VerdictCard(
        id=id_,
        name=data.names[id_],
        verdict=verdict_label(verdict, outcome["changed_rows"], outcome["rows"], outcome["error"]),
        grade=Grade.model_validate(outcome["grade"]) if outcome.get("grade") else None,
        losses=data.losses[id_],
        meaning=verdict_meaning(verdict, outcome["error"]),
        tone=TONE_BY_VERDICT[verdict],
        outcome=outcome,
        error=outcome["error"],
        warning=describe_not_finite(outcome["not_finite"]),
        where=_describe_place(outcome),
        remarks=[describe_batch(outcome), *list_caveats(outcome, source)],
        classes=[summarize_changes(metrics) for metrics in outcome["outputs"] if metrics["classes"]],
        record=record,
        saved_with=_format_versions(record),
        passed=all(check["passed"] for check in passed.values()) if passed else None,
        elsewhere={label_asked(key): _describe_answer(a) for key, a in data.elsewhere.get(id_, {}).items()},
    )


def _describe_answer(answer: ElsewhereOutcome) -> str:
    """Say what a copy answered in an environment, and under which packages, which a summary says where they changed."""
    lock = "" if answer.lock_note else describe_lock(answer.environment, answer.lock)
    return f"{answer.summary} {lock}".strip()


def _describe_place(outcome: dict[str, Any]) -> str:
    """Where a copy was asked to predict that was not asked here; empty for one that was."""
    if not outcome.get("place"):
        return ""
    facts = PlaceFacts.model_validate(outcome["place"])
    return facts.words_without_answer if outcome["error"] else facts.words


def _format_versions(record: Artifact | None) -> str:
    return ", ".join(f"{name} {version_}" for name, version_ in record.versions.items()) if record else ""


class MetricTable(NamedTuple):
    """The metrics of one output: groups of lines, each with its label, meaning, and a cell for each copy."""

    output: str
    names: list[str]
    groups: dict[str, list[tuple[str, str, list[str]]]]


def _metric_table(data: ReportData, output: str) -> MetricTable:
    numbers = data.outputs[output]
    groups = {
        title: [
            (metric.label, metric.description, [metric.format_from(of_copy) for of_copy in numbers.values()])
            for metric in metrics
        ]
        for title, metrics in METRIC_GROUPS.items()
    }
    if not any(of_copy["classes"] for of_copy in numbers.values()):
        del groups["Classes"]
    if tolerance := data.tolerances.get(output, data.tolerances.get("")):
        cells = [tolerance_label(data.passed.get(id_, {}).get(output)) for id_ in numbers]
        meaning = f"Whether every number is within {tolerance.label} of the baseline's."
        groups["How far apart"].append((f"Within {tolerance.label}", meaning, cells))
    return MetricTable(output, [data.names[id_] for id_ in numbers], groups)
