"""Curves of a training that was carried on, while it runs and afterwards."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import streamlit as st

from core.library import Run
from core.library.journal import Job
from core.work.resuming import LIVE, batches_of
from ui.charts import CONFIG, Course, courses, departure
from ui.state import office

DRAWN = 1500  # points of one curve
Losses = Sequence[float | None] | np.ndarray


def draw_growing(job: Job, run: Run, names: dict[str, str]) -> None:
    """The curves of a job that is under way, as far as they have come."""
    told = job.detail.get("curves") or {}
    if job.active and LIVE in told:
        draw_courses(run, told, names, batches_of(run, 1).each, f"growing-{job.id}", job.detail["every"])


def draw_courses(
    run: Run, losses: dict[str, Losses], names: dict[str, str], each: int, key: str, every: int = 1
) -> None:
    """The run's own epochs, then the losses of the live model and of the copies: of every `every`th batch, `each` to an
    epoch."""
    history = [row for row in office().library.history(run.id) if row.get("loss") is not None]
    past = Course("the run's own epochs", [row["epoch"] for row in history], [row["loss"] for row in history])
    begun = len(office().library.history(run.id))

    def course(name: str, who: str) -> Course:
        return Course(name, *_points(losses[who], begun, each, every))

    copies = [course(_joined([names[id_] for id_ in ids]), ids[0]) for ids in _alike(losses)]
    figure = courses(past, course("the live model, trained on", LIVE), copies)
    st.plotly_chart(figure, config=CONFIG, key=key, alt="Loss of every batch, of the live model and of each copy")


def draw_departure(apart: np.ndarray, each: int, colour: str, key: str, name: str) -> None:
    """How far the losses of a copy are from the live model's."""
    most = float(np.abs(apart[np.isfinite(apart)]).max(initial=0.0))
    figure = departure(*_points(apart, 0, each, 1), most or 1.0, colour)
    st.plotly_chart(figure, config=CONFIG, key=key, alt=f"Loss of {name} minus the live model's, batch by batch")


def _points(values: Losses, begun: int, each: int, every: int) -> tuple[list[float], list[float | None]]:
    """Epochs and values, thinned to what a screen shows; None where a value is no number."""
    step = max(1, len(values) // DRAWN)
    at = range(0, len(values), step)
    shown = [values[index] for index in at]
    epochs = [begun + (index * every + 1) / each for index in at]
    return epochs, [None if one is None or not np.isfinite(one) else float(one) for one in shown]


def _alike(losses: dict[str, Losses]) -> list[list[str]]:
    """Who trained on, together where all losses are the same so far: one line cannot be told from another on it."""
    text = {who: str(list(own)) for who, own in losses.items() if who != LIVE}
    order = list(text)
    groups = [list(group) for _, group in groupby(sorted(order, key=text.get), text.get)]
    return sorted(groups, key=lambda group: order.index(group[0]))


def _joined(names: list[str]) -> str:
    """Several names as one, over as many lines as a narrow screen needs."""
    return ",<br>".join(", ".join(names[at : at + 2]) for at in range(0, len(names), 2))
