"""What survived, as a matrix: a row for each format of a run, a cell for each question. Nothing here is quoted."""

import csv
import io
from collections.abc import Callable
from typing import Any, NamedTuple

from core.compatibility import findings
from core.compatibility.findings import Cell, Findings
from core.evidence import Evidence
from core.formats import all_formats, get_format
from core.library import Library, Query, Run
from core.runtimes import reference, traits
from core.text.labels import marked
from core.worker.tasks import probes


class Column(NamedTuple):
    """One question: what was tried, who judges what came back, and the code that tried it (None: the format's load)."""

    key: str
    label: str
    tried: str
    judge: Callable[[Findings], Cell]
    code: Callable[..., Any] | None = None


CONFIG = "The config of the loaded model was held against the original's."
HASHES = "The SHA-256 of every tensor was held against the original's, before the first answer."
COMPILED = "Optimizer settings, loss and metrics of the loaded model were held against the original's."

COLUMNS = (
    Column("answers", "Answers", "All held-out rows were asked.", findings.answers),
    Column("architecture", "Architecture", CONFIG, findings.architecture, traits.traits),
    Column("weights", "Weights", HASHES, findings.weights, reference.fingerprint),
    Column("optimizer", "Optimizer state", HASHES, findings.optimizer, reference.fingerprint),
    Column("compile", "Compile settings", COMPILED, findings.compile_settings, traits.traits),
    Column(
        "code", "Without your code", "It was loaded in a process with none of the model's code.", findings.needs_code
    ),
    Column(
        "vocabulary", "Vocabulary", "The words of every lookup layer were hashed.", findings.vocabulary, traits.traits
    ),
    Column("signatures", "Names and shapes", "Names, dtypes and shapes of inputs and outputs.", findings.signatures),
    Column("batch", "Any batch size", "1, 7 and 64 rows were asked at once.", findings.batches, probes.batch_sizes),
    Column("trainable", "Trains on", "One step on the original's rows.", findings.trainable, probes.one_step),
    Column("policy", "Dtype policy", "The dtype policy of every layer was read.", findings.policy, traits.traits),
    Column("strings", "Takes text", "It was asked with text, where the model takes text.", findings.strings),
    Column("repeats", "Deterministic", "The same rows were asked twice.", findings.repeats, probes.repeats),
)

# Which column checks which part of a format's claim.
CLAIMS = {
    "architecture": "architecture",
    "weights": "weights",
    "optimizer state": "optimizer",
    "compile settings": "compile",
    "graph": "code",
    "signatures": "signatures",
}


class Row(NamedTuple):
    """One format of a run: its cells by column; `sentence` says why there is no copy, or why it did not load."""

    format: str
    artifact: str | None
    cells: dict[str, Cell]
    sentence: str = ""
    trust: str = "ours"

    @property
    def name(self) -> str:
        """The format's key, and whether the copy was brought in."""
        return marked(self.format, self)

    def contradictions(self) -> list[str]:
        """Parts that the format claims to keep, and that this evidence shows to be lost."""
        if self.sentence:
            return []
        claims = get_format(self.format).keeps & CLAIMS.keys()
        return sorted(part for part in claims if self.cells[CLAIMS[part]].state == "lost")

    def to_json(self) -> dict[str, Any]:
        cells = {key: cell._asdict() for key, cell in self.cells.items()}
        facts = {"format": self.format, "artifact": self.artifact, "trust": self.trust, "sentence": self.sentence}
        return facts | {"contradictions": self.contradictions(), "cells": cells}


def row(run: Run, format_key: str, artifact_id: str, evidence: Evidence) -> Row:
    """The cells of one artifact."""
    # Everything was tried on the first reload that came back, which need not be the one with the better verdict.
    best = evidence.without_code if evidence.without_code.loads else evidence.best
    if not best.loads:
        return _failed(run, format_key, artifact_id, (best.error or {}).get("sentence", "It did not load."))
    found = Findings(run, get_format(format_key), evidence, best)
    cells = {one.key: one.judge(found) for one in COLUMNS}
    return Row(format_key, artifact_id, cells, trust=run.trust)


def _failed(run: Run, format_key: str, artifact_id: str | None, sentence: str) -> Row:
    cells = {one.key: Cell("failed", sentence) for one in COLUMNS}
    return Row(format_key, artifact_id, cells, sentence, run.trust)


def matrix(library: Library, run_id: str) -> list[Row]:
    """A row for each format in which a run was saved (its newest copy) or which refused it, in the registry's order."""
    run = library.run(run_id)
    rows = {key: _failed(run, key, None, found["error"]["sentence"]) for key, found in library.refusals(run_id).items()}
    copies = [entry for entry in library.page(Query(run=run_id, size=None)).entries if not entry.problem]
    for newest in {entry.format: entry for entry in reversed(copies)}.values():
        rows[newest.format] = row(run, newest.format, newest.id, library.evidence(newest.id))
    order = [one.key for one in all_formats()]
    return sorted(rows.values(), key=lambda one: order.index(one.format) if one.format in order else len(order))


def as_table(rows: list[Row]) -> list[list[str]]:
    """Header and rows as text: each cell its sign, its state and its words."""
    header = ["format", *(column.label for column in COLUMNS)]
    return [header, *([one.name, *(_said(one.cells[column.key]) for column in COLUMNS)] for one in rows)]


def _said(cell: Cell) -> str:
    return f"{cell.text}: {cell.words}"


def as_markdown(rows: list[Row]) -> str:
    header, *body = as_table(rows)
    lines = [header, ["---"] * len(header), *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def as_csv(rows: list[Row]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(as_table(rows))
    return out.getvalue()
