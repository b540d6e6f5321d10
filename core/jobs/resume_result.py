"""Result of a continued training: the verdict in words, where losses part, and what was lost. NumPy only."""

from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from core.evidence.fingerprint_matching import OriginalFingerprint, TensorMatchCount, match_fingerprints
from core.worker.tasks.resume import (
    LEARNING_RATE,
    LOSS_SCALE,
    MOMENTS,
    STEP_COUNT,
    ResumeReply,
    optimizer_variable_role,
)

WEIGHTS = "weights"
MODEL_PARTS = (WEIGHTS, STEP_COUNT, MOMENTS, LEARNING_RATE, LOSS_SCALE)


class ResumeVerdict(StrEnum):
    """What a person is told first, and its label; in order, best first."""

    EXACT = "exact", "Resumes exactly"
    CLOSE = "close", "Resumes, not exactly"
    JUMPS = "jumps", "Jumps"
    STARTS_OVER = "starts-over", "Starts over"
    CANNOT_TRAIN = "cannot-train", "Could not continue"
    FAILED = "failed", "Did not finish"

    label: str

    def __new__(cls, value: str, label: str) -> "ResumeVerdict":
        verdict = str.__new__(cls, value)
        verdict._value_, verdict.label = value, label
        return verdict


class LossGap(BaseModel):
    """Where two learning curves part. Batches are counted from 1, and differences are copy minus live.

    `first` is the first batch whose losses have other bits, None where all are equal; `at_first` the difference there;
    `largest` the one that is farthest from zero, on batch `largest_at`; `after_step` the one after the first step. A
    difference is None where one of both losses is no number, or there is no such batch.
    """

    first: int | None = None
    at_first: float | None = None
    largest: float | None = None
    largest_at: int | None = None
    after_step: float | None = None


class EpochResult(BaseModel):
    """The end of an epoch: its mean loss, the score on the validation rows, and how many weights are bit-equal to the
    live model's."""

    loss: float | None
    score: float
    score_name: str
    weights: TensorMatchCount | None = None


class ResumeResult(BaseModel):
    """One copy whose training was continued. `parts` says of each part whether it began with the run's own, None where
    it is not seen; `saved` counts the optimizer's tensors that its evidence found in the copy; `source` says in words
    where the code came from that the copy lacks."""

    ending: ResumeVerdict
    sentence: str
    error: dict[str, str] | None = None
    gap: LossGap | None = None
    parts: dict[str, bool | None] = Field(default_factory=dict)
    saved: TensorMatchCount | None = None
    numbers: dict[str, float] = Field(default_factory=dict)
    remark: str = ""
    source: str = ""
    epochs: list[EpochResult] = Field(default_factory=list)
    order: str = ""
    seconds: float | None = None


def measure_loss_gap(live: np.ndarray, copy: np.ndarray) -> LossGap:
    """Measure where the losses over the same batches part; both float64 (batches,)."""
    is_equal = live.view("uint64") == copy.view("uint64")
    if is_equal.all():
        return LossGap(after_step=0.0 if len(live) > 1 else None)
    differences = copy - live
    sizes = np.where(np.isfinite(differences), np.abs(differences), np.inf)
    sizes[is_equal] = 0.0
    first, largest = int(is_equal.argmin()), int(sizes.argmax())
    return LossGap(
        first=first + 1,
        at_first=_finite_or_none(differences[first]),
        largest=_finite_or_none(differences[largest]),
        largest_at=largest + 1,
        after_step=_finite_or_none(differences[1]) if len(live) > 1 else None,
    )


