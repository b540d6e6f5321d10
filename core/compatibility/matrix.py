"""What survived, as a matrix: a row for each format of a run, a cell for each question. Nothing here is quoted."""

import csv
import io
from collections.abc import Callable
from typing import Any, NamedTuple

from core.compatibility import findings
from core.compatibility.findings import Finding, ReloadContext
from core.evidence import Evidence
from core.formats import all_formats, get_format
from core.library import Library, Query, Run
from core.runtimes import reference, traits
from core.text.labels import mark_imported
from core.worker.tasks import probes


class MatrixColumn(NamedTuple):
    """One question: what was tried, who judges what came back, and the code that tried it (None: the format's load)."""

    key: str
    label: str
    description: str
    check: Callable[[ReloadContext], Finding]
    probe: Callable[..., Any] | None = None


CONFIG_DESCRIPTION = "The config of the loaded model was held against the original's."
HASHES_DESCRIPTION = "The SHA-256 of every tensor was held against the original's, before the first answer."
COMPILE_DESCRIPTION = "Optimizer settings, loss and metrics of the loaded model were held against the original's."

COLUMNS = (
    MatrixColumn("answers", "Answers", "All held-out rows were asked.", findings.check_predictions),
    MatrixColumn(
        "architecture", "Architecture", CONFIG_DESCRIPTION, findings.check_architecture, traits.collect_traits
    ),
    MatrixColumn("weights", "Weights", HASHES_DESCRIPTION, findings.check_weights, reference.fingerprint_arrays),
    MatrixColumn(
        "optimizer", "Optimizer state", HASHES_DESCRIPTION, findings.check_optimizer, reference.fingerprint_arrays
    ),
    MatrixColumn(
        "compile", "Compile settings", COMPILE_DESCRIPTION, findings.check_compile_settings, traits.collect_traits
    ),
    MatrixColumn(
        "code",
        "Without your code",
        "It was loaded in a process with none of the model's code.",
        findings.check_loads_without_code,
    ),
    MatrixColumn(
        "vocabulary",
        "Vocabulary",
        "The words of every lookup layer were hashed.",
        findings.check_vocabulary,
        traits.collect_traits,
    ),
    MatrixColumn(
        "signatures", "Names and shapes", "Names, dtypes and shapes of inputs and outputs.", findings.check_signatures
    ),
    MatrixColumn(
        "batch",
        "Any batch size",
        "1, 7 and 64 rows were asked at once.",
        findings.check_batch_sizes,
        probes.probe_batch_sizes,
    ),
    MatrixColumn(
        "trainable",
        "Trains on",
        "One step on the original's rows.",
        findings.check_training_step,
        probes.train_one_step,
    ),
    MatrixColumn(
        "policy",
        "Dtype policy",
        "The dtype policy of every layer was read.",
        findings.check_dtype_policy,
        traits.collect_traits,
    ),
    MatrixColumn(
        "strings", "Takes text", "It was asked with text, where the model takes text.", findings.check_text_inputs
    ),
    MatrixColumn(
        "repeats",
        "Deterministic",
        "The same rows were asked twice.",
        findings.check_determinism,
        probes.probe_determinism,
    ),
)

# Which column checks which part of a format's claim.
CLAIM_COLUMNS = {
    "architecture": "architecture",
    "weights": "weights",
    "optimizer state": "optimizer",
    "compile settings": "compile",
    "graph": "code",
    "signatures": "signatures",
}


class MatrixRow(NamedTuple):
    """One format of a run: its cells by column; `sentence` says why there is no copy, or why it did not load."""

    format: str
    artifact: str | None
    cells: dict[str, Finding]
    sentence: str = ""
    trust: str = "ours"

    @property
    def name(self) -> str:
        """The format's key, and whether the copy was brought in."""
        return mark_imported(self.format, self)

    def find_contradictions(self) -> list[str]:
        """Parts that the format claims to keep, and that this evidence shows to be lost."""
        if self.sentence:
            return []
        claims = get_format(self.format).keeps & CLAIM_COLUMNS.keys()
        return sorted(part for part in claims if self.cells[CLAIM_COLUMNS[part]].state == "lost")

    def to_json(self) -> dict[str, Any]:
        cells = {key: cell._asdict() for key, cell in self.cells.items()}
        facts = {"format": self.format, "artifact": self.artifact, "trust": self.trust, "sentence": self.sentence}
        return facts | {"contradictions": self.find_contradictions(), "cells": cells}


def build_row(run: Run, format_key: str, artifact_id: str, evidence: Evidence) -> MatrixRow:
    """The cells of one artifact."""
    # Everything was tried on the first reload that came back, which need not be the one with the better verdict.
    best = evidence.without_code if evidence.without_code.has_loaded else evidence.best
    if not best.has_loaded:
        return _build_failed_row(run, format_key, artifact_id, (best.error or {}).get("sentence", "It did not load."))
    found = ReloadContext(run, get_format(format_key), evidence, best)
    cells = {one.key: one.check(found) for one in COLUMNS}
    return MatrixRow(format_key, artifact_id, cells, trust=run.trust)


def _build_failed_row(run: Run, format_key: str, artifact_id: str | None, sentence: str) -> MatrixRow:
    cells = {one.key: Finding("failed", sentence) for one in COLUMNS}
    return MatrixRow(format_key, artifact_id, cells, sentence, run.trust)


def build_matrix(library: Library, run_id: str) -> list[MatrixRow]:
    """A row for each format in which a run was saved (its newest copy) or which refused it, in the registry's order."""
    run = library.run(run_id)
    rows = {
        key: _build_failed_row(run, key, None, found["error"]["sentence"])
        for key, found in library.refusals(run_id).items()
    }
    copies = [entry for entry in library.page(Query(run=run_id, size=None)).entries if not entry.problem]
    for newest in {entry.format: entry for entry in reversed(copies)}.values():
        rows[newest.format] = build_row(run, newest.format, newest.id, library.evidence(newest.id))
    order = [one.key for one in all_formats()]
    return sorted(rows.values(), key=lambda one: order.index(one.format) if one.format in order else len(order))


def to_table(rows: list[MatrixRow]) -> list[list[str]]:
    """Header and rows as text: each cell its sign, its state and its words."""
    header = ["format", *(column.label for column in COLUMNS)]
    return [header, *([one.name, *(_cell_text(one.cells[column.key]) for column in COLUMNS)] for one in rows)]


def _cell_text(cell: Finding) -> str:
    return f"{cell.text}: {cell.words}"


def to_markdown(rows: list[MatrixRow]) -> str:
    header, *body = to_table(rows)
    lines = [header, ["---"] * len(header), *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def to_csv(rows: list[MatrixRow]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(to_table(rows))
    return out.getvalue()
