"""The order of the copies that fit: what decides between two of them, and the sentence that says so."""

from collections.abc import Sequence
from typing import NamedTuple

from core.adviser.candidates import Candidate
from core.adviser.needs import Needs, Place, rank_in_place
from core.formats import get_format
from core.text.numbers import format_duration, format_size

SMALL_PLACES = (Place.PHONE, Place.BROWSER, Place.MICROCONTROLLER)  # where every byte is carried to the device
SLOW_FACTOR = 1.5  # a call that takes longer than the fastest's by this is slower by more than noise


class Criterion(NamedTuple):
    """One thing by which copies are ranked: less is better, and the first that differs decides.

    `behind` says of a copy that is behind another by it what that means.
    """

    value: float
    behind: str


def rank_candidates(candidates: Sequence[Candidate], needs: Needs) -> list[Candidate]:
    """Sort copies that fit, the best first; where nothing decides, the registry's order stands."""
    fastest = _find_fastest(candidates)
    return sorted(candidates, key=lambda candidate: [each.value for each in _criteria(candidate, needs, fastest)])


def explain_order(best: Candidate, other: Candidate, candidates: Sequence[Candidate], needs: Needs) -> str:
    """Say in a sentence what decided for `best` and against `other`."""
    fastest = _find_fastest(candidates)
    sides = zip(_criteria(best, needs, fastest), _criteria(other, needs, fastest), strict=True)
    decisive = next((behind for (ahead, _), (value, behind) in sides if value != ahead), "")
    if decisive and other.bytes and decisive.startswith("larger"):
        return f"It is larger: {format_size(other.bytes)} instead of {format_size(best.bytes)}."
    return f"It {decisive}." if decisive else "Nothing that was measured tells the two apart."


def _find_fastest(candidates: Sequence[Candidate]) -> float | None:
    """The least latency, in seconds; None where not all were measured: they would be compared with nothing."""
    latencies = [candidate.latency for candidate in candidates if candidate.latency is not None]
    return min(latencies) if latencies and len(latencies) == len(candidates) else None


def _criteria(candidate: Candidate, needs: Needs, fastest: float | None) -> list[Criterion]:
    """What decides, in order: code that runs, evidence with gaps, training where it must resume, the place, and what
    was measured."""
    runs_code = Criterion(float(get_format(candidate.format).runs_code), "runs code when it is loaded")
    gaps = Criterion(float(bool(candidate.left_out)), "was not looked at in full")
    place = Criterion(float(rank_in_place(candidate.format, needs.where) or 0), _place_words(needs.where))
    size = Criterion(float(candidate.bytes), "larger")
    exact = Criterion(float(not candidate.is_exact), "differs by more than rounding")
    verdict = Criterion(float(candidate.verdict.rank), f"is {candidate.verdict.label.lower()} only")
    slow = Criterion(float(_is_slow(candidate, fastest)), _slow_words(candidate, fastest))
    if needs.trains_on:
        training = Criterion(_training_rank(candidate), "trains on from another point than the live model")
        losses = Criterion(float(len(candidate.list_losses())), "loses more of what was looked at")
        return [runs_code, gaps, training, place if needs.where is not Place.SERVER else exact, losses, verdict, size]
    if needs.where in SMALL_PLACES:
        return [runs_code, gaps, place, size, verdict]
    return [runs_code, gaps, exact, place, slow, size, verdict]


def _training_rank(candidate: Candidate) -> float:
    """0 where one step moves the weights as the live model's; 1 where it was not tried; 2 where it goes elsewhere."""
    return {"kept": 0.0, "changed": 2.0}.get(candidate.cells["trainable"].state, 1.0)


def _is_slow(candidate: Candidate, fastest: float | None) -> bool:
    return fastest is not None and candidate.latency is not None and candidate.latency > SLOW_FACTOR * fastest


def _slow_words(candidate: Candidate, fastest: float | None) -> str:
    if fastest is None or candidate.latency is None:
        return ""
    return f"takes {format_duration(candidate.latency)} to answer one row, the fastest {format_duration(fastest)}"


def _place_words(place: Place) -> str:
    if place is Place.SERVER:
        return "is opened less directly by servers of models"
    return f"runs {place.phrase} less directly"
