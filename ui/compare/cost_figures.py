"""What copies cost, drawn: from click to first answer, and size against speed against fidelity."""

from html import escape

import streamlit as st

from core.compare import ATOL
from core.work.costs import Cost
from ui.charts import CONFIG, stacked_bars
from ui.compare.trade_offs import Axis, Mark, trade_offs
from ui.words import duration, plain, size

CLOSE = 0.01  # a difference that nobody sees in a probability
# How far from the baseline, in words; best first.
CLOSENESS = (
    "exactly the same",
    "same to rounding",
    f"off by {CLOSE:g} at most",
    f"off by more than {CLOSE:g}",
    "not compared",
)


def show_click(good: dict[str, Cost], names: dict[str, str]) -> None:
    st.subheader("From click to first answer")
    order = sorted(good, key=lambda id_: good[id_].click.median)
    whole = [good[id_].click for id_ in order]
    parts = {
        "load": [good[id_].load.median * 1000 for id_ in order],
        "first answer": [good[id_].first.median * 1000 for id_ in order],
    }
    hover = {part: [f"{part}: {duration(value / 1000)}" for value in values] for part, values in parts.items()}
    bounds = [(spread.least * 1000, spread.most * 1000) for spread in whole]
    figure = stacked_bars([names[id_] for id_ in order], parts, "milliseconds", hover, bounds)
    said = ", ".join(f"{names[id_]} {duration(good[id_].click.median)}" for id_ in order)
    st.plotly_chart(figure, config=CONFIG, key="cost-click", alt=f"Time from click to first answer: {said}")


def show_trade_offs(
    good: dict[str, Cost], names: dict[str, str], fidelity: dict[str, float | None], best: list[str], batch: int
) -> None:
    st.subheader("Size, speed, fidelity")
    numbers = {id_: at for at, id_ in enumerate(best, 1)}
    said = {
        id_: (size(cost.bytes), f"{_short(cost.at(batch).p50)} a call", closeness(fidelity.get(id_)))
        for id_, cost in good.items()
    }
    marks = [
        Mark(
            x=cost.bytes,
            y=cost.at(batch).p50,
            kind=said[id_][2],
            hover=f"<b>{escape(names[id_])}</b><br>{'<br>'.join(said[id_])}",
            number=numbers.get(id_),
        )
        for id_, cost in good.items()
    ]
    call = f"time of a call of {'1 row' if batch == 1 else f'{batch} rows'}"
    figure = trade_offs(marks, Axis("size on disk", size), Axis(call, _short), CLOSENESS)
    alt = "; ".join(f"{names[id_]}: {', '.join(words)}" for id_, words in said.items())
    st.plotly_chart(figure, config=CONFIG, key="cost-trade-offs", alt=f"Size against time of a call. {alt}")
    st.caption("Further left is smaller, further down is faster. Numbered and joined: those that nothing beats.")
    key = [f"**{number} {plain(names[id_])}**: {plain(', '.join(said[id_]))}" for id_, number in numbers.items()]
    st.caption("  \n".join(key))


def closeness(difference: float | None) -> str:
    """The largest difference as one of `CLOSENESS`."""
    if difference is None or difference != difference:
        return CLOSENESS[4]
    bounds = (0.0, ATOL, CLOSE)
    return CLOSENESS[next((at for at, bound in enumerate(bounds) if difference <= bound), 3)]


def _short(seconds: float) -> str:
    """Times of a call, down to microseconds."""
    return duration(seconds) if seconds >= 0.001 else f"{seconds * 1e6:.0f} µs"
