"""What reloads of a copy in fresh processes showed; `core.reload` makes these records."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from core.compare import Verdict
from core.record import Record, Trust


class TensorMatchCount(BaseModel):
    """How many of the run's tensors came back with equal bits, and the names of the others."""

    found: int
    of: int
    missing: list[str] = Field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        return self.found == self.of


class ReloadOutcome(BaseModel):
    """One reload in one fresh process.

    `not_finite` counts the numbers in its predictions that are NaN or infinite; times are in seconds.
    """

    verdict: Verdict
    error: dict[str, str] | None = None
    load_seconds: float | None = None
    first_seconds: float | None = None
    max_abs: float | None = None
    mean_abs: float | None = None
    changed_rows: int | None = None
    rows: int | None = None
    not_finite: int = 0
    pairs: list[dict[str, str]] = Field(default_factory=list)
    weights: TensorMatchCount | None = None
    optimizer: TensorMatchCount | None = None
    moved_by_answering: int = 0
    inputs: list[dict[str, Any]] = Field(default_factory=list)
    input_pairs: list[dict[str, str]] = Field(default_factory=list)
    probes: dict[str, Any] = Field(default_factory=dict)

    @property
    def warning(self) -> str:
        """That its predictions are not all numbers, in a sentence; empty when they are."""
        return f"{self.not_finite:,} numbers in its answers are NaN or infinite." if self.not_finite else ""

    @property
    def has_loaded(self) -> bool:
        return self.verdict not in (Verdict.DOES_NOT_LOAD, Verdict.NOT_RUN)


class Evidence(Record):
    """What reloads in fresh processes showed: without the original code, and with it.

    `trust` says whether the copy is ours or imported, and so in what processes it was tried. `completed` is the reload
    of half a model with the layers of its own run, which nobody gave it: it proves its numbers, and is no verdict.
    """

    trust: Trust = "ours"
    without_code: ReloadOutcome
    with_code: ReloadOutcome | None = None
    completed: ReloadOutcome | None = None

    @property
    def best(self) -> ReloadOutcome:
        """The reload with the best verdict; that without the code where both are equal."""
        outcomes = [self.without_code] + ([self.with_code] if self.with_code else [])
        return min(outcomes, key=lambda outcome: outcome.verdict.rank)

    @property
    def needs_code(self) -> bool:
        return not self.without_code.has_loaded and self.best.has_loaded


class OriginalFingerprint(BaseModel):
    """What a copy is verified against: variables by hash, and whether predictions are classes."""

    weights: list[dict[str, Any]]
    optimizer: list[dict[str, Any]]
    classes: bool | None = None


def match_by_hash(
    original: Sequence[Mapping[str, Any]], reloaded: Sequence[Mapping[str, Any]] | None
) -> TensorMatchCount | None:
    """Count the original's tensors whose dtype, shape and bits came back.

    Formats rename variables, so names are ignored, and each reloaded tensor is matched once. None where the original
    has no tensors, or where the format hides its variables.
    """
    if not original or reloaded is None:
        return None
    available = Counter(map(_tensor_key, reloaded))
    missing = []
    for tensor in original:
        if available[_tensor_key(tensor)]:
            available[_tensor_key(tensor)] -= 1
        else:
            missing.append(tensor["name"])
    return TensorMatchCount(found=len(original) - len(missing), of=len(original), missing=missing)


def _tensor_key(tensor: Mapping[str, Any]) -> tuple[Any, ...]:
    return tensor["dtype"], tuple(tensor["shape"]), tensor["sha256"]
