"""The figure of class probabilities, with a bar for each model; the theme of the page gives the colours."""

import plotly.graph_objects as go

from core.figures.theme import apply_theme, escape_label


def probability_bars(classes: list[str], predictions: dict[str, list[float]]) -> go.Figure:
    """Draw the probability of each class, with a bar for each model."""
    figure = go.Figure()
    names = [escape_label(label) for label in classes]
    for name, values in predictions.items():
        figure.add_bar(x=names, y=values, name=escape_label(name))
    figure.update_layout(barmode="group")
    figure.update_xaxes(type="category")
    figure = apply_theme(figure, "class", "probability", height=300 + 14 * len(predictions))
    # The legend is below: beside the bars, a long list of names would leave them no room on a narrow screen.
    return figure.update_layout(legend={"y": -0.25, "yanchor": "top"})
