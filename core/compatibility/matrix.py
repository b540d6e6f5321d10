"""Formats × findings: a row for each format of a run, a cell for each finding, all of them measured."""

import csv
import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, TypedDict

from core.compare import Verdict
from core.compatibility.checks import COLUMNS
from core.compatibility.columns import (
    Finding,
    FindingJson,
    MatrixColumn,
    ReloadContext,
    changed,
    failed,
    kept,
    not_applicable,
    not_verified,
)
from core.compatibility.machines import MachineVerdict, describe_machines_asked
from core.environments.judge import ElsewhereOutcome
from core.environments.machines import label_asked, sort_asked
from core.environments.own import HERE
from core.errors import error_from_json
from core.evidence.records import Evidence, ReloadOutcome, describe_not_finite, verdict_of_error
from core.formats import all_formats, get_format
from core.formats.base import CONVERTED_WEIGHTS
from core.library import Library, Query, Run
from core.text.labels import capitalize_first, mark_imported

# Which column checks which part of a format's claim.
CLAIM_COLUMNS = {
    "architecture": "architecture",
    "weights": "weights",
    CONVERTED_WEIGHTS: "weights",
    "optimizer state": "optimizer",
    "compile settings": "compile",
    "graph": "code",
    "signatures": "signatures",
}


NOT_ASKED = not_applicable("It was not asked there.")
# What a column is called in a sentence, where its label would not read as a noun.
COLUMN_NOUNS = {
    "code": "loading without your code",
    "batch": "answering at any batch size",
    "trainable": "further training",
    "strings": "text inputs",
    "repeats": "the same answer twice",
}


class MatrixRowJson(TypedDict):
    """A row in `--json`: beside its fields, the parts whose claim this evidence contradicts."""

    format: str
    artifact: str | None
    trust: str
    sentence: str
    contradictions: list[str]
    cells: dict[str, FindingJson]
    elsewhere: dict[str, FindingJson]
    machines: str


class MatrixRow(NamedTuple):
    """One format of a run: its cells by column; `sentence` says why there is no copy, or why it did not load.

    `elsewhere` is by environment what was found out about its answers there, where it was asked; `machines` says in a
    sentence how it answers on several, where it was asked on any other than this. `not_finite` counts the numbers of
    its answers that are NaN or infinite.
    """

    format: str
    artifact: str | None
    cells: dict[str, Finding]
    sentence: str = ""
    trust: str = "ours"
    elsewhere: Mapping[str, Finding] = MappingProxyType({})
    machines: str = ""
    not_finite: int = 0

    @property
    def name(self) -> str:
        """The format's key, and whether the artifact is imported."""
        return mark_imported(self.format, self)

    def find_contradictions(self) -> list[str]:
        """List the parts that the format claims to keep, and that this evidence shows to be lost."""
        if self.sentence:
            return []
        claims = get_format(self.format).keeps & CLAIM_COLUMNS.keys()
        return sorted(part for part in claims if self.cells[CLAIM_COLUMNS[part]].state == "lost")

    def to_json(self) -> MatrixRowJson:
        return {
            "format": self.format,
            "artifact": self.artifact,
            "trust": self.trust,
            "sentence": self.sentence,
            "contradictions": self.find_contradictions(),
            "cells": {key: cell.to_json() for key, cell in self.cells.items()},
            "elsewhere": {key: cell.to_json() for key, cell in self.elsewhere.items()},
            "machines": self.machines,
        }


def summarize_row(row: MatrixRow) -> str:
    """Say in a sentence what a copy lost and changed, why it does not answer, or why there is none.

    Another says how many of its answers are NaN or infinite, where any are.
    """
    if row.sentence:
        return row.sentence
    nouns: dict[str, list[str]] = {}
    for column in COLUMNS:
        nouns.setdefault(row.cells[column.key].state, []).append(name_column(column))
    clauses = [
        f"{verb} {_join(nouns[state])}"
        for state, verb in (("lost", "loses"), ("changed", "changes"), ("failed", "fails at"))
        if state in nouns
    ]
    text = "; ".join(clauses) or "everything that was tried came back as it was"
    return f"{capitalize_first(text)}. {describe_not_finite(row.not_finite)}".strip()


def name_column(column: MatrixColumn) -> str:
    """Return what a column is called in a sentence, where something is lost, changed or kept."""
    return COLUMN_NOUNS.get(column.key, column.label[:1].lower() + column.label[1:])


def _join(nouns: list[str]) -> str:
    *others, last = nouns
    return f"{', '.join(others)} and {last}" if others else last


def list_empty_columns(rows: list[MatrixRow]) -> list[MatrixColumn]:
    """List the columns that say nothing for this run: not applicable in every row."""
    return [column for column in COLUMNS if all(row.cells[column.key].state == "not applicable" for row in rows)]


