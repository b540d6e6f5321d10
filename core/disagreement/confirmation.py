"""What a search found is asked again, each input alone, as it will be shown; what only rounding decides is a tie.

In a search many rows are asked together, and the sums behind an answer are rounded in another order than for one row.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from core.arrays import Arrays
from core.compare import ATOL, RTOL
from core.disagreement.metric import OutputScale, measure_disagreement
from core.disagreement.search import Both, DisagreeingInput, DisagreementSearch

UNCONFIRMED_NOTE = (
    "Asked together with other inputs the two parted, and asked alone they do not: rounding decided, which depends on "
    "how many rows are asked at once."
)
MAX_CANDIDATES = 8  # inputs that are asked again
PredictBoth = Callable[[Arrays], Both]


def list_candidates(search: DisagreementSearch) -> list[DisagreeingInput]:
    """List the inputs that are worth asking again, the best first: those found with a changed prediction."""
    inputs = [search.best, *search.starts] if search.best else []
    changed = [item for item in inputs if item.is_changed]
    unique = {id(item): item for item in changed}.values()
    return sorted(unique, key=lambda item: -item.score)[:MAX_CANDIDATES]


def ask_again(
    candidates: list[DisagreeingInput], predict: PredictBoth, scales: Mapping[str, OutputScale]
) -> DisagreeingInput:
    """Ask each of the candidates alone, and return the one on which the two disagree most then.

    `predict` gives both predictions for one row, {input: (1, ...)}.
    """
    return max((_measure_alone(item, predict, scales) for item in candidates), key=lambda item: item.score)


def _measure_alone(item: DisagreeingInput, predict: PredictBoth, scales: Mapping[str, OutputScale]) -> DisagreeingInput:
    predictions = predict(item.point.inputs)
    measured = measure_disagreement(*predictions, scales)
    return replace(
        item,
        predictions=predictions,
        level=int(measured.level[0]),
        amount=float(measured.amount[0]),
        score=float(measured.score[0]),
        output=list(scales)[measured.output[0]],
        is_asked_again=True,
        start=item.start and replace(item.start, predictions=predict(item.start.point.inputs)),
    )


def is_tie(item: DisagreeingInput, scales: Mapping[str, OutputScale]) -> bool:
    """Whether only rounding decides between two classes: asked alone both say the same after all, or neither model
    prefers its own class over the other's by more than two correct computations may differ."""
    if scales[item.output].kind != "class" or not (item.is_changed or item.is_asked_again):
        return False
    left, right = (side[item.output].reshape(-1).astype("float64") for side in item.predictions)
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        return False
    first, second = left.argmax(), right.argmax()
    leads = left[first] - left[second], right[second] - right[first]
    return bool(max(leads) <= ATOL + RTOL * max(abs(left[first]), abs(right[second])))
