"""All numbers on one output, in one pass over both sides (and a few more where quantiles do not fit into memory)."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from core.compare.blocks import blocks, with_room
from core.compare.classes import Classes
from core.compare.closeness import Angle, Divergence, LastPlaces, Relative, relative
from core.compare.judging import Judge, Judged, judge_text
from core.compare.numbers import OutputNumbers
from core.compare.order import settle
from core.compare.pairing import Pair
from core.compare.places import Heat, Sizes
from core.compare.rows import Source


class Measured(NamedTuple):
    """One output: its judgement, and its numbers where they were asked for."""

    judged: Judged
    numbers: OutputNumbers | None


def measure_text(pair: Pair, reference: Source, answer: Source) -> Measured:
    judged = judge_text(reference, answer)
    return Measured(judged, OutputNumbers(**_heading(pair, judged), worst=judged.worst))


def judge_output(reference: Source, answer: Source, classes: bool | None, spread: float | None = None) -> Measured:
    """Only what the verdict needs."""

    def work(dtype: str | None) -> Measured:
        judge = Judge(classes, spread)
        for block in blocks(reference, answer, dtype):
            judge.add(block)
        return Measured(judge.end(), None)

    return with_room(work)


def measure_output(
    pair: Pair,
    reference: Source,
    answer: Source,
    classes: bool | None,
    targets: Source | None,
    spread: float | None = None,
) -> Measured:
    """Everything. Raises InputError where the numbers of rows differ."""

    def work(dtype: str | None) -> Measured:
        judge, sizes, relatives = Judge(classes, spread), Sizes(), Relative()
        among = Classes(targets)
        meters = [sizes, relatives, LastPlaces(), Angle(), Divergence(), Heat()]
        for block in blocks(reference, answer, dtype):
            judge.add(block)
            for meter in meters:
                meter.add(block)
            if judge.by_class is not False:
                among.add(block)

        def again() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for block in blocks(reference, answer, dtype):
                yield block.flat(block.away), block.flat(relative(block))

        settle((sizes.quantiles, relatives.median), again)
        judged = judge.end()
        found = {name: value for meter in meters for name, value in meter.end().items()}
        by_class = among.end(int(judged.changed.sum())) if judged.by_class else None
        numbers = OutputNumbers(**_heading(pair, judged), **_differences(judged), **found, classes=by_class)
        return Measured(judged, numbers)

    return with_room(work)


def _heading(pair: Pair, judged: Judged) -> dict:
    return {
        "output": pair.reference,
        "answer": pair.answer,
        "by": pair.by,
        "rows": len(judged.changed),
        "values": judged.values,
        "changed": int(judged.changed.sum()),
        "identical": judged.identical,
        "rounding": judged.rounding,
    }


def _differences(judged: Judged) -> dict:
    unlike = bool(np.isinf(judged.distance).any())
    return {
        "max_abs": judged.max_abs if judged.values else None,
        "mean_abs": judged.sum_abs / judged.values if judged.values else None,
        "atol_needed": math.inf if unlike else judged.atol_needed,
        "reference_nan": judged.reference_nan,
        "answer_nan": judged.answer_nan,
        "reference_inf": judged.reference_inf,
        "answer_inf": judged.answer_inf,
        "worst": judged.worst,
    }
