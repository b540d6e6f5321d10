"""Rows of a sweep: one copy of one model, asked in one environment on one machine."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel

from core.compare import Verdict
from core.environments.judge import ElsewhereOutcome
from core.environments.machines import THIS_MACHINE
from core.environments.own import HERE
from core.errors import CannotSave, NeedsArchitecture, PackageMissing, Refused, RoundtripError, error_from_json
from core.text.labels import pluralize
from core.text.verdicts import verdict_label
from core.upgrade.rows import ALIKE_VERDICTS, PROCESS_ERRORS, UpgradeRow
from core.upgrade.rows import Status as UpgradeStatus

# Exit status by the worst row, in the order 4, 3, 5, 0, as of an upgrade; 1 and 2 are the command's own errors.
EXIT_CHANGED, EXIT_DOES_NOT_LOAD, EXIT_NOT_VERIFIED = 3, 4, 5


class Status(StrEnum):
    """What became of a row, the best first."""

    ALIKE = "alike"
    CHANGED = "changed"
    NOT_COMPARABLE = "not-comparable"
    DOES_NOT_LOAD = "does-not-load"
    NOT_SAVED = "not-saved"
    NOT_TAKEN = "not-taken"
    REFUSED = "refused"
    NOT_VERIFIED = "not-verified"


LABELS = {
    Status.ALIKE: "Answers the same",
    Status.CHANGED: "Answers changed",
    Status.NOT_COMPARABLE: Verdict.NOT_COMPARABLE.label,
    Status.DOES_NOT_LOAD: "Does not load",
    Status.NOT_SAVED: "Not saved in this format",
    Status.NOT_TAKEN: "Not asked",
    Status.REFUSED: "Refused, not run",
    Status.NOT_VERIFIED: "Not verified",
}
UPGRADE_STATUSES = {
    UpgradeStatus.ALIKE: Status.ALIKE,
    UpgradeStatus.CHANGED: Status.CHANGED,
    UpgradeStatus.NOT_COMPARABLE: Status.NOT_COMPARABLE,
    UpgradeStatus.DOES_NOT_LOAD: Status.DOES_NOT_LOAD,
    UpgradeStatus.NOT_A_MODEL: Status.REFUSED,
    UpgradeStatus.REFUSED: Status.REFUSED,
    UpgradeStatus.NOT_VERIFIED: Status.NOT_VERIFIED,
}

VERDICT_STATUSES = {Verdict.NOT_COMPARABLE: Status.NOT_COMPARABLE, Verdict.DOES_NOT_LOAD: Status.DOES_NOT_LOAD}


class RowKey(NamedTuple):
    """What a row is of: a model by its name, and keys of a format, an environment and a machine."""

    model: str
    format: str = ""
    environment: str = HERE
    machine: str = THIS_MACHINE


class SweepRow(BaseModel):
    """One row. `bytes` are those of the copy, `seconds` those that we waited; `code` is that of the error.

    `is_passing` says that a fault stopped it that need not come again, `is_reused` that it was known before, and
    `tries` how often it was asked in this sweep.
    """

    model: str
    format: str = ""
    environment: str = HERE
    machine: str = THIS_MACHINE
    status: Status
    verdict: str = ""
    label: str = ""
    changed_rows: int | None = None
    rows: int | None = None
    bytes: int = 0
    seconds: float = 0.0
    cause: str = ""
    cure: str = ""
    code: str = ""
    run: str = ""
    artifact: str = ""
    is_passing: bool = False
    is_reused: bool = False
    tries: int = 1

    @property
    def key(self) -> RowKey:
        return RowKey(self.model, self.format, self.environment, self.machine)

    @property
    def is_changed(self) -> bool:
        return self.status is Status.CHANGED


def failed_row(key: RowKey, error: RoundtripError, **facts: object) -> SweepRow:
    """Return the row of what could not be asked, with its cause and its cure."""
    status = Status.NOT_VERIFIED
    if isinstance(error, Refused):
        status = Status.REFUSED
    elif isinstance(error, NeedsArchitecture):
        status = Status.NOT_TAKEN
    return _row_of_error(key, status, error, **facts)


def unsaved_row(key: RowKey, error: RoundtripError, **facts: object) -> SweepRow:
    """Return the row of a copy that could not be saved; only then does a missing package speak of the format."""
    if isinstance(error, CannotSave | PackageMissing):
        return _row_of_error(key, Status.NOT_SAVED, error, **facts)
    return failed_row(key, error, **facts)


def _row_of_error(key: RowKey, status: Status, error: RoundtripError, **facts: object) -> SweepRow:
    texts = {"cause": error.sentence, "cure": error.cure, "code": error.code, "is_passing": error.is_transient}
    return SweepRow(**{**key._asdict(), "status": status, "label": LABELS[status], **texts, **facts})


def judged_row(
    key: RowKey, verdict: Verdict, changed: int | None, rows: int | None, error: dict[str, str] | None, **facts: object
) -> SweepRow:
    """Return the row of a copy that was asked, or that did not load."""
    problem = error_from_json(error) if error else None
    texts = {} if problem is None else {"cause": problem.sentence, "cure": problem.cure, "code": problem.code}
    status = _status_of(verdict, problem)
    return SweepRow(
        **key._asdict(),
        status=status,
        verdict=verdict.value,
        label=verdict_label(verdict, changed, rows, error),
        changed_rows=changed,
        rows=rows,
        is_passing=bool(problem and problem.is_transient),
        **{**texts, **facts},
    )


def _status_of(verdict: Verdict, problem: RoundtripError | None) -> Status:
    """A process that ended tells nothing for good: the system may have stopped it."""
    if verdict in ALIKE_VERDICTS:
        return Status.ALIKE
    if verdict in (Verdict.NOT_VERIFIED, Verdict.NOT_RUN) or (problem and problem.code in PROCESS_ERRORS):
        return Status.NOT_VERIFIED
    return VERDICT_STATUSES.get(verdict, Status.CHANGED)


def outcome_row(key: RowKey, outcome: ElsewhereOutcome, **facts: object) -> SweepRow:
    """Return the row of a copy that was asked in an environment."""
    cause = {} if outcome.error else {"cause": outcome.cause}
    seconds = {"seconds": outcome.total_seconds, **cause, **facts}
    return judged_row(key, outcome.verdict, outcome.changed_rows, outcome.rows, outcome.error, **seconds)


def upgrade_row(key: RowKey, row: UpgradeRow) -> SweepRow:
    """Return the row of a model that was asked before and after an upgrade."""
    cure = row.proven_cure or next(iter(row.cures), None)
    proven = "Cured, and proven there: " if cure and cure.is_proven else ""
    outcome, error = row.outcome, row.error or (row.outcome.error if row.outcome else None)
    return SweepRow(
        **key._replace(format=row.format)._asdict(),
        status=UPGRADE_STATUSES.get(row.status, Status.NOT_TAKEN),
        verdict=outcome.verdict.value if outcome else "",
        label=row.label,
        changed_rows=outcome.changed_rows if outcome else None,
        rows=outcome.rows if outcome else None,
        bytes=row.bytes,
        seconds=row.seconds,
        cause=row.cause,
        cure=f"{proven}{cure.sentence}" if cure else (error or {}).get("cure", ""),
        code=(error or {}).get("code", ""),
        is_passing=row.status is UpgradeStatus.NOT_VERIFIED and bool(error and error_from_json(error).is_transient),
        is_reused=row.is_reused,
    )


def exit_status(rows: Iterable[SweepRow]) -> int:
    """Return 0 where every row answers the same, else the number of the worst."""
    statuses = {row.status for row in rows}
    if Status.DOES_NOT_LOAD in statuses:
        return EXIT_DOES_NOT_LOAD
    if Status.CHANGED in statuses:
        return EXIT_CHANGED
    return EXIT_NOT_VERIFIED if statuses - {Status.ALIKE} else 0


def summarize_sweep(rows: Iterable[SweepRow]) -> str:
    """Say how many rows answer the same, and what became of the others."""
    return summarize_counts(Counter(row.status.value for row in rows))


def summarize_counts(counts: Counter[str]) -> str:
    """Say the same of rows that are counted by their status."""
    parts = [f"{counts[Status.ALIKE]:,} of {pluralize(counts.total(), 'row')} answer the same."]
    others = (status for status in Status if status is not Status.ALIKE and counts[status])
    return " ".join([*parts, *(f"{LABELS[status]}: {counts[status]:,}." for status in others)])


def sort_rows(rows: Iterable[SweepRow]) -> list[SweepRow]:
    """Return rows by model, format, environment and machine; of one that was asked again the last."""
    newest = {row.key: row for row in rows}
    return [newest[key] for key in sorted(newest)]
