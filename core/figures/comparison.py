"""Accuracy, confusion matrix, all-pairs matrix, figure sets.

How many answers are right, and how sure that is.

Who said what: the baseline's classes against a copy's.

All against all.

Which figures belong to a comparison, with a title and how to read each: the same on a page and in a report.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from core.compare import Verdict
from core.figures.distributions import difference_histogram, magnitude_heatmap, position_bars, position_heatmap
from core.figures.theme import (
    CHANGED_COLOUR,
    COLOUR_SCALE,
    COLOURS,
    IDENTICAL_COLOUR,
    NO_DIFFERENCE_COLOUR,
    apply_theme,
    empty_figure,
    escape_label,
    log10_values,
    log_colorbar,
    number_or_dash,
    value_range,
    wrap_label,
)
from core.text.labels import first_rows_label, pluralize, verdict_label


def accuracy_figure(accuracies: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """A dot for the share of right answers of each name, with whiskers for its 95 % interval.

    `found` gives for each name an `Accuracy` as JSON; the first is the baseline.
    """
    if not accuracies:
        return empty_figure("The right answers are not known for these rows.")
    names, rows = list(accuracies), list(accuracies.values())
    shares = [100 * one["value"] for one in rows]
    figure = go.Figure(
        go.Scatter(
            x=shares,
            y=list(range(len(names))),
            mode="markers",
            marker={"size": 11, "color": [COLOURS[2], *[COLOURS[0]] * (len(names) - 1)]},
            marker_symbol=["diamond", *["circle"] * (len(names) - 1)],
            error_x={
                "array": [100 * (one["high"] - one["value"]) for one in rows],
                "arrayminus": [100 * (one["value"] - one["low"]) for one in rows],
                "thickness": 2,
                "width": 6,
                "color": COLOURS[8],
            },
            hovertext=[_accuracy_hover(name, one) for name, one in accuracies.items()],
            hoverinfo="text",
        )
    )
    ticks = {"tickvals": list(range(len(names))), "ticktext": [wrap_label(name) for name in names]}
    figure.update_yaxes(**ticks, range=[len(names) - 0.5, -0.5], automargin=True, zeroline=False)
    figure.update_xaxes(ticksuffix=" %", zeroline=False, nticks=6)
    return apply_theme(figure, "right answers", "", height=100 + 40 * len(names))


def _accuracy_hover(name: str, accuracy: Mapping[str, Any]) -> str:
    interval = f"{accuracy['low']:.1%} to {accuracy['high']:.1%}"
    return (
        f"<b>{escape_label(name)}</b><br>{accuracy['value']:.1%} of {accuracy['rows']:,} rows are "
        f"right<br>interval {interval}"
    )


MAX_ANNOTATED_CLASSES = 20  # classes up to which the counts are written into the cells
DISAGREEMENT_COLOURS = ["#FCD34D", "#F59E0B", "#B45309"]  # from few to many; the counts in them stay readable


def confusion_matrix(table: Sequence[Sequence[int]] | None, labels: Sequence[str], copy: str) -> go.Figure:
    """Rows: what the baseline said; columns: what the copy said. Agreement lies grey on the diagonal, so that
    disagreements stand out; where there is none, the cell is empty."""
    if not table:
        return empty_figure("There are too many classes for a table of agreement.")
    count = len(table)
    names = [escape_label(one) for one in labels] if len(set(labels)) == count else [f"class {n}" for n in range(count)]
    same = [[n if x == y and n else None for x, n in enumerate(row)] for y, row in enumerate(table)]
    other = [[n if x != y and n else None for x, n in enumerate(row)] for y, row in enumerate(table)]
    most = max((n for row in other for n in row if n), default=1)
    said = f"%{{z:,}} rows: the baseline says %{{y}},<br>{escape_label(copy)} says %{{x}}<extra></extra>"
    shared = {"x": names, "y": names, "hovertemplate": said, "hoverongaps": False, "showscale": False, "xgap": 2}
    shared |= {"ygap": 2}
    if count <= MAX_ANNOTATED_CLASSES:
        shared |= {"texttemplate": "%{z}", "textfont": {"size": 11}}
    figure = go.Figure()
    figure.add_heatmap(z=same, colorscale=[[0, NO_DIFFERENCE_COLOUR], [1, NO_DIFFERENCE_COLOUR]], **shared)
    figure.add_heatmap(z=other, colorscale=DISAGREEMENT_COLOURS, zmin=1, zmax=max(most, 2), **shared)
    step = max(1, count // 10) if count > MAX_ANNOTATED_CLASSES else 1
    ticks = {"type": "category", "tickvals": names[::step], "showgrid": False, "zeroline": False}
    figure.update_xaxes(**ticks, range=[-0.5, count - 0.5])
    figure.update_yaxes(**ticks, range=[count - 0.5, -0.5])
    return apply_theme(figure, "the copy says", "the baseline says", height=min(520, 140 + 30 * count))


MAX_ANNOTATED_MODELS = 7  # participants up to which the differences are written into the cells


def pairwise_matrix(comparison: dict[str, Any], names: Mapping[str, str]) -> go.Figure:
    """The largest difference of each pair, colours logarithmic.

    "=" is bit-identical, "NaN" differs only by what is not finite, "?" does not fit each other.

    `found` is {"ids", "rows", "cells"} of a comparison; a cell may be on the first rows only, and then says so. Columns
    are numbered as the rows are, which have the names.
    """
    ids, count = comparison["ids"], len(comparison["ids"])
    cells = {(one["a"], one["b"]): one for one in comparison["cells"]}
    pairs = [[cells.get((a, b)) or cells.get((b, a)) for b in ids] for a in ids]
    words = [
        [
            _cell_hover(cell, names[a], names[b], comparison["rows"]) if cell else ""
            for cell, b in zip(row, ids, strict=True)
        ]
        for row, a in zip(pairs, ids, strict=True)
    ]
    shared = {"hovertext": words, "hoverinfo": "text", "hoverongaps": False, "xgap": 2, "ygap": 2}
    figure = go.Figure()
    for colour, sign, chosen in (
        (IDENTICAL_COLOUR, "=", _is_identical),
        (CHANGED_COLOUR, "NaN", _is_nonfinite_only),
        (NO_DIFFERENCE_COLOUR, "?", _is_incomparable),
    ):
        here = [[bool(cell) and chosen(cell) for cell in row] for row in pairs]
        signs = {"text": [[sign if one else "" for one in row] for row in here], "texttemplate": "%{text}"}
        z = [[0 if one else None for one in row] for row in here]
        figure.add_heatmap(z=z, colorscale=[[0, colour], [1, colour]], showscale=False, **signs, **shared)
    _add_differences(figure, pairs, shared)
    numbered = [f"{wrap_label(names[id_])} <b>{at}</b>" for at, id_ in enumerate(ids, 1)]
    ticks = {"tickvals": list(range(count)), "showgrid": False, "zeroline": False}
    figure.update_xaxes(**ticks, ticktext=[f"<b>{at}</b>" for at in range(1, count + 1)], range=[-0.5, count - 0.5])
    figure.update_yaxes(**ticks, ticktext=numbered, range=[count - 0.5, -0.5], automargin=True)
    return apply_theme(figure, "", "", height=150 + max(34 * count, 90))


def _add_differences(figure: go.Figure, pairs: list[list[dict[str, Any] | None]], shared: dict[str, Any]) -> None:
    far = [
        [float(cell["max_abs"]) if cell and not any(one(cell) for one in SPECIAL_CELLS) else None for cell in row]
        for row in pairs
    ]
    limits = value_range(log10_values(far))
    # Of equal numbers and yet not of equal bits (0 and -0, or another dtype): the low end of the scale.
    low = limits[0] if limits else -1.0
    z = [[None if one is None else at if at is not None else low for one, at in _with_log10(row)] for row in far]
    if limits:
        bar = log_colorbar(*limits, "largest difference")
        shared = shared | {"zmin": limits[0], "zmax": limits[1], "colorbar": bar}
    written = {"text": [["" if one is None else _format_exponent(one) for one in row] for row in far]}
    written |= {"texttemplate": "%{text}", "textfont": {"size": 10}} if len(pairs) <= MAX_ANNOTATED_MODELS else {}
    figure.add_heatmap(z=z, colorscale=COLOUR_SCALE, showscale=bool(limits), **written, **shared)


def _format_exponent(value: float) -> str:
    """One digit and the power of ten: no number is longer than its cell."""
    return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e") if value else "0"


def _with_log10(row: list[float | None]) -> list[tuple[float | None, float | None]]:
    return list(zip(row, log10_values([row])[0], strict=True))


def _is_identical(cell: dict[str, Any]) -> bool:
    return cell["verdict"] == Verdict.BIT_IDENTICAL


def _is_nonfinite_only(cell: dict[str, Any]) -> bool:
    """Whether answers changed, and yet no finite number did."""
    return bool(cell["changed_rows"]) and cell["max_abs"] == 0


def _is_incomparable(cell: dict[str, Any]) -> bool:
    return cell["verdict"] is None


SPECIAL_CELLS = (_is_identical, _is_nonfinite_only, _is_incomparable)


def _cell_hover(cell: dict[str, Any], a: str, b: str, requested_rows: int) -> str:
    both = f"<b>{escape_label(a)}</b> against <b>{escape_label(b)}</b>"
    if _is_incomparable(cell):
        return f"{both}<br>{escape_label(cell['error']['sentence'])}"
    said = verdict_label(cell["verdict"], cell["changed_rows"], cell["rows"])
    lines = [
        both,
        said,
        f"largest difference {number_or_dash(cell['max_abs'])}",
        first_rows_label(cell["rows"], requested_rows),
    ]
    return "<br>".join(line for line in lines if line)


class TitledFigure(NamedTuple):
    """A figure, what it shows, and how to read it."""

    title: str
    explanation: str
    figure: go.Figure


def output_figures(numbers: dict[str, Any], labels: Sequence[str], name: str) -> Iterator[TitledFigure]:
    """The figures on one output of the copy `name`; `numbers` is an `OutputNumbers` as JSON."""
    yield TitledFigure(
        "How large the differences are",
        "Each bar counts numbers by how far they are off; both axes are logarithmic.",
        difference_histogram(numbers),
    )
    yield TitledFigure(
        "Difference against size",
        "How large a number is, and how far it is off. Rounding gives a band that rises with the size.",
        magnitude_heatmap(numbers),
    )
    yield TitledFigure(
        "Where the differences are",
        "Rows downward, positions of the output to the right. A column that stands out is a part of the output that "
        "suffers; a line is a row that does.",
        position_heatmap(numbers, labels),
    )
    if numbers["by_column"]:
        yield TitledFigure(
            "By position", "The mean difference at each position of the output.", position_bars(numbers, labels)
        )
    if numbers["classes"] and numbers["classes"]["agreement"]:
        yield titled_confusion_matrix(numbers, labels, name)


def titled_confusion_matrix(numbers: dict[str, Any], labels: Sequence[str], name: str) -> TitledFigure:
    """The table of agreement of one copy."""
    return TitledFigure(
        "Who said what",
        "Rows: what the baseline said; columns: what the copy said. Grey is agreement; every other colour counts "
        "changed answers.",
        confusion_matrix(numbers["classes"]["agreement"], labels, name),
    )


def titled_pairwise_matrix(comparison: dict[str, Any], names: Mapping[str, str]) -> TitledFigure:
    """The matrix of a comparison; says on how many rows, and which pairs are on fewer."""
    fewer = {
        words: None for cell in comparison["cells"] if (words := first_rows_label(cell["rows"], comparison["rows"]))
    }
    more = f"; those without the baseline {' or '.join(fewer)}" if fewer else ""
    return TitledFigure(
        "All against all",
        f"The largest difference between each two, on {pluralize(comparison['rows'], 'row')}{more}. “=” is "
        "bit-identical, “NaN” differs only by what is no finite number, “?” cannot be compared.",
        pairwise_matrix(comparison, names),
    )


def titled_accuracy(
    numbers: Mapping[str, Mapping[str, Any]], names: Mapping[str, str], baseline: str
) -> TitledFigure | None:
    """The accuracy of the baseline and of each copy on one output; None where the right answers are not known.

    `numbers` are `OutputNumbers` as JSON, by the ids that `names` names.
    """
    known = {id_: one["classes"] for id_, one in numbers.items() if (one["classes"] or {}).get("answer_accuracy")}
    if not known:
        return None
    shown = {names[baseline]: next(iter(known.values()))["reference_accuracy"]}
    shown |= {names[id_]: one["answer_accuracy"] for id_, one in known.items()}
    return TitledFigure(
        "Right answers",
        "The share of rows with the right class. The whiskers hold the true share 95 times in 100. The same share of "
        "right answers is not the same answers.",
        accuracy_figure(shown),
    )
