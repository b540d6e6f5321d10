"""Compare all participants with each other, pair by pair."""

import json
from collections.abc import Mapping
from itertools import combinations
from typing import TypedDict

from core.arrays import Arrays, fingerprint_arrays, to_jsonable
from core.compare.comparison import compare
from core.errors import InputError


class PairJson(TypedDict):
    """The comparison of one of several with another; the numbers are None where the two do not fit."""

    a: str
    b: str
    verdict: str | None
    max_abs: float | str | None
    changed_rows: int | None
    rows: int | None
    error: dict[str, str] | None


def compare_all(
    predictions: dict[str, Arrays], classes: bool | None = None, reference_std: Mapping[str, float] | None = None
) -> list[PairJson]:
    """Compare each with each: one record for every pair, of which `a` is the reference.

    Where two do not fit, `error` is the InputError as JSON; the other pairs go on. The same bits are compared once.
    """
    contents = {id_: _describe_content(arrays) for id_, arrays in predictions.items()}
    known: dict[tuple[str, str], PairJson] = {}
    for a, b in combinations(predictions, 2):
        key = contents[a], contents[b]
        known[key] = known.get(key) or _compare_pair(a, b, predictions, classes, reference_std)
    return [{**known[contents[a], contents[b]], "a": a, "b": b} for a, b in combinations(predictions, 2)]


def _describe_content(arrays: Arrays) -> str:
    """The same for the same outputs in the same order, bit for bit."""
    return json.dumps(fingerprint_arrays(arrays.items()))


def _compare_pair(
    a: str, b: str, predictions: dict[str, Arrays], classes: bool | None, reference_std: Mapping[str, float] | None
) -> PairJson:
    pair = PairJson(a=a, b=b, verdict=None, max_abs=None, changed_rows=None, rows=None, error=None)
    sides = predictions[a], predictions[b]
    try:
        compared = compare(*sides, classes, with_metrics=False, reference_std=reference_std)
        pair["verdict"], pair["max_abs"] = compared.verdict.value, to_jsonable(compared.max_abs)
        pair["changed_rows"], pair["rows"] = compared.changed_rows, compared.rows
    except InputError as error:
        pair["error"] = error.to_json()
    return pair
