"""Result of a search for a disagreement: what is recorded of an input, and the arrays beside the job."""

from typing import Any, TypedDict

import numpy as np

from core.arrays import Arrays, to_json_list
from core.compare import find_targets
from core.disagreement import DisagreeingInput, DisagreementSearch, distance_from_origin, is_tie
from core.disagreement.proposals import OriginDistance
from core.library.records import Run
from core.runtimes.reference import Reference

SIDES = ("a", "b")
MAX_RECORDED_VALUES = 1000  # values of one prediction that stand in the record; arrays beside it hold all


class DisagreementRecord(TypedDict):
    """One input as JSON: both predictions, their disagreement, its origin in the data, and the distance from it."""

    changed: bool
    tie: bool  # only rounding decides between two classes
    level: int  # these two are those of `core.disagreement.metric`
    amount: float
    output: str
    kind: str
    spread: float
    said: list[str | None]  # the class that each predicts; None where it is a value, or not finite
    answers: list[dict[str, Any]]  # of each the values by output, without long ones, which are in the arrays
    split: str
    row: int
    steps: int
    truth: Any  # the target of the row of the data, where that is one class or one value
    distance: OriginDistance


class DisagreementResult(TypedDict):
    """The result of a search; its arrays lie beside the job, as `build_arrays` names them."""

    run: str
    found: DisagreementRecord
    data: DisagreementRecord  # the best row of the data
    asked: dict[str, int]  # rows by phase: "held-out", "training", "validation", "made"
    changed: dict[str, int]  # those of them with a changed prediction
    largest: float  # the largest difference of all rows
    inputs: str  # the id of the input set that was found, "" where not one number differed
    notes: list[str]
    seconds: float


def build_record(
    run: Run, reference: Reference, search: DisagreementSearch, disagreement: DisagreeingInput
) -> DisagreementRecord:
    """Return an input as JSON; what only rounding decides, and may decide otherwise next time, is no disagreement."""
    output, scale = disagreement.output, search.scales[disagreement.output]
    tie = is_tie(disagreement, search.scales)
    return {
        "changed": disagreement.is_changed and not tie,
        "tie": tie,
        "level": disagreement.level,
        "amount": disagreement.amount,
        "output": output,
        "kind": scale.kind,
        "spread": scale.spread,
        "said": [_predicted_class(run, each[output][0], scale.kind) for each in disagreement.predictions],
        "answers": [_recorded_values(each) for each in disagreement.predictions],
        "split": disagreement.split,
        "row": disagreement.row,
        "steps": disagreement.steps,
        "truth": _true_value(run, reference, disagreement, scale.kind),
        "distance": distance_from_origin(disagreement.point, search.domain),
    }


def _predicted_class(run: Run, prediction: np.ndarray, kind: str) -> str | None:
    if kind != "class" or not np.isfinite(prediction).all():
        return None
    number = int(prediction.argmax())
    return run.labels[number] if len(run.labels) == prediction.size else str(number)


def _true_value(run: Run, reference: Reference, disagreement: DisagreeingInput, kind: str) -> Any:
    targets = find_targets(disagreement.output, list(reference.predictions), disagreement.targets)
    if targets is None:
        return None
    if kind == "class":
        return _predicted_class(run, targets[0], kind)
    return targets.item() if targets.size == 1 else None


def _recorded_values(predictions: Arrays) -> dict[str, Any]:
    return {name: to_json_list(array[0]) for name, array in predictions.items() if array.size <= MAX_RECORDED_VALUES}


def build_arrays(disagreement: DisagreeingInput) -> Arrays:
    """Return the input, the row of the data where its search began, and both predictions of each, by role and name: the
    roles are "input", "origin", "a", "b", "origin-a" and "origin-b"."""
    start = disagreement.start or disagreement
    by_role = {"input": disagreement.point.inputs, "origin": disagreement.point.origin}
    by_role |= dict(zip(SIDES, disagreement.predictions, strict=True))
    by_role |= {f"origin-{side}": arrays for side, arrays in zip(SIDES, start.predictions, strict=True)}
    return {f"{role}:{name}": array for role, arrays in by_role.items() for name, array in arrays.items()}