def _finite_or_none(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


class _Findings(NamedTuple):
    """What a verdict and its sentence are made from."""

    gap: LossGap
    parts: dict[str, bool | None]
    first_losses: list[float]  # the live model's and the copy's
    weights: TensorMatchCount | None
    epochs: list[EpochResult]


def compare_with_live(
    original: OriginalFingerprint, live: ResumeReply, copy: ResumeReply, losses: tuple[np.ndarray, np.ndarray]
) -> ResumeResult:
    """Compare how a copy continues to train with how the live model does.

    Args:
        losses: the live model's and the copy's, float64 (batches,).
    """
    weights = match_fingerprints(original.weights, copy["weights"])
    parts = find_restored_parts(original, weights, match_fingerprints(original.optimizer, copy["optimizer"]))
    epochs = [
        EpochResult(**{**of_copy, "weights": match_fingerprints(of_live["weights"], of_copy["weights"])})
        for of_live, of_copy in zip(live["epochs"], copy["epochs"], strict=True)
    ]
    findings = _Findings(measure_loss_gap(*losses), parts, [float(each[0]) for each in losses], weights, epochs)
    ending = _choose_verdict(findings)
    return ResumeResult(
        ending=ending,
        sentence=_SENTENCES[ending](findings),
        gap=findings.gap,
        parts=parts,
        epochs=epochs,
        numbers=copy["numbers"],
        remark=copy["remark"],
        order=copy["order"],
        seconds=copy["seconds"],
    )


def find_restored_parts(
    original: OriginalFingerprint, weights: TensorMatchCount | None, optimizer: TensorMatchCount | None
) -> dict[str, bool | None]:
    """Say of each part that the run has whether all of its tensors are bit-equal; None where none is seen."""
    has = {optimizer_variable_role(tensor["name"]) for tensor in original.optimizer}
    missing = {optimizer_variable_role(name) for name in optimizer.missing} if optimizer else set()
    parts: dict[str, bool | None] = {WEIGHTS: weights.is_complete if weights else None}
    return parts | {part: None if optimizer is None else part not in missing for part in MODEL_PARTS if part in has}


def _choose_verdict(findings: _Findings) -> ResumeVerdict:
    if findings.gap.first is None and _first_changed_epoch(findings.epochs) is None:
        return ResumeVerdict.EXACT
    if not findings.parts[WEIGHTS]:
        return ResumeVerdict.STARTS_OVER
    return ResumeVerdict.CLOSE if all(findings.parts.values()) else ResumeVerdict.JUMPS


def _first_changed_epoch(epochs: list[EpochResult]) -> int | None:
    """The place of the first epoch after which the weights are others than the live model's."""
    return next((place for place, each in enumerate(epochs) if not (each.weights and each.weights.is_complete)), None)


# The sentences


def _describe_exact(_: _Findings) -> str:
    return "Every batch's loss is the live model's, to the last bit, and so are the weights after every epoch."


def _describe_close(findings: _Findings) -> str:
    gap, changed = findings.gap, _first_changed_epoch(findings.epochs)
    if gap.first is None and changed is not None:
        tensors = _count_changed(findings.epochs[changed].weights, "the weights")
        return f"Every batch's loss is the live model's, and {tensors} are others after epoch {changed + 1}."
    if gap.largest is None:
        return f"From batch {gap.first:,} on the loss differs, and one of both becomes infinite or no number."
    return f"From batch {gap.first:,} on the loss differs, by up to {abs(gap.largest):.2g}."


def _count_changed(match: TensorMatchCount | None, all_of_them: str) -> str:
    return f"{match.of - match.found} of {match.of} weight tensors" if match else all_of_them


def _describe_jump(findings: _Findings) -> str:
    gap, lost = findings.gap, f"{_describe_lost_parts(findings.parts)}."
    if gap.first is None:
        return f"{lost} {_describe_close(findings)}"
    if gap.largest is None:
        return f"{lost} From batch {gap.first:,} on the loss differs, and becomes infinite or no number."
    step = ""
    if gap.after_step is not None:
        direction = "higher" if gap.after_step >= 0 else "lower"
        step = f" After the first step the loss is {abs(gap.after_step):.2g} {direction} than the live model's;"
    return f"{lost}{step} at most they are {abs(gap.largest):.2g} apart, on batch {gap.largest_at:,}."


def _describe_lost_parts(parts: dict[str, bool | None]) -> str:
    lost = [part for part, is_restored in parts.items() if is_restored is False and part != WEIGHTS]
    if {STEP_COUNT, MOMENTS} <= set(lost):
        return "Its optimizer state was lost"
    return f"The {' and the '.join(lost)} of its optimizer {'were' if len(lost) > 1 or MOMENTS in lost else 'was'} lost"


def _describe_restart(findings: _Findings) -> str:
    (live, copy), changed = findings.first_losses, _count_changed(findings.weights, "Its weights")
    return f"{changed} are not the run's own. Its first loss is {copy:.2g}, where the live model's is {live:.2g}."


_SENTENCES = {
    ResumeVerdict.EXACT: _describe_exact,
    ResumeVerdict.CLOSE: _describe_close,
    ResumeVerdict.JUMPS: _describe_jump,
    ResumeVerdict.STARTS_OVER: _describe_restart,
}
