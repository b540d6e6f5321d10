"""How many changed copies Roundtrip does not notice, and how many sound ones it accuses, as a second judge says."""

import tempfile
from pathlib import Path

from benchmarks.house import house
from benchmarks.measure import Row, Sample
from tests.oracle import campaign
from tests.oracle.product import SharedChild

BASES, MUTANTS_OF_EACH = 6, 34  # 204 of each; the long run of the tests has 2,000


def measure() -> list[Row]:
    """Mutants unnoticed, noticed in the wrong place, below resolution; sound copies accused."""
    with house() as jobs, tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        shared, work = SharedChild(jobs.worker), Path(folder)
        mutants, sound = campaign.try_many(jobs.library, shared, BASES, MUTANTS_OF_EACH, work)
        figures = campaign.sum_up(mutants, campaign.judge_trials(mutants, work))
        shared.close()
    real = figures.tried - len(figures.below) - len(figures.equal)
    left_out = ", ".join(f"{key} {name}" for key, name in [*campaign.BLIND_SPOTS, *campaign.FALSE_ALARMS])
    note = f"not counted, since known: {left_out}" if left_out else ""
    return [
        _count("mutants unnoticed", figures.unnoticed, real, note),
        _count("mutants noticed, but not where they were changed", figures.misplaced, real),
        _count("sound copies accused", campaign.accused(sound), len(sound)),
        Row("mutants below resolution", Sample((float(len(figures.below)),)), unit=f"of {figures.tried}"),
        Row("changes without any effect", Sample((float(len(figures.equal)),)), unit=f"of {figures.tried}"),
    ]


def _count(what: str, wrong: list[str], total: int, note: str = "") -> Row:
    return Row(what, Sample((float(len(wrong)),)), unit=f"of {total}", at_most=0, note=note)
