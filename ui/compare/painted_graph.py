"""Painted graph: the graphs of two copies beside each other, each box in the colour of its difference."""

import contextlib
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st
from plotly.colors import sample_colorscale

from core.errors import RoundtripError
from core.formats import label_format
from core.jobs.layer_steps import PAIRED, LayerStep
from core.jobs.layers import activation_kind
from core.jobs.painted_graph import CLASS_LIMITS, LAST_CLASS, Side, paint_nodes
from core.library import Artifact, Library
from core.library.job_store import Job
from core.text.numbers import format_number, format_share
from ui.browser_component import load_component
from ui.components import escape_markdown
from ui.routes.graph_viewer import choose_graph_file
from ui.routes.urls import graph_token, graph_viewer_url
from ui.session import current_jobs

_PAINTED_GRAPH = load_component(Path(__file__).parent, "painted_graph")
LAYER_FILES = (".keras", "config.json", "architecture.json", ".h5")  # in whose graph each box is a layer
WEIGHT_FILE = ".weights.h5"  # in which no layer has its name
BOX_NAMES = {"keras": "node", "openvino": "node", "onnx": "tensor", "litert": "tensor"}  # by what a box is known
# From violet to yellow, in even steps of lightness: every kind of eye tells its eight classes apart.
CLASS_SCALE = "Viridis"
LIGHT_CLASS = 4  # from which a class of differences is painted so light that its letters are black
HINT = (
    "Point at a box to read its difference, or go from box to box with the arrow keys. A click or Enter shows the "
    "layer's values below. Drag to move both graphs; hold Shift and scroll to zoom."
)


class DrawnGraph(NamedTuple):
    """The artifact whose file is drawn for a model, and its format where it is another copy with the same layers."""

    artifact: str
    stand_in: str


class ChosenLayer(NamedTuple):
    """The place among the layers of one that was chosen, and when: the same one chosen again is another choice."""

    place: int
    at: int  # milliseconds, by the browser's clock


def show_painted_graph(job: Job, names: dict[str, str]) -> ChosenLayer | None:
    """Show the graphs of the two models of a comparison of layers. Returns the layer that was chosen in them."""
    result = job.result
    steps: list[LayerStep] = result["steps"]
    graphs = [graph for side in ("walked", "held") if (graph := _graph_data(result, side, names))]
    if not graphs:
        return None
    data = {
        "graphs": graphs,
        "labels": [describe_step(step) for step in steps],
        "palette": make_palette(),
        "legend": {
            "title": "Largest difference, as a share of the layer's range:",
            "none": "not compared",
            "above": f"above the tolerance of {format_share(result['tolerance'])}",
            "hint": HINT,
        },
    }
    key, default = f"painted-graph-{job.id}", {"chosen": None}
    chosen = _PAINTED_GRAPH(key=key, data=data, default=default, on_chosen_change=lambda: None).chosen
    return read_chosen_layer(chosen, len(steps))


def read_chosen_layer(value: Any, layers: int) -> ChosenLayer | None:
    """Return what the browser told of a choice among so many layers; None where it makes no sense, or there is none."""
    if not isinstance(value, list) or len(value) != 2 or any(type(number) is not int for number in value):
        return None
    chosen = ChosenLayer(*value)
    return chosen if 0 <= chosen.place < layers else None


def _graph_data(result: dict[str, Any], side: Side, names: dict[str, str]) -> dict[str, Any] | None:
    """What the browser is told of one graph; None, and a sentence on the page, where there is none."""
    library, id_ = current_jobs().library, result[side]
    drawn = find_drawn_graph(library, id_)
    if drawn is None:
        text = f"No file shows the layers of {names[id_]}. Save its run as a Keras file (.keras) too, to see its graph."
        st.info(escape_markdown(text), icon=":material/info:")
        return None
    kind = activation_kind(library, id_)
    return {
        "url": graph_viewer_url(drawn.artifact, graph_token(drawn.artifact), is_painted=True),
        "name": names[id_],
        "note": f"(drawn from its copy: {drawn.stand_in})" if drawn.stand_in else "",
        "alt": f"Graph of {names[id_]}, painted by difference",
        "nodes": paint_nodes(result["steps"], side, is_keras=kind == "keras"),
        "by": BOX_NAMES[kind],
    }


def find_drawn_graph(library: Library, id_: str) -> DrawnGraph | None:
    """Find the artifact to draw for an artifact, or a run's live model: its own file, else another copy's of its run.

    None where no copy of the run has a file with the layers.
    """
    run = id_
    if not id_.startswith("r"):
        artifact = library.artifact(id_)
        if activation_kind(library, id_) != "keras" or _shows_layers(artifact):
            return DrawnGraph(id_, "")
        run = artifact.run
    for other in library.artifacts_of(run):
        with contextlib.suppress(RoundtripError):  # one that cannot be read is no stand-in
            if _shows_layers(artifact := library.artifact(other)):
                return DrawnGraph(other, label_format(artifact.format))
    return None


def _shows_layers(artifact: Artifact) -> bool:
    file = choose_graph_file(artifact.format, [file.path for file in artifact.files])
    return file is not None and file.endswith(LAYER_FILES) and not file.endswith(WEIGHT_FILE)


def describe_step(step: LayerStep) -> str:
    """Return what is read of a box: its layer, its difference, the matching layer."""
    name = f"{step['layer']} ({step['class']})"
    if step["state"] != PAIRED or step["relative"] is None or step["max_abs"] is None:
        return f"{name}: {step['words']}"
    partner = f" Matching layer: {step['op']} {step['partner']}."
    if step["not_finite"] or not step["max_abs"]:
        return f"{name}: {step['words']}{partner}"
    share = format_share(step["relative"])
    return f"{name}: up to {format_number(step['max_abs'])}, {share} of its range. {step['words']}{partner}"


def make_palette() -> list[dict[str, str]]:
    """Return the colour, the ink and the label of each class of differences, from the least."""
    limits = [format_share(limit) for limit in CLASS_LIMITS]
    labels = ["none", *(f"to {limit}" for limit in limits[1:]), f"above {limits[-1]}"]
    fills = sample_colorscale(CLASS_SCALE, LAST_CLASS + 1)
    inks = ["#fff"] * LIGHT_CLASS + ["#000"] * (len(fills) - LIGHT_CLASS)
    return [{"fill": fill, "ink": ink, "label": label} for fill, ink, label in zip(fills, inks, labels, strict=True)]
