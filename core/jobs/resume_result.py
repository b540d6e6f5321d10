"""How a copy carries on, held against how the live model does: the ending in words, and what was lost. NumPy only."""

from enum import StrEnum
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from core.evidence import OriginalFingerprint, TensorMatchCount, match_by_hash
from core.worker.tasks.resume import LEARNING_RATE, LOSS_SCALE, MOMENTS, STEP_COUNT, optimizer_variable_role

WEIGHTS = "weights"
MODEL_PARTS = (WEIGHTS, STEP_COUNT, MOMENTS, LEARNING_RATE, LOSS_SCALE)


class ResumeVerdict(StrEnum):
    """What a person is told first; in order, best first."""

    EXACT = "exact"
    CLOSE = "close"
    JUMPS = "jumps"
    STARTS_OVER = "starts-over"
    CANNOT_TRAIN = "cannot-train"
    FAILED = "failed"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    ResumeVerdict.EXACT: "Carries on exactly",
    ResumeVerdict.CLOSE: "Carries on, not exactly",
    ResumeVerdict.JUMPS: "Jumps",
    ResumeVerdict.STARTS_OVER: "Starts over",
    ResumeVerdict.CANNOT_TRAIN: "Cannot train",
    ResumeVerdict.FAILED: "Did not finish",
}


class LossGap(BaseModel):
    """Where two courses of losses part. Batches are counted from 1, and differences are copy minus live.

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
    """The end of an epoch: its mean loss, the score on the validation rows, and how many weights the live model's are
    equal to."""

    loss: float | None
    score: float
    score_name: str
    weights: TensorMatchCount | None = None


class ResumeResult(BaseModel):
    """One copy that was trained on. `parts` says of each part whether the training began with the run's own, None where
    it is not seen; `saved` counts the optimizer's tensors that its evidence found in the copy."""

    ending: ResumeVerdict
    sentence: str
    error: dict[str, str] | None = None
    gap: LossGap | None = None
    parts: dict[str, bool | None] = Field(default_factory=dict)
    saved: TensorMatchCount | None = None
    numbers: dict[str, float] = Field(default_factory=dict)
    remark: str = ""
    epochs: list[EpochResult] = Field(default_factory=list)
    order: str = ""
    seconds: float | None = None


def measure_loss_gap(live: np.ndarray, copy: np.ndarray) -> LossGap:
    """Where the losses of two courses over the same batches part; both float64, one value a batch."""
    apart = np.flatnonzero(live.view("uint64") != copy.view("uint64"))
    if not len(apart):
        return LossGap(after_step=0.0 if len(live) > 1 else None)
    differences = copy - live
    sizes = np.where(np.isfinite(differences), np.abs(differences), np.inf)
    sizes[live.view("uint64") == copy.view("uint64")] = 0.0
    first, at = int(apart[0]), int(sizes.argmax())
    return LossGap(
        first=first + 1,
        at_first=_finite_or_none(differences[first]),
        largest=_finite_or_none(differences[at]),
        largest_at=at + 1,
        after_step=_finite_or_none(differences[1]) if len(live) > 1 else None,
    )


