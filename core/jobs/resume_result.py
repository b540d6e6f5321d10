"""How a copy carries on, held against how the live model does: the ending in words, and what was lost. NumPy only."""

from enum import StrEnum
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from core.evidence import Match, Original, match
from core.worker.tasks.resume import MOMENTS, RATE, SCALE, STEP_COUNT, optimizer_part

WEIGHTS = "weights"
PARTS = (WEIGHTS, STEP_COUNT, MOMENTS, RATE, SCALE)


class Ending(StrEnum):
    """What a person is told first; in order, best first."""

    EXACT = "exact"
    CLOSE = "close"
    JUMPS = "jumps"
    OVER = "starts-over"
    CANNOT = "cannot-train"
    FAILED = "failed"

    @property
    def words(self) -> str:
        return _WORDS[self]


_WORDS = {
    Ending.EXACT: "Carries on exactly",
    Ending.CLOSE: "Carries on, not exactly",
    Ending.JUMPS: "Jumps",
    Ending.OVER: "Starts over",
    Ending.CANNOT: "Cannot train",
    Ending.FAILED: "Did not finish",
}


class Gap(BaseModel):
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


class Epoch(BaseModel):
    """The end of an epoch: its mean loss, the score on the validation rows, and how many weights the live model's are
    equal to."""

    loss: float | None
    score: float
    score_name: str
    weights: Match | None = None


class Continuation(BaseModel):
    """One copy that was trained on. `parts` says of each part whether the training began with the run's own, None where
    it is not seen; `saved` counts the optimizer's tensors that its evidence found in the copy."""

    ending: Ending
    sentence: str
    error: dict[str, str] | None = None
    gap: Gap | None = None
    parts: dict[str, bool | None] = Field(default_factory=dict)
    saved: Match | None = None
    numbers: dict[str, float] = Field(default_factory=dict)
    remark: str = ""
    epochs: list[Epoch] = Field(default_factory=list)
    order: str = ""
    seconds: float | None = None


def gap(live: np.ndarray, copy: np.ndarray) -> Gap:
    """Where the losses of two courses over the same batches part; both float64, one value a batch."""
    apart = np.flatnonzero(live.view("uint64") != copy.view("uint64"))
    if not len(apart):
        return Gap(after_step=0.0 if len(live) > 1 else None)
    differences = copy - live
    sizes = np.where(np.isfinite(differences), np.abs(differences), np.inf)
    sizes[live.view("uint64") == copy.view("uint64")] = 0.0
    first, at = int(apart[0]), int(sizes.argmax())
    return Gap(
        first=first + 1,
        at_first=_number(differences[first]),
        largest=_number(differences[at]),
        largest_at=at + 1,
        after_step=_number(differences[1]) if len(live) > 1 else None,
    )


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def judge(
    original: Original, live: dict[str, Any], copy: dict[str, Any], losses: tuple[np.ndarray, np.ndarray]
) -> Continuation:
    """Hold a copy's course against the live model's; both are facts of `core.worker.tasks.resume.resume`, and
    `losses` are the live model's and the copy's."""
    found = gap(*losses)
    epochs = [_epoch(*pair) for pair in zip(live["epochs"], copy["epochs"], strict=True)]
    weights, optimizer = match(original.weights, copy["weights"]), match(original.optimizer, copy["optimizer"])
    parts = kept_parts(original, weights, optimizer)
    ending = _ending(found, epochs, parts)
    return Continuation(
        ending=ending,
        sentence=_SENTENCES[ending](found, parts, losses, weights, epochs),
        gap=found,
        parts=parts,
        epochs=epochs,
        **{name: copy[name] for name in ("numbers", "remark", "order", "seconds")},
    )


def _epoch(live: dict[str, Any], copy: dict[str, Any]) -> Epoch:
    return Epoch(**copy | {"weights": match(live["weights"], copy["weights"])})


def kept_parts(original: Original, weights: Match | None, optimizer: Match | None) -> dict[str, bool | None]:
    """Of each part that the run has, whether all of its tensors are there with equal bits; None where none is seen."""
    has = {optimizer_part(tensor["name"]) for tensor in original.optimizer}
    missing = {optimizer_part(name) for name in optimizer.missing} if optimizer else set()
    parts = {WEIGHTS: weights.whole if weights else None}
    return parts | {part: None if optimizer is None else part not in missing for part in PARTS if part in has}


def _ending(found: Gap, epochs: list[Epoch], parts: dict[str, bool | None]) -> Ending:
    if found.first is None and all(one.weights and one.weights.whole for one in epochs):
        return Ending.EXACT
    if not parts[WEIGHTS]:
        return Ending.OVER
    return Ending.CLOSE if all(parts.values()) else Ending.JUMPS


# The sentences


def _exactly(*_: Any) -> str:
    return "Every batch's loss is the live model's, to the last bit, and so are the weights after every epoch."


def _closely(found: Gap, *others: Any) -> str:
    if found.first is None:
        return f"Every batch's loss is the live model's, and {_weights_apart(others[-1])}."
    if found.largest is None:
        return f"From batch {found.first:,} on the loss differs, and one of both becomes infinite or no number."
    return f"From batch {found.first:,} on the loss differs, by up to {abs(found.largest):.2g}."


def _weights_apart(epochs: list[Epoch]) -> str:
    number, epoch = next((at, one) for at, one in enumerate(epochs, start=1) if not (one.weights and one.weights.whole))
    match_ = epoch.weights
    apart = f"{match_.of - match_.found} of {match_.of} weight tensors" if match_ else "the weights"
    return f"{apart} are others after epoch {number}"


def _with_a_jump(found: Gap, parts: dict[str, bool | None], *others: Any) -> str:
    lost = f"{_lost(parts)}."
    if found.first is None:
        return f"{lost} {_closely(found, *others)}"
    if found.largest is None:
        return f"{lost} From batch {found.first:,} on the loss differs, and becomes infinite or no number."
    step = "" if found.after_step is None else f" After the first step the loss is {_signed(found.after_step)};"
    return f"{lost}{step} at most they are {abs(found.largest):.2g} apart, on batch {found.largest_at:,}."


def _lost(parts: dict[str, bool | None]) -> str:
    lost = [part for part, there in parts.items() if there is False and part != WEIGHTS]
    if {STEP_COUNT, MOMENTS} <= set(lost):
        return "Its optimizer state was lost"
    return f"The {' and the '.join(lost)} of its optimizer {'were' if len(lost) > 1 or MOMENTS in lost else 'was'} lost"


def _signed(difference: float) -> str:
    return f"{abs(difference):.2g} {'higher' if difference >= 0 else 'lower'} than the live model's"


def _over(found: Gap, parts: Any, losses: tuple[np.ndarray, np.ndarray], weights: Match | None, epochs: Any) -> str:
    live, copy = (float(one[0]) for one in losses)
    apart = f"{weights.of - weights.found} of {weights.of} weight tensors" if weights else "Its weights"
    return f"{apart} are not the run's own. Its first loss is {copy:.2g}, where the live model's is {live:.2g}."


_SENTENCES = {Ending.EXACT: _exactly, Ending.CLOSE: _closely, Ending.JUMPS: _with_a_jump, Ending.OVER: _over}
