"""Which figures belong to a comparison, with a title and how to read each: the same on a page and in a report."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from core.figures.accuracy import accuracies
from core.figures.agreement import agreement
from core.figures.matrix import matrix
from core.figures.places import by_position, heat
from core.figures.sizes import by_magnitude, histogram
from core.words import counted, first_of


class Titled(NamedTuple):
    """A figure, what it shows, and how to read it."""

    title: str
    reads: str
    figure: go.Figure


def of_one(numbers: dict[str, Any], labels: Sequence[str], name: str) -> Iterator[Titled]:
    """The figures on one output of the copy `name`; `numbers` is an `OutputNumbers` as JSON."""
    yield Titled(
        "How large the differences are",
        "Each bar counts numbers by how far they are off; both axes are logarithmic.",
        histogram(numbers),
    )
    yield Titled(
        "Difference against size",
        "How large a number is, and how far it is off. Rounding gives a band that rises with the size.",
        by_magnitude(numbers),
    )
    yield Titled(
        "Where the differences are",
        "Rows downward, positions of the output to the right. A column that stands out is a part of the output that "
        "suffers; a line is a row that does.",
        heat(numbers, labels),
    )
    if numbers["by_column"]:
        yield Titled("By position", "The mean difference at each position of the output.", by_position(numbers, labels))
    if numbers["classes"] and numbers["classes"]["agreement"]:
        yield who_said_what(numbers, labels, name)


def who_said_what(numbers: dict[str, Any], labels: Sequence[str], name: str) -> Titled:
    """The table of agreement of one copy."""
    return Titled(
        "Who said what",
        "Rows: what the baseline said; columns: what the copy said. Grey is agreement; every other colour counts "
        "changed answers.",
        agreement(numbers["classes"]["agreement"], labels, name),
    )


def all_against_all(found: dict[str, Any], names: Mapping[str, str]) -> Titled:
    """The matrix of a comparison; says on how many rows, and which pairs are on fewer."""
    fewer = {words: None for cell in found["cells"] if (words := first_of(cell["rows"], found["rows"]))}
    more = f"; those without the baseline {' or '.join(fewer)}" if fewer else ""
    return Titled(
        "All against all",
        f"The largest difference between each two, on {counted(found['rows'], 'row')}{more}. “=” is "
        "bit-identical, “NaN” differs only by what is no finite number, “?” cannot be compared.",
        matrix(found, names),
    )


def right_answers(numbers: Mapping[str, Mapping[str, Any]], names: Mapping[str, str], baseline: str) -> Titled | None:
    """The accuracy of the baseline and of each copy on one output; None where the right answers are not known.

    `numbers` are `OutputNumbers` as JSON, by the ids that `names` names.
    """
    known = {id_: one["classes"] for id_, one in numbers.items() if (one["classes"] or {}).get("answer_accuracy")}
    if not known:
        return None
    shown = {names[baseline]: next(iter(known.values()))["reference_accuracy"]}
    shown |= {names[id_]: one["answer_accuracy"] for id_, one in known.items()}
    return Titled(
        "Right answers",
        "The share of rows with the right class. The whiskers hold the true share 95 times in 100. The same share of "
        "right answers is not the same answers.",
        accuracies(shown),
    )
