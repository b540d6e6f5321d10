"""The result of a comparison: an outcome for each copy, and all against all."""

from typing import Any, TypedDict

from core.compare.pairwise import PairJson
from core.errors import is_transient
from core.evidence.records import ReloadOutcome
from core.system import Machine


class ComparisonOutcome(ReloadOutcome):
    """An outcome of a comparison: also every number by output, what to know of how the artifact predicts, and where the
    code came from that it lacks (in words; empty where it was given none)."""

    outputs: list[dict[str, Any]] = []
    remark: str = ""
    source: str = ""

    @property
    def has_predictions(self) -> bool:
        return self.error is None

    @property
    def is_transient(self) -> bool:
        """Whether it was stopped by what need not be the artifact's fault, and may not happen again."""
        return is_transient(self.error)


class ComparisonMatrix(TypedDict):
    """All against all; cells of the baseline are on all rows, the others on the first chunk (see `compare_all`)."""

    ids: list[str]
    rows: int
    cells: list[PairJson]


class CompareResult(TypedDict):
    """The result of a comparison. The predictions lie beside the job (see `AppContext.predictions`)."""

    baseline: str
    inputs: str  # id of the input set
    rows: int
    outcomes: dict[str, dict[str, Any]]  # a `ComparisonOutcome` by artifact
    matrix: ComparisonMatrix
    machine: Machine
    versions: dict[str, str]