def _finite_or_none(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def compare_with_live(
    original: OriginalFingerprint, live: dict[str, Any], copy: dict[str, Any], losses: tuple[np.ndarray, np.ndarray]
) -> ResumeResult:
    """Hold a copy's course against the live model's; both are facts of `core.worker.tasks.resume.resume_training`, and
    `losses` are the live model's and the copy's."""
    found = measure_loss_gap(*losses)
    epochs = [_compare_epoch(*pair) for pair in zip(live["epochs"], copy["epochs"], strict=True)]
    weights, optimizer = (
        match_by_hash(original.weights, copy["weights"]),
        match_by_hash(original.optimizer, copy["optimizer"]),
    )
    parts = find_restored_parts(original, weights, optimizer)
    ending = _choose_verdict(found, epochs, parts)
    return ResumeResult(
        ending=ending,
        sentence=_SENTENCES[ending](found, parts, losses, weights, epochs),
        gap=found,
        parts=parts,
        epochs=epochs,
        **{name: copy[name] for name in ("numbers", "remark", "order", "seconds")},
    )


def _compare_epoch(live: dict[str, Any], copy: dict[str, Any]) -> EpochResult:
    return EpochResult(**copy | {"weights": match_by_hash(live["weights"], copy["weights"])})


def find_restored_parts(
    original: OriginalFingerprint, weights: TensorMatchCount | None, optimizer: TensorMatchCount | None
) -> dict[str, bool | None]:
    """Of each part that the run has, whether all of its tensors are there with equal bits; None where none is seen."""
    has = {optimizer_variable_role(tensor["name"]) for tensor in original.optimizer}
    missing = {optimizer_variable_role(name) for name in optimizer.missing} if optimizer else set()
    parts = {WEIGHTS: weights.is_complete if weights else None}
    return parts | {part: None if optimizer is None else part not in missing for part in MODEL_PARTS if part in has}


def _choose_verdict(loss_gap: LossGap, epochs: list[EpochResult], parts: dict[str, bool | None]) -> ResumeVerdict:
    if loss_gap.first is None and all(one.weights and one.weights.is_complete for one in epochs):
        return ResumeVerdict.EXACT
    if not parts[WEIGHTS]:
        return ResumeVerdict.STARTS_OVER
    return ResumeVerdict.CLOSE if all(parts.values()) else ResumeVerdict.JUMPS


# The sentences


def _describe_exact(*_: Any) -> str:
    return "Every batch's loss is the live model's, to the last bit, and so are the weights after every epoch."


def _describe_close(loss_gap: LossGap, *others: Any) -> str:
    if loss_gap.first is None:
        return f"Every batch's loss is the live model's, and {_describe_changed_weights(others[-1])}."
    if loss_gap.largest is None:
        return f"From batch {loss_gap.first:,} on the loss differs, and one of both becomes infinite or no number."
    return f"From batch {loss_gap.first:,} on the loss differs, by up to {abs(loss_gap.largest):.2g}."


def _describe_changed_weights(epochs: list[EpochResult]) -> str:
    number, epoch = next(
        (at, one) for at, one in enumerate(epochs, start=1) if not (one.weights and one.weights.is_complete)
    )
    match_ = epoch.weights
    apart = f"{match_.of - match_.found} of {match_.of} weight tensors" if match_ else "the weights"
    return f"{apart} are others after epoch {number}"


def _describe_jump(loss_gap: LossGap, parts: dict[str, bool | None], *others: Any) -> str:
    lost = f"{_describe_lost_parts(parts)}."
    if loss_gap.first is None:
        return f"{lost} {_describe_close(loss_gap, *others)}"
    if loss_gap.largest is None:
        return f"{lost} From batch {loss_gap.first:,} on the loss differs, and becomes infinite or no number."
    step = (
        ""
        if loss_gap.after_step is None
        else f" After the first step the loss is {_describe_difference(loss_gap.after_step)};"
    )
    return f"{lost}{step} at most they are {abs(loss_gap.largest):.2g} apart, on batch {loss_gap.largest_at:,}."


def _describe_lost_parts(parts: dict[str, bool | None]) -> str:
    lost = [part for part, there in parts.items() if there is False and part != WEIGHTS]
    if {STEP_COUNT, MOMENTS} <= set(lost):
        return "Its optimizer state was lost"
    return f"The {' and the '.join(lost)} of its optimizer {'were' if len(lost) > 1 or MOMENTS in lost else 'was'} lost"


def _describe_difference(difference: float) -> str:
    return f"{abs(difference):.2g} {'higher' if difference >= 0 else 'lower'} than the live model's"


def _describe_restart(
    loss_gap: LossGap, parts: Any, losses: tuple[np.ndarray, np.ndarray], weights: TensorMatchCount | None, epochs: Any
) -> str:
    live, copy = (float(one[0]) for one in losses)
    apart = f"{weights.of - weights.found} of {weights.of} weight tensors" if weights else "Its weights"
    return f"{apart} are not the run's own. Its first loss is {copy:.2g}, where the live model's is {live:.2g}."


_SENTENCES = {
    ResumeVerdict.EXACT: _describe_exact,
    ResumeVerdict.CLOSE: _describe_close,
    ResumeVerdict.JUMPS: _describe_jump,
    ResumeVerdict.STARTS_OVER: _describe_restart,
}
