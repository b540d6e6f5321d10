"""Who said what: the baseline's classes against a copy's."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.figures.dressing import MUTED, dressed, escaped, nothing

WRITTEN = 20  # classes up to which the counts are written into the cells
DISAGREE = ["#FCD34D", "#F59E0B", "#B45309"]  # from few to many; the counts in them stay readable


def agreement(table: Sequence[Sequence[int]] | None, labels: Sequence[str], copy: str) -> go.Figure:
    """Rows: what the baseline said; columns: what the copy said. Agreement lies grey on the diagonal, so that
    disagreements stand out; where there is none, the cell is empty."""
    if not table:
        return nothing("There are too many classes for a table of agreement.")
    count = len(table)
    names = [escaped(one) for one in labels] if len(set(labels)) == count else [f"class {n}" for n in range(count)]
    same = [[n if x == y and n else None for x, n in enumerate(row)] for y, row in enumerate(table)]
    other = [[n if x != y and n else None for x, n in enumerate(row)] for y, row in enumerate(table)]
    most = max((n for row in other for n in row if n), default=1)
    said = f"%{{z:,}} rows: the baseline says %{{y}},<br>{escaped(copy)} says %{{x}}<extra></extra>"
    shared = {"x": names, "y": names, "hovertemplate": said, "hoverongaps": False, "showscale": False, "xgap": 2}
    shared |= {"ygap": 2}
    if count <= WRITTEN:
        shared |= {"texttemplate": "%{z}", "textfont": {"size": 11}}
    figure = go.Figure()
    figure.add_heatmap(z=same, colorscale=[[0, MUTED], [1, MUTED]], **shared)
    figure.add_heatmap(z=other, colorscale=DISAGREE, zmin=1, zmax=max(most, 2), **shared)
    step = max(1, count // 10) if count > WRITTEN else 1
    ticks = {"type": "category", "tickvals": names[::step], "showgrid": False, "zeroline": False}
    figure.update_xaxes(**ticks, range=[-0.5, count - 0.5])
    figure.update_yaxes(**ticks, range=[count - 0.5, -0.5])
    return dressed(figure, "the copy says", "the baseline says", height=min(520, 140 + 30 * count))
