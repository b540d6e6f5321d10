"""Tolerances that a person sets for the outputs of a comparison, and which copies stay within them."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from core.compare import ToleranceResult, check_tolerance
from core.context import AppContext
from core.errors import InputError
from core.library.job_store import Job
from core.text.metrics import format_exact

ALL_OUTPUTS = ""  # in the place of an output's name: all that have no tolerance of their own


class Tolerance(NamedTuple):
    """An answer passes where |answer - baseline| <= atol + rtol · |baseline|."""

    atol: float
    rtol: float = 0.0

    @property
    def label(self) -> str:
        return format_exact(self.atol) + (f" + {format_exact(self.rtol)} · |baseline|" if self.rtol else "")


def parse_tolerances(texts: Iterable[str]) -> dict[str, Tolerance]:
    """`["1e-4", "logits=1e-3,1e-2"]` by output: an absolute tolerance, and after a comma a relative one.

    Raises InputError for anything but finite numbers of 0 or more.
    """
    found = {}
    for text in texts:
        output, _, numbers = text.rpartition("=")
        try:
            one = Tolerance(*(float(number) for number in numbers.split(",", 1)))
        except ValueError as error:
            raise _invalid_tolerance(text) from error
        if not all(math.isfinite(number) and number >= 0 for number in one):
            raise _invalid_tolerance(text)
        found[output] = one
    return found


def _invalid_tolerance(text: str) -> InputError:
    return InputError(
        "A tolerance is ATOL or ATOL,RTOL, for one output OUTPUT=ATOL,RTOL.",
        received=text,
        cure="For example 1e-4, or probabilities=1e-3,1e-2; both numbers are 0 or more.",
    )


def check_tolerances(
    context: AppContext, job: Job, tolerances: Mapping[str, Tolerance]
) -> dict[str, dict[str, ToleranceResult]]:
    """By artifact and output whether a finished comparison stays within the tolerances, on every row.

    Outputs for which none is wanted, and artifacts without answers, are left out. Raises InputError for a tolerance of
    an output that the baseline does not have.
    """
    answers, baseline = context.predictions(job.id), job.result["baseline"]
    reference = answers.output_sources(baseline)
    if strange := tolerances.keys() - reference.keys() - {ALL_OUTPUTS}:
        raise InputError(
            "The baseline has no such output.", received=strange.pop(), cure=f"Choose from {', '.join(reference)}."
        )
    found: dict[str, dict[str, ToleranceResult]] = {}
    for id_, outcome in job.result["outcomes"].items():
        if outcome["error"] is None:
            own = answers.output_sources(id_)
            for pair in outcome["pairs"]:
                name = pair["reference"]
                if limit := tolerances.get(name, tolerances.get(ALL_OUTPUTS)):
                    result = check_tolerance(reference[name], own[pair["answer"]], limit.atol, limit.rtol)
                    found.setdefault(id_, {})[name] = result
    return found
