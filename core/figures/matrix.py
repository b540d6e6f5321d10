"""All against all."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from core.compare import Verdict
from core.figures.dressing import ALARM, MUTED, SAME, SCALE, broken, dressed, escaped, log10_bar, logs, number, span
from core.words import first_of, verdict_words

WRITTEN = 7  # participants up to which the differences are written into the cells


def matrix(found: dict[str, Any], names: Mapping[str, str]) -> go.Figure:
    """The largest difference of each pair, colours logarithmic.

    "=" is bit-identical, "NaN" differs only by what is not finite, "?" does not fit each other.

    `found` is {"ids", "rows", "cells"} of a comparison; a cell may be on the first rows only, and then says so. Columns
    are numbered as the rows are, which have the names.
    """
    ids, count = found["ids"], len(found["ids"])
    cells = {(one["a"], one["b"]): one for one in found["cells"]}
    pairs = [[cells.get((a, b)) or cells.get((b, a)) for b in ids] for a in ids]
    words = [
        [_words(cell, names[a], names[b], found["rows"]) if cell else "" for cell, b in zip(row, ids, strict=True)]
        for row, a in zip(pairs, ids, strict=True)
    ]
    shared = {"hovertext": words, "hoverinfo": "text", "hoverongaps": False, "xgap": 2, "ygap": 2}
    figure = go.Figure()
    for colour, sign, chosen in ((SAME, "=", _is_same), (ALARM, "NaN", _is_lost), (MUTED, "?", _is_unfit)):
        here = [[bool(cell) and chosen(cell) for cell in row] for row in pairs]
        signs = {"text": [[sign if one else "" for one in row] for row in here], "texttemplate": "%{text}"}
        z = [[0 if one else None for one in row] for row in here]
        figure.add_heatmap(z=z, colorscale=[[0, colour], [1, colour]], showscale=False, **signs, **shared)
    _add_differences(figure, pairs, shared)
    numbered = [f"{broken(names[id_])} <b>{at}</b>" for at, id_ in enumerate(ids, 1)]
    ticks = {"tickvals": list(range(count)), "showgrid": False, "zeroline": False}
    figure.update_xaxes(**ticks, ticktext=[f"<b>{at}</b>" for at in range(1, count + 1)], range=[-0.5, count - 0.5])
    figure.update_yaxes(**ticks, ticktext=numbered, range=[count - 0.5, -0.5], automargin=True)
    return dressed(figure, "", "", height=150 + max(34 * count, 90))


def _add_differences(figure: go.Figure, pairs: list[list[dict[str, Any] | None]], shared: dict[str, Any]) -> None:
    far = [
        [float(cell["max_abs"]) if cell and not any(one(cell) for one in APART) else None for cell in row]
        for row in pairs
    ]
    limits = span(logs(far))
    # Of equal numbers and yet not of equal bits (0 and -0, or another dtype): the low end of the scale.
    low = limits[0] if limits else -1.0
    z = [[None if one is None else at if at is not None else low for one, at in _both(row)] for row in far]
    if limits:
        bar = log10_bar(*limits, "largest difference")
        shared = shared | {"zmin": limits[0], "zmax": limits[1], "colorbar": bar}
    written = {"text": [["" if one is None else _short(one) for one in row] for row in far]}
    written |= {"texttemplate": "%{text}", "textfont": {"size": 10}} if len(pairs) <= WRITTEN else {}
    figure.add_heatmap(z=z, colorscale=SCALE, showscale=bool(limits), **written, **shared)


def _short(value: float) -> str:
    """One digit and the power of ten: no number is longer than its cell."""
    return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e") if value else "0"


def _both(row: list[float | None]) -> list[tuple[float | None, float | None]]:
    return list(zip(row, logs([row])[0], strict=True))


def _is_same(cell: dict[str, Any]) -> bool:
    return cell["verdict"] == Verdict.BIT_IDENTICAL


def _is_lost(cell: dict[str, Any]) -> bool:
    """Whether answers changed, and yet no finite number did."""
    return bool(cell["changed_rows"]) and cell["max_abs"] == 0


def _is_unfit(cell: dict[str, Any]) -> bool:
    return cell["verdict"] is None


APART = (_is_same, _is_lost, _is_unfit)


def _words(cell: dict[str, Any], a: str, b: str, asked: int) -> str:
    both = f"<b>{escaped(a)}</b> against <b>{escaped(b)}</b>"
    if _is_unfit(cell):
        return f"{both}<br>{escaped(cell['error']['sentence'])}"
    said = verdict_words(cell["verdict"], cell["changed_rows"], cell["rows"])
    lines = [both, said, f"largest difference {number(cell['max_abs'])}", first_of(cell["rows"], asked)]
    return "<br>".join(line for line in lines if line)
