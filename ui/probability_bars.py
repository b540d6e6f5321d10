"""The figure of class probabilities, with a bar for each model; the theme of the page gives the colours."""

import plotly.graph_objects as go

from core.figures.theme import apply_theme, escape_label

MAX_SEPARATE = 3  # models that each have bars of their own; of more, those with equal predictions share theirs


def probability_bars(classes: list[str], predictions: dict[str, list[float]]) -> go.Figure:
    """Draw the probability of each class, with a bar for each model, or for all models that predict the same."""
    if len(predictions) > MAX_SEPARATE:
        predictions = _merge_equal(predictions)
    figure = go.Figure()
    names = [escape_label(label) for label in classes]
    for name, values in predictions.items():
        figure.add_bar(x=names, y=values, name=escape_label(name))
    figure.update_layout(barmode="group")
    figure.update_xaxes(type="category")
    figure = apply_theme(figure, "class", "probability", height=300 + 14 * len(predictions))
    # The legend is below: beside the bars, a long list of names would leave them no room on a narrow screen.
    return figure.update_layout(legend={"y": -0.25, "yanchor": "top"})


def _merge_equal(predictions: dict[str, list[float]]) -> dict[str, list[float]]:
    names: dict[tuple[float, ...], list[str]] = {}
    for name, values in predictions.items():
        names.setdefault(tuple(values), []).append(name)
    return {_join_names(group): list(values) for values, group in names.items()}


def _join_names(names: list[str]) -> str:
    first, *others = names
    if not others:
        return first
    return f"{first} and {others[0] if len(others) == 1 else f'{len(others)} others, which predict the same'}"
