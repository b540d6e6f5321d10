"""The result of a comparison: an outcome for each copy, all against all, and whether they stay within tolerances."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypedDict

from core.compare import ToleranceResult, Verdict, check_tolerance
from core.compare.comparison import PairJson
from core.compatibility.machines import MachineVerdict, describe_machines
from core.context import AppContext
from core.environments.own import HERE
from core.errors import InputError, is_transient
from core.evidence.records import ReloadOutcome
from core.jobs.places.place import PlaceFacts, entry_of, place_of
from core.library.job_store import Job
from core.system import Machine
from core.text.numbers import format_exact


class ComparisonOutcome(ReloadOutcome):
    """An outcome of a comparison: also every number by output, what to know of how the artifact predicts, where the
    code came from that it lacks (in words; empty where it was given none), and whether it was loaded in a process that
    had loaded other copies before, which takes less time. `place` is where it predicted, None for here."""

    outputs: list[dict[str, Any]] = []
    remark: str = ""
    source: str = ""
    loaded_warm: bool = False
    place: PlaceFacts | None = None

    @property
    def has_predictions(self) -> bool:
        return self.error is None

    @property
    def is_transient(self) -> bool:
        """Whether it was stopped by what need not be the artifact's fault, and may not happen again."""
        return is_transient(self.error)


class ComparisonMatrix(TypedDict):
    """Every pair; cells of the baseline are on all rows, the others on the first chunk (see `compare_all`)."""

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


def describe_compared_machines(outcomes: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Say by copy how it answers on each machine (see `describe_machines`), where it was asked on any but this one.

    `outcomes` are the job's own JSON, by participant.
    """
    by_copy: dict[str, list[MachineVerdict]] = {}
    for id_, outcome in outcomes.items():
        numbers = Verdict(outcome["verdict"]), outcome.get("changed_rows"), outcome.get("rows")
        by_copy.setdefault(entry_of(id_), []).append(MachineVerdict(place_of(id_) or HERE, *numbers))
    sentences = {id_: describe_machines(verdicts) for id_, verdicts in by_copy.items()}
    return {id_: sentence for id_, sentence in sentences.items() if sentence}


ALL_OUTPUTS = ""  # in the place of an output's name: all that have no tolerance of their own


class Tolerance(NamedTuple):
    """A prediction passes where |prediction - baseline| <= atol + rtol · |baseline|."""

    atol: float
    rtol: float = 0.0

    @property
    def label(self) -> str:
        return format_exact(self.atol) + (f" + {format_exact(self.rtol)} · |baseline|" if self.rtol else "")


def parse_tolerances(texts: Iterable[str]) -> dict[str, Tolerance]:
    """Parse `["1e-4", "logits=1e-3,1e-2"]` by output: an absolute tolerance, and after a comma a relative one.

    Raises InputError for anything but finite numbers of 0 or more.
    """
    tolerances = {}
    for text in texts:
        output, _, numbers = text.rpartition("=")
        try:
            tolerances[output] = Tolerance(*map(_parse_number, numbers.split(",", 1)))
        except ValueError as error:
            sentence = "A tolerance is ATOL or ATOL,RTOL, for one output OUTPUT=ATOL,RTOL."
            cure = "For example 1e-4, or probabilities=1e-3,1e-2; both numbers are 0 or more."
            raise InputError(sentence, received=text, cure=cure) from error
    return tolerances


def _parse_number(text: str) -> float:
    number = float(text)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(text)
    return number


def check_tolerances(
    context: AppContext, job: Job, tolerances: Mapping[str, Tolerance]
) -> dict[str, dict[str, ToleranceResult]]:
    """Check by artifact and output whether a finished comparison stays within the tolerances, on every row.

    Outputs without a tolerance, and artifacts without predictions, are left out. Raises InputError for a tolerance of
    an output that the baseline does not have.
    """
    predictions = context.predictions(job.id)
    reference = predictions.output_sources(job.result["baseline"])
    if unknown := tolerances.keys() - reference.keys() - {ALL_OUTPUTS}:
        cure = f"Choose from {', '.join(reference)}."
        raise InputError("The baseline has no such output.", received=unknown.pop(), cure=cure)
    results: dict[str, dict[str, ToleranceResult]] = {}
    compared = {id_: outcome for id_, outcome in job.result["outcomes"].items() if outcome["error"] is None}
    for id_, outcome in compared.items():
        outputs = predictions.output_sources(id_)
        for pair in outcome["pairs"]:
            name = pair["reference"]
            if limit := tolerances.get(name, tolerances.get(ALL_OUTPUTS)):
                result = check_tolerance(reference[name], outputs[pair["answer"]], limit.atol, limit.rtol)
                results.setdefault(id_, {})[name] = result
    return results
