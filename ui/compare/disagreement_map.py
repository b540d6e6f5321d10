"""Map tab: the plane through three test examples, in the colours of the classes, and where a copy disagrees."""

from typing import Any

import numpy as np
import streamlit as st

from core.compare import Verdict
from core.figures.images import row_image_url
from core.figures.plane_map import plane_map
from core.figures.theme import PLOTLY_CONFIG
from core.inputs.from_plane import DEFAULT_SIDE, is_plane_possible, plane_coordinates
from core.inputs.held_out import first_row_by_class
from core.text.labels import capitalize_first, pluralize
from ui.charts import probability_bars
from ui.compare.comparison_job import FinishedComparison
from ui.components import escape_markdown
from ui.query_params import bind_select
from ui.session import current_jobs, load_reference

PICTURE = 128  # pixels of the longer side


NO_MAP = (
    "There is no map of disagreement here: it needs a classifier of pictures with one input of decimal numbers, "
    "and test examples of three known classes."
)


def has_disagreement_map(comparison: FinishedComparison) -> bool:
    """Whether there is a map, or can be one: of pictures only, where each spot can be drawn."""
    is_plane = comparison.inputs.kind == "plane"
    return is_plane or (comparison.run.image_shape is not None and _default_corners(comparison) is not None)


def show_disagreement_map(comparison: FinishedComparison) -> None:
    """Show the map of one copy, and the clicked spot close up; where other inputs were asked, offer a plane."""
    if comparison.inputs.kind != "plane":
        _offer_plane(comparison)
        return
    baseline, copies = comparison.job.result["baseline"], _most_telling_first(comparison)
    copy_id = copies[0]
    if len(copies) > 1:
        copy_id = st.selectbox(
            "Copy", **bind_select("mapped", copies), format_func=comparison.names.__getitem__, width=320
        )
    predictions = {id_: _read_predictions(comparison, id_) for id_ in (baseline, copy_id)}
    classes = {id_: values.argmax(axis=1) for id_, values in predictions.items()}
    st.markdown(escape_markdown(map_sentence(comparison.names[copy_id], classes[baseline], classes[copy_id])))
    places = plane_coordinates(comparison.inputs.origin["side"])
    corners = _corner_names(comparison)
    figure = plane_map(places, classes[baseline], classes[copy_id], comparison.run.labels, corners)
    left, right = st.columns([3, 2])
    key, alt = f"map-{copy_id}", "The class of each spot; crosses where the copy predicts another"
    style: dict[str, Any] = {"on_select": "rerun", "selection_mode": "points", "config": PLOTLY_CONFIG}
    event = left.plotly_chart(figure, key=key, alt=alt, **style)
    with right:
        _show_spot(comparison, *_chosen_spot(event, classes[baseline] != classes[copy_id]), predictions)


def _most_telling_first(comparison: FinishedComparison) -> list[str]:
    """Return the copies that gave predictions, first those that changed some: all or none make no map."""
    outcomes = {id_: outcome for id_, outcome in comparison.outcomes.items() if outcome.has_predictions}
    return sorted(outcomes, key=lambda id_: outcomes[id_].verdict is not Verdict.SOME_CHANGED)


def map_sentence(name: str, baseline: np.ndarray, copy: np.ndarray) -> str:
    """Return on how many spots of the map a copy predicts another class, (spots,) int each."""
    changed = int((baseline != copy).sum())
    if not changed:
        return f"{name} predicts the same class on all {len(copy):,} spots of this plane."
    return f"{name} predicts another class on {changed:,} of {pluralize(len(copy), 'spot')} (crosses). Click a spot."


def _offer_plane(comparison: FinishedComparison) -> None:
    st.markdown("Three test examples span a plane: a map of it shows where the copies begin to disagree.")
    corners = _default_corners(comparison)
    if corners and st.button("Compare on such a plane", icon=":material/map:", type="primary"):
        jobs = current_jobs()
        made = jobs.inputs.add_plane(jobs.library, comparison.run.id, corners, DEFAULT_SIDE)
        st.query_params["inputs"] = made.id
        st.rerun()


def _default_corners(comparison: FinishedComparison) -> tuple[int, int, int] | None:
    """Return the first test examples of the first three classes; None where there is no plane."""
    reference = load_reference(comparison.run.id)
    rows = list(first_row_by_class(comparison.run, reference.targets).values())
    return (rows[0], rows[1], rows[2]) if len(rows) >= 3 and is_plane_possible(reference) else None


def _corner_names(comparison: FinishedComparison) -> list[str]:
    corners = comparison.inputs.origin["corners"]
    first_rows = first_row_by_class(comparison.run, load_reference(comparison.run.id).targets)
    classes = {row: label for label, row in first_rows.items()}
    return [f"{letter}: {classes.get(row, f'row {row}')}" for letter, row in zip("ABC", corners, strict=True)]


def _read_predictions(comparison: FinishedComparison, id_: str) -> np.ndarray:
    """Return what a participant predicted for each spot of the first output with classes, (spots, classes)."""
    store, baseline = current_jobs().predictions(comparison.job.id), comparison.job.result["baseline"]
    output = next(iter(store.output_sources(baseline)))
    if id_ != baseline:
        pairs = comparison.job.result["outcomes"][id_]["pairs"]
        output = next(pair["answer"] for pair in pairs if pair["reference"] == output)
    return store.read_rows(id_, output, np.arange(comparison.inputs.rows))


def _chosen_spot(event: Any, disagree: np.ndarray) -> tuple[int, str]:
    """Return the row and the name of the spot that was clicked, else of the first cross, else of the first spot."""
    points = event.selection.points if event else []
    if points:
        return int(points[-1]["customdata"]), "the spot that you clicked"
    return int(np.argmax(disagree)), "the lowest cross" if disagree.any() else "the spot at the lower left"


def _show_spot(comparison: FinishedComparison, row: int, name: str, predictions: dict[str, np.ndarray]) -> None:
    shape, rows = comparison.run.image_shape, current_jobs().inputs.read_rows(comparison.inputs.id, [row])
    if shape:
        image = row_image_url(next(iter(rows.values()))[0].astype("float32"), shape, PICTURE)
        st.image(image, capitalize_first(name), PICTURE, alt=f"What was asked at {name}")
    values = {comparison.names[id_]: array[row].astype("float64").tolist() for id_, array in predictions.items()}
    figure = probability_bars(comparison.run.labels, values)
    st.plotly_chart(figure, config=PLOTLY_CONFIG, key="map-spot", alt=f"Probabilities of each class at {name}")
