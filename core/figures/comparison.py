"""Figures of a comparison: accuracy, confusion matrix, all pairs, and those of each output."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from core.compare import Verdict
from core.figures import theme
from core.figures.differences import difference_histogram, magnitude_heatmap, position_bars, position_heatmap
from core.figures.theme import COLOURS, NO_GRID, apply_theme, escape_label, log10_values, number_or_dash, wrap_label
from core.text.labels import pluralize
from core.text.numbers import shorten_exponent
from core.text.verdicts import first_rows_label, verdict_label

MAX_ANNOTATED_CLASSES = 20  # classes up to which the counts are written into the cells
MAX_ANNOTATED_MODELS = 7  # models up to which the differences are written into the cells
DISAGREEMENT_COLOURS = ["#FCD34D", "#F59E0B", "#B45309"]  # from few to many; the counts in them stay readable

Cell = dict[str, Any]  # of the matrix of a comparison, as JSON


def accuracy_figure(accuracies: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """Draw the accuracy of each name as a dot, with whiskers for its 95 % interval.

    `accuracies` are `Accuracy` as JSON by name, that of the baseline first.
    """
    if not accuracies:
        return theme.empty_figure("The right answers are not known for these rows.")
    rows, others = list(accuracies.values()), len(accuracies) - 1
    whiskers = {
        "array": [100 * (row["high"] - row["value"]) for row in rows],
        "arrayminus": [100 * (row["value"] - row["low"]) for row in rows],
    }
    figure = go.Figure(
        go.Scatter(
            x=[100 * row["value"] for row in rows],
            y=list(range(len(rows))),
            mode="markers",
            marker={"size": 11, "color": [COLOURS[2]] + [COLOURS[0]] * others},
            marker_symbol=["diamond"] + ["circle"] * others,
            error_x=whiskers | {"thickness": 2, "width": 6, "color": COLOURS[8]},
            hovertext=[_accuracy_hover(name, row) for name, row in accuracies.items()],
            hoverinfo="text",
        )
    )
    ticks = {"tickvals": list(range(len(rows))), "ticktext": [wrap_label(name) for name in accuracies]}
    figure.update_yaxes(**ticks, range=[len(rows) - 0.5, -0.5], automargin=True, zeroline=False)
    figure.update_xaxes(ticksuffix=" %", zeroline=False, nticks=6)
    return apply_theme(figure, "right answers", "", height=100 + 40 * len(rows))


def _accuracy_hover(name: str, accuracy: Mapping[str, Any]) -> str:
    share = f"{accuracy['value']:.1%} of {accuracy['rows']:,} rows are right"
    return f"<b>{escape_label(name)}</b><br>{share}<br>interval {accuracy['low']:.1%} to {accuracy['high']:.1%}"


def confusion_matrix(table: Sequence[Sequence[int]] | None, labels: Sequence[str], copy: str) -> go.Figure:
    """Draw predicted classes, the baseline's downward and the copy's to the right.

    Agreement is grey on the diagonal, so that disagreements stand out; where there is none, the cell is empty.
    """
    if not table:
        return theme.empty_figure("There are too many classes for a table of agreement.")
    count = len(table)
    is_annotated = count <= MAX_ANNOTATED_CLASSES
    names = (
        [escape_label(label) for label in labels] if len(set(labels)) == count else [f"class {n}" for n in range(count)]
    )
    same = [[n if x == y and n else None for x, n in enumerate(row)] for y, row in enumerate(table)]
    changed = [[n if x != y and n else None for x, n in enumerate(row)] for y, row in enumerate(table)]
    largest = max((n for row in changed for n in row if n), default=1)
    hover = f"%{{z:,}} rows: the baseline says %{{y}},<br>{escape_label(copy)} says %{{x}}<extra></extra>"
    shared = {"x": names, "y": names, "hovertemplate": hover, "hoverongaps": False, "showscale": False}
    shared |= {"xgap": 2, "ygap": 2}
    if is_annotated:
        shared |= {"texttemplate": "%{z}", "textfont": {"size": 11}}
    figure = go.Figure()
    figure.add_heatmap(z=same, colorscale=theme.single_colour(theme.NO_DIFFERENCE_COLOUR), **shared)
    figure.add_heatmap(z=changed, colorscale=DISAGREEMENT_COLOURS, zmin=1, zmax=max(largest, 2), **shared)
    ticks = {"type": "category", "tickvals": names[:: 1 if is_annotated else max(1, count // 10)], **NO_GRID}
    figure.update_xaxes(**ticks, range=[-0.5, count - 0.5])
    figure.update_yaxes(**ticks, range=[count - 0.5, -0.5])
    return apply_theme(figure, "the copy says", "the baseline says", height=min(520, 140 + 30 * count))


def pairwise_matrix(comparison: Mapping[str, Any], names: Mapping[str, str]) -> go.Figure:
    """Draw the largest difference of each pair of models, colours logarithmic.

    "=" is bit-identical, "NaN" differs only by what is not finite, "?" cannot be compared. Columns are numbered as the
    rows are, which have the names.

    Args:
        comparison: `{"ids", "rows", "cells"}`; a cell may be on the first rows only, and then says so.
        names: The name of each id.
    """
    ids, count = comparison["ids"], len(comparison["ids"])
    by_pair = {(cell["a"], cell["b"]): cell for cell in comparison["cells"]}
    cells: list[list[Cell | None]] = [[by_pair.get((a, b)) or by_pair.get((b, a)) for b in ids] for a in ids]
    hover = [
        [
            _cell_hover(cell, names[a], names[b], comparison["rows"]) if cell else ""
            for cell, b in zip(row, ids, strict=True)
        ]
        for row, a in zip(cells, ids, strict=True)
    ]
    shared: dict[str, Any] = {"hovertext": hover, "hoverinfo": "text", "hoverongaps": False, "xgap": 2, "ygap": 2}
    figure = go.Figure()
    _add_signs(figure, cells, shared)
    _add_differences(figure, cells, shared)
    numbered = [f"{wrap_label(names[id_])} <b>{number}</b>" for number, id_ in enumerate(ids, 1)]
    ticks = {"tickvals": list(range(count)), **NO_GRID}
    figure.update_xaxes(
        **ticks, ticktext=[f"<b>{number + 1}</b>" for number in range(count)], range=[-0.5, count - 0.5]
    )
    figure.update_yaxes(**ticks, ticktext=numbered, range=[count - 0.5, -0.5], automargin=True)
    return apply_theme(figure, "", "", height=150 + max(34 * count, 90))


SIGN_COLOURS = {"=": theme.IDENTICAL_COLOUR, "NaN": theme.CHANGED_COLOUR, "?": theme.NO_DIFFERENCE_COLOUR}


def _add_signs(figure: go.Figure, cells: list[list[Cell | None]], shared: dict[str, Any]) -> None:
    for sign, colour in SIGN_COLOURS.items():
        has_sign = [[cell is not None and _cell_sign(cell) == sign for cell in row] for row in cells]
        text = [[sign if is_shown else "" for is_shown in row] for row in has_sign]
        z = [[0 if is_shown else None for is_shown in row] for row in has_sign]
        colours = {"colorscale": theme.single_colour(colour), "showscale": False}
        figure.add_heatmap(z=z, text=text, texttemplate="%{text}", **colours, **shared)


def _cell_sign(cell: Cell) -> str:
    """Return the sign that a cell shows in place of a number; empty where it shows the largest difference."""
    if cell["verdict"] is None:
        return "?"
    if cell["verdict"] == Verdict.BIT_IDENTICAL:
        return "="
    return "NaN" if cell["changed_rows"] and cell["max_abs"] == 0 else ""


def _add_differences(figure: go.Figure, cells: list[list[Cell | None]], shared: dict[str, Any]) -> None:
    distances = [[float(cell["max_abs"]) if cell and not _cell_sign(cell) else None for cell in row] for row in cells]
    logs = log10_values(distances)
    limits = theme.value_range(logs)
    # Equal numbers with unequal bits (0 and -0, or another dtype) get the low end of the scale.
    low = limits[0] if limits else -1.0
    z = [
        [low if log is None and distance is not None else log for distance, log in zip(*pair, strict=True)]
        for pair in zip(distances, logs, strict=True)
    ]
    if limits:
        bar = theme.log_colorbar(*limits, "largest difference")
        shared = shared | {"zmin": limits[0], "zmax": limits[1], "colorbar": bar}
    if len(cells) <= MAX_ANNOTATED_MODELS:
        shared = shared | {"texttemplate": "%{text}", "textfont": {"size": 10}}
    text = [["" if distance is None else _format_one_digit(distance) for distance in row] for row in distances]
    figure.add_heatmap(z=z, text=text, colorscale=theme.COLOUR_SCALE, showscale=bool(limits), **shared)


def _format_one_digit(value: float) -> str:
    """Return one digit, and the power of ten where it is far from 1; short enough for a cell."""
    return f"{value:.1g}" if value == 0 or 0.01 <= value < 9.5 else shorten_exponent(f"{value:.0e}")


def _cell_hover(cell: Cell, a: str, b: str, total_rows: int) -> str:
    pair = f"<b>{escape_label(a)}</b> against <b>{escape_label(b)}</b>"
    if cell["verdict"] is None:
        return f"{pair}<br>{escape_label(cell['error']['sentence'])}"
    verdict = verdict_label(cell["verdict"], cell["changed_rows"], cell["rows"])
    largest, rows = number_or_dash(cell["max_abs"]), first_rows_label(cell["rows"], total_rows)
    return "<br>".join(filter(None, (pair, verdict, f"largest difference {largest}", rows)))


class TitledFigure(NamedTuple):
    """A figure, what it shows, and how to read it."""

    title: str
    explanation: str
    figure: go.Figure


def output_figures(numbers: Mapping[str, Any], labels: Sequence[str], name: str) -> Iterator[TitledFigure]:
    """Draw the figures on one output of the copy `name`; `numbers` is `OutputMetrics` as JSON."""
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


def titled_confusion_matrix(numbers: Mapping[str, Any], labels: Sequence[str], name: str) -> TitledFigure:
    """Draw the confusion matrix of one copy."""
    return TitledFigure(
        "Who said what",
        "Rows: what the baseline said; columns: what the copy said. Grey is agreement; every other colour counts "
        "changed answers.",
        confusion_matrix(numbers["classes"]["agreement"], labels, name),
    )


def titled_pairwise_matrix(comparison: Mapping[str, Any], names: Mapping[str, str]) -> TitledFigure:
    """Draw the matrix of a comparison, and say on how many rows, and which pairs are on fewer."""
    labels = (first_rows_label(cell["rows"], comparison["rows"]) for cell in comparison["cells"])
    fewer = dict.fromkeys(filter(None, labels))
    more = f"; those without the baseline {' or '.join(fewer)}" if fewer else ""
    return TitledFigure(
        "Every pair",
        f"The largest difference between each two, on {pluralize(comparison['rows'], 'row')}{more}. “=” is "
        "bit-identical, “NaN” differs only by what is no finite number, “?” cannot be compared.",
        pairwise_matrix(comparison, names),
    )


def titled_accuracy(
    numbers: Mapping[str, Mapping[str, Any]], names: Mapping[str, str], baseline: str
) -> TitledFigure | None:
    """Draw the accuracy of baseline and copies on one output; None where it is not known.

    `numbers` are `OutputMetrics` as JSON, by the ids that `names` names.
    """
    classes = {id_: metrics["classes"] for id_, metrics in numbers.items() if metrics["classes"]}
    known = {id_: metrics for id_, metrics in classes.items() if metrics.get("answer_accuracy")}
    if not known:
        return None
    accuracies = {names[baseline]: next(iter(known.values()))["reference_accuracy"]}
    accuracies |= {names[id_]: metrics["answer_accuracy"] for id_, metrics in known.items()}
    return TitledFigure(
        "Right answers",
        "The share of rows with the right class. The whiskers hold the true share 95 times in 100. The same share of "
        "right answers is not the same answers.",
        accuracy_figure(accuracies),
    )
