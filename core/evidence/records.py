"""What reloads of a copy in fresh processes showed; `core.reload` makes these records.

Also whether the inputs of a reload can tell one model from another.
"""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, Field

from core.arrays import Arrays
from core.compare import RTOL, Verdict, measure_spread
from core.errors import CannotProve, PackageMissing, RoundtripError, TimedOut, TooLarge
from core.evidence.fingerprint_matching import SurplusTensors, TensorMatchCount
from core.grading import Grade
from core.record import Record, Trust
from core.runtimes.model_settings import SettingChange


class Discrimination(BaseModel):
    """Whether the inputs can tell one model from another.

    `rows` were asked and got `distinct` answers, which spread by `share` of the largest (see `AnswerSpread`).
    `ulp_share` and `percent_share` are how far the answers move, again as a share of the largest, where every weight is
    off by one unit in the last place, and by 1 %; None where nobody could try.
    """

    rows: int
    distinct: int
    share: float
    ulp_share: float | None = None
    percent_share: float | None = None

    @classmethod
    def measure(cls, predictions: Arrays, mutant: Mapping[str, Any] | None = None) -> Self:
        """Measure the answers of the reference; `mutant` is what `core.worker.tasks.probes` gives, if anything."""
        tried = {name: mutant[name] for name in ("ulp_share", "percent_share")} if mutant else {}
        return cls(**measure_spread(predictions)._asdict(), **tried)

    @property
    def warning(self) -> str:
        """That the inputs cannot tell, in a sentence; empty where they can."""
        if self.rows > 1 and self.distinct == 1:
            return f"All {self.rows:,} rows get the same answer, so these inputs cannot tell a good copy from another."
        if self.percent_share is not None and self.percent_share <= RTOL:
            moved = f"by {self.percent_share:.1g} of their size" if self.percent_share else "not at all"
            return f"Weights that are 1 % off move the answers {moved}, so these inputs cannot tell a damaged copy."
        if self.rows > 1 and self.share <= RTOL:
            return f"The answers of all rows lie within {self.share:.1g} of their size: these inputs hardly tell."
        return ""


UNVERIFIED_ERRORS = (TimedOut, TooLarge, PackageMissing, CannotProve)  # which say nothing of the copy
# Verdicts without predictions.
WITHOUT_PREDICTIONS = (Verdict.DOES_NOT_LOAD, Verdict.NOT_RUN, Verdict.NOT_VERIFIED)


class ReloadOutcome(BaseModel):
    """One reload in one fresh process.

    `not_finite` counts the numbers in its predictions that are NaN or infinite, `mismatched` those that are not finite
    on one side and not the same on the other, `mismatches` how many by what became of what ("NaN became -∞").
    `surplus_outputs` have no partner in the reference. `reordered` are the run's "inputs" and "outputs" in the order in
    which the copy has them, each where that is another one (see `find_reordered`). `unread` is what the files store
    beside the weights that answer.
    `settings` are the arguments and the behaviour that came back with other values; None where there was nothing to
    compare. `call_rows` is how many rows the file takes at once, None for any number; `remembers` says whether a call
    changes what the next one answers, None in older records. `left_out` says in sentences what was not looked at, since
    it would have taken more time or memory than there is. `grade` says how far changed values are off, None where there
    are none and in older records. `batch` is how many rows were asked at a time, and `alone` how far the answers to
    rows that are asked alone are off theirs in such a batch, as a share of the largest answer; None where nobody tried
    and in older records. `places` are the run's "inputs" and "outputs" in the order in which the copy's runtime lists
    them by place, each where that is another one (see `find_places`). Times are in seconds.
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
    mismatched: int = 0
    mismatches: dict[str, int] = Field(default_factory=dict)
    surplus_outputs: list[str] = Field(default_factory=list)
    pairs: list[dict[str, str]] = Field(default_factory=list)
    reordered: dict[str, list[str]] = Field(default_factory=dict)
    weights: TensorMatchCount | None = None
    optimizer: TensorMatchCount | None = None
    unread: SurplusTensors | None = None
    settings: list[SettingChange] | None = None
    call_rows: int | None = None
    remembers: bool | None = None
    discrimination: Discrimination | None = None
    moved_by_answering: int = 0
    inputs: list[dict[str, Any]] = Field(default_factory=list)
    input_pairs: list[dict[str, str]] = Field(default_factory=list)
    probes: dict[str, Any] = Field(default_factory=dict)
    left_out: list[str] = Field(default_factory=list)
    grade: Grade | None = None
    batch: int | None = None
    alone: float | None = None
    places: dict[str, list[str]] = Field(default_factory=dict)

    @property
    def warning(self) -> str:
        """That its predictions are not all numbers, or that the inputs cannot tell, in sentences; else empty."""
        hint = self.discrimination.warning if self.discrimination else ""
        return f"{describe_not_finite(self.not_finite)} {hint}".strip()

    @property
    def has_loaded(self) -> bool:
        return self.verdict not in WITHOUT_PREDICTIONS

    @property
    def has_answered(self) -> bool:
        """Whether its answers could be compared with the original's."""
        return self.has_loaded and self.verdict is not Verdict.NOT_COMPARABLE


def describe_not_finite(count: int) -> str:
    """Say how many numbers of some predictions are NaN or infinite; nothing for none."""
    if count == 1:
        return "1 number in its answers is NaN or infinite."
    return f"{count:,} numbers in its answers are NaN or infinite." if count else ""


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
        """The reload with the best verdict; that without the code where both are equal, and that with the code where
        neither loads: why it fails there is what is left to mend.

        Of what did not load in one, and could not be verified in the other, is not known that it does not load.
        """
        outcomes = [self.without_code] + ([self.with_code] if self.with_code else [])
        best = min(outcomes, key=lambda outcome: (outcome.verdict is Verdict.DOES_NOT_LOAD, outcome.verdict.rank))
        return outcomes[-1] if best.verdict is Verdict.DOES_NOT_LOAD else best

    @property
    def needs_code(self) -> bool:
        return not self.without_code.has_loaded and self.best.has_loaded


def verdict_of_error(error: RoundtripError) -> Verdict:
    """The verdict on a copy that gave no predictions: a limit, or a package that is missing, is none on the copy."""
    return Verdict.NOT_VERIFIED if isinstance(error, UNVERIFIED_ERRORS) else Verdict.DOES_NOT_LOAD