def choose_outcome(evidence: Evidence) -> ReloadOutcome:
    """The reload on which everything was tried, which need not be the one with the better verdict."""
    best = evidence.without_code if evidence.without_code.has_loaded else evidence.best
    if evidence.completed and evidence.completed.has_answered and not best.has_answered:
        return evidence.completed  # half a model, which was given the layers of its run
    return best


def choose_reload(run: Run, format_key: str, evidence: Evidence) -> ReloadContext:
    """What the checks of one artifact look at."""
    return ReloadContext(run, get_format(format_key), evidence, choose_outcome(evidence))


def build_row(run: Run, format_key: str, artifact_id: str, evidence: Evidence) -> MatrixRow:
    """Check one artifact."""
    context = choose_reload(run, format_key, evidence)
    if not context.outcome.has_answered:
        return _build_failed_row(run, format_key, artifact_id, context.outcome.error)
    cells = {column.key: column.check(context) for column in COLUMNS}
    return MatrixRow(format_key, artifact_id, cells, trust=run.trust, not_finite=context.outcome.not_finite)


def _build_failed_row(
    run: Run, format_key: str, artifact_id: str | None, record: Mapping[str, str] | None
) -> MatrixRow:
    error = error_from_json(dict(record or {"sentence": "It did not load."}))
    is_limit = verdict_of_error(error) is Verdict.NOT_VERIFIED
    sentence = f"Not verified. {error}" if is_limit else error.sentence
    cells = {column.key: Finding("not verified" if is_limit else "failed", sentence) for column in COLUMNS}
    return MatrixRow(format_key, artifact_id, cells, sentence, run.trust)


def describe_elsewhere(outcome: ElsewhereOutcome) -> Finding:
    """Say what was found out about a copy's answers in an environment."""
    if outcome.is_unverified:
        return not_verified(outcome.summary)
    words = f"{outcome.summary} Its machine: {outcome.machine.words}." if outcome.machine else outcome.summary
    if outcome.error:
        return failed(words)
    return (kept if outcome.verdict.rank <= Verdict.ROUNDING.rank else changed)(words)


def build_matrix(
    library: Library, run_id: str, answers: Mapping[str, Mapping[str, ElsewhereOutcome]] = MappingProxyType({})
) -> list[MatrixRow]:
    """Build a row for each format in which a run was saved (its newest artifact) or which refused it, in the registry's
    order; `answers` are by artifact and environment what copies answered there."""
    run = library.run(run_id)
    rows = {
        key: _build_failed_row(run, key, None, refusal["error"]) for key, refusal in library.refusals(run_id).items()
    }
    entries = reversed(library.page(Query(run=run_id, size=None)).entries)
    newest = {entry.format: entry.id for entry in entries if entry.format and not entry.problem}
    rows |= {key: build_row(run, key, id_, library.evidence(id_)) for key, id_ in newest.items()}
    for key, id_ in newest.items():
        asked, best = answers.get(id_, {}), library.evidence(id_).best
        elsewhere = {name: describe_elsewhere(outcome) for name, outcome in asked.items()}
        here = MachineVerdict(HERE, best.verdict, best.changed_rows, best.rows)
        rows[key] = rows[key]._replace(elsewhere=elsewhere, machines=describe_machines_asked(asked, here))
    order = [format_.key for format_ in all_formats()]
    return sorted(rows.values(), key=lambda row: order.index(row.format) if row.format in order else len(order))


def list_environments_asked(rows: list[MatrixRow]) -> dict[str, str]:
    """Return by key the labels of the environments, also on other machines, in which any row was asked, in order."""
    return {key: label_asked(key) for key in sort_asked({key for row in rows for key in row.elsewhere})}


def to_table(rows: list[MatrixRow]) -> list[list[str]]:
    """Return header and rows as text: each cell its sign, its state and its words."""
    environments, has_machines = list_environments_asked(rows), any(row.machines for row in rows)
    header = ["format", *(column.label for column in COLUMNS), *(f"In {label}" for label in environments.values())]
    header += ["Over machines"] * has_machines
    body = []
    for row in rows:
        cells = [row.cells[column.key] for column in COLUMNS]
        cells += [row.elsewhere.get(key, NOT_ASKED) for key in environments]
        body.append([row.name, *(f"{cell.text}: {cell.words}" for cell in cells), *[row.machines] * has_machines])
    return [header, *body]


def to_markdown(rows: list[MatrixRow]) -> str:
    header, *body = to_table(rows)
    lines = [header, ["---"] * len(header), *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def to_csv(rows: list[MatrixRow]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(to_table(rows))
    return out.getvalue()
