"""The rows of an upgrade in one sentence, and the exit status for a pipeline."""

from collections import Counter
from collections.abc import Iterable

from core.text.labels import pluralize
from core.upgrade.rows import LABELS, Status, UpgradeRow

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
