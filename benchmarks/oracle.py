"""How many changed copies Roundtrip does not notice, and how many sound ones it accuses, as a second judge says.

`python -m benchmarks.oracle --first 6 --bases 24 --each 68 --record FILE` does more, and adds a line of figures to a
file after each base: what was measured stands there when the run is ended early. `--sum FILE` adds up such lines.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.house import house
from benchmarks.measure import Row, Sample
from tests.oracle.campaign import Figures, add_figures, measure_base
from tests.oracle.product import SharedChild

BASES, OF_EACH = 6, 34  # 204 of each; the long run of the tests has 2,000


def measure() -> list[Row]:
    """Mutants unnoticed, noticed in the wrong place, below resolution; sound copies accused."""
    return _rows(add_figures(figures for _, figures in measure_bases(0, BASES, OF_EACH)))


def measure_bases(first: int, bases: int, each: int) -> Iterator[tuple[int, Figures]]:
    """The figures of each base, by its number, which is its seed."""
    with house() as jobs:
        shared = SharedChild(jobs.worker)
        for number in range(first, first + bases):
            yield number, measure_base(jobs.library, shared, number, each)
        shared.close()


def _rows(figures: Figures) -> list[Row]:
    return [
        _count("mutants unnoticed", figures.unnoticed, figures.mutants),
        _count("mutants noticed, but not where they were changed", figures.misplaced, figures.mutants),
        _count("sound copies accused", figures.accused, figures.sound),
        Row("mutants below resolution", Sample((float(len(figures.below)),)), unit=f"of {figures.tried}"),
        Row("changes without any effect", Sample((float(len(figures.equal)),)), unit=f"of {figures.tried}"),
    ]


def _count(what: str, wrong: list[str], total: int) -> Row:
    return Row(what, Sample((float(len(wrong)),)), unit=f"of {total}", at_most=0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.oracle")
    parser.add_argument("--first", type=int, default=0, help="the number of the first base")
    parser.add_argument("--bases", type=int, default=BASES)
    parser.add_argument("--each", type=int, default=OF_EACH, help="mutants, and sound copies, of each base")
    parser.add_argument("--record", type=Path, help="add a line of figures for each base to this file")
    parser.add_argument("--sum", type=Path, help="measure nothing: add up the lines of this file")
    options = parser.parse_args()
    if options.sum:
        lines = [json.loads(line) for line in options.sum.read_text().splitlines()]
        parts = [Figures(**{key: value for key, value in line.items() if key != "base"}) for line in lines]
    else:
        parts = []
        for number, figures in measure_bases(options.first, options.bases, options.each):
            parts.append(figures)
            line = json.dumps({"base": number, **figures._asdict()})
            print(line, file=sys.stderr, flush=True)
            if options.record:
                with options.record.open("a") as file:
                    file.write(line + "\n")
    for row in _rows(add_figures(parts)):
        print(f"{row.what}: {row.value_text}")


if __name__ == "__main__":
    main()
