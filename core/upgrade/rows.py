"""What an upgrade does to models: a row for each, all of them in one sentence, and the exit status for a pipeline."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, Field

from core.compare import Verdict
from core.environments.judge import ElsewhereOutcome
from core.errors import ChildDied, WorkerError
from core.text.labels import pluralize
from core.text.verdicts import verdict_label

SCHEMA_VERSION = 3
ALIKE_VERDICTS = (Verdict.BIT_IDENTICAL, Verdict.ROUNDING, Verdict.SAME_ANSWERS)
PROCESS_ERRORS = (WorkerError.code, ChildDied.code)  # of the process that was asked, and not of the model


class Status(StrEnum):
    """What became of a model, the best first."""

    ALIKE = "alike"
    CHANGED = "changed"
    NOT_COMPARABLE = "not-comparable"
    DOES_NOT_LOAD = "does-not-load"
    NOT_LOADED_BEFORE = "not-loaded-before"
    NOT_TAKEN = "not-taken"
    NOT_A_MODEL = "not-a-model"
    REFUSED = "refused"
    NOT_VERIFIED = "not-verified"


LABELS = {
    Status.ALIKE: "Answers the same",
    Status.CHANGED: "Answers changed",
    Status.NOT_COMPARABLE: Verdict.NOT_COMPARABLE.label,
    Status.DOES_NOT_LOAD: "Does not load",
    Status.NOT_LOADED_BEFORE: "Does not load before the upgrade either",
    Status.NOT_TAKEN: "Not asked",
    Status.NOT_A_MODEL: "Not a model",
    Status.REFUSED: "Refused, not run",
    Status.NOT_VERIFIED: "Not verified",
}
VERDICT_STATUSES = {Verdict.NOT_COMPARABLE: Status.NOT_COMPARABLE, Verdict.DOES_NOT_LOAD: Status.DOES_NOT_LOAD}
JUDGED_STATUSES = (Status.ALIKE, Status.CHANGED, Status.NOT_COMPARABLE, Status.DOES_NOT_LOAD)
CureKind = Literal["compile-false", "rewritten-config", "saved-again", "saved-model", "stated-difference"]


class Cure(BaseModel):
    """One way to get a model over an upgrade, and what came of it there.

    `is_proven` says that the cured model was asked there and answered as expected; `file` is the name of what was
    written, empty where nothing was.
    """

    kind: CureKind
    sentence: str
    is_proven: bool = False
    outcome: ElsewhereOutcome | None = None
    error: dict[str, str] | None = None
    file: str = ""


class UpgradeRow(BaseModel):
    """One model: what it is, and what became of it.

    `expected_by` are the versions that gave the expected answers; `error` is why there are none. `rows` were drawn by
    seed, and `note` is what a reader should know of them. `is_reused` says that an earlier call had asked it.
    """

    name: str
    status: Status
    format: str = ""
    sha256: str = ""
    bytes: int = 0
    outcome: ElsewhereOutcome | None = None
    error: dict[str, str] | None = None
    expected_by: dict[str, str] = Field(default_factory=dict)
    rows: int = 0
    cause: str = ""
    note: str = ""
    cures: list[Cure] = Field(default_factory=list)
    seconds: float = 0.0
    is_reused: bool = False

    @property
    def label(self) -> str:
        """The verdict in words where it was asked on both sides, else what became of it."""
        if self.outcome and self.status in JUDGED_STATUSES:
            outcome = self.outcome
            return verdict_label(outcome.verdict, outcome.changed_rows, outcome.rows, outcome.error)
        return LABELS[self.status]

    @property
    def proven_cure(self) -> Cure | None:
        return next((cure for cure in self.cures if cure.is_proven), None)

    @property
    def is_final(self) -> bool:
        """Whether asking once more would give the same: nothing was left open by this machine."""
        return self.status is not Status.NOT_VERIFIED


def status_of(outcome: ElsewhereOutcome) -> Status:
    """Return what a verdict on the far side means for a model that answered on the near side.

    A process that ended, or that gave a senseless reply, tells nothing for good: the system may have stopped it.
    """
    if outcome.verdict in ALIKE_VERDICTS:
        return Status.ALIKE
    if outcome.is_unverified or (outcome.error and outcome.error.get("code") in PROCESS_ERRORS):
        return Status.NOT_VERIFIED
    return VERDICT_STATUSES.get(outcome.verdict, Status.CHANGED)


# Exit status by what became of the models; 0 is for none of these, and 1 and 2 are the command's own errors.
EXIT_CHANGED, EXIT_DOES_NOT_LOAD, EXIT_NOT_VERIFIED = 3, 4, 5
# Files that look like models, and of which nothing was found out.
OPEN_STATUSES = tuple(status for status in Status if status.value not in ("alike", "changed", "does-not-load"))


def exit_status(rows: Iterable[UpgradeRow], tolerance: float | None = None) -> int:
    """Return 0 where every model came through, else the number of the worst that became of one.

    With `tolerance`, changed answers that are no further off count as stated, and so as none.
    """
    statuses = {row.status for row in rows if not is_within(row, tolerance)}
    if Status.DOES_NOT_LOAD in statuses:
        return EXIT_DOES_NOT_LOAD
    if Status.CHANGED in statuses:
        return EXIT_CHANGED
    return EXIT_NOT_VERIFIED if statuses & set(OPEN_STATUSES) else 0


def is_within(row: UpgradeRow, tolerance: float | None) -> bool:
    """Whether answers changed by no more than what was stated; what became NaN or infinite is no number to state."""
    outcome = row.outcome
    if tolerance is None or row.status is not Status.CHANGED or outcome is None or not outcome.has_difference:
        return False
    return float(outcome.max_abs or 0.0) <= tolerance


def summarize_upgrade(rows: Iterable[UpgradeRow]) -> str:
    """Say how many models came through, and what became of the others."""
    counts = Counter(row.status for row in rows)
    total = counts.total()
    cured = sum(row.status is Status.DOES_NOT_LOAD and row.proven_cure is not None for row in rows)
    parts = [f"{counts[Status.ALIKE]:,} of {pluralize(total, 'model')} answer the same."]
    others = [f"{LABELS[status]}: {counts[status]:,}" for status in Status if status is not Status.ALIKE]
    parts += [f"{text}." for text, status in zip(others, list(Status)[1:], strict=True) if counts[status]]
    if cured:
        parts.append(f"Cured and proven: {cured:,} of those that do not load.")
    return " ".join(parts)


def count_kept(rows: Iterable[UpgradeRow]) -> int:
    """Return how many of these rows are kept, so that another call does not ask their models again."""
    open_statuses = (Status.NOT_VERIFIED, Status.NOT_TAKEN)
    return sum(bool(row.sha256) and row.status not in open_statuses for row in rows)
