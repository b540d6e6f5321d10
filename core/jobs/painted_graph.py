"""Painted graph: by the names of the boxes in a drawn graph, how far each is from its partner in another model."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Literal, TypedDict

from core.jobs.layer_steps import PAIRED, LayerStep

# The largest difference of each class but the last, as a share of the layer's range; in the first every bit is the
# same. They are fixed, so that one colour means the same in each comparison.
CLASS_LIMITS = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
LAST_CLASS = len(CLASS_LIMITS)

Side = Literal["walked", "held"]


class PaintedNode(TypedDict):
    """What one box shows: the step that it stands for, its difference, and the class of that.

    `difference` is a share of the layer's range, None where a value is finite in only one of the two.
    """

    place: int
    difference: float | None
    colour: int
    above: bool


def classify_difference(step: LayerStep) -> int | None:
    """Return the class of a step's difference, see `CLASS_LIMITS`; None where nothing was compared."""
    relative = step["relative"]
    if step["state"] != PAIRED or relative is None:
        return None
    return LAST_CLASS if step["not_finite"] else bisect_left(CLASS_LIMITS, relative)


def paint_nodes(steps: Sequence[LayerStep], side: Side, is_keras: bool) -> dict[str, PaintedNode]:
    """Map the names of boxes in the graph of one of two compared models to what they show; others were not compared.

    A box that stands for several steps, as a model within the model does, shows the one that differs most.

    Args:
        steps: As a comparison of layers gives them.
        side: "walked" for the model whose layers they are, "held" for the one with their partners.
        is_keras: Whether that is a Keras model, in whose graph layers may be called again and lie in one another.
    """
    nodes: dict[str, PaintedNode] = {}
    for place, step in enumerate(steps):
        name = step["layer"] if side == "walked" else step["partner"]
        colour = classify_difference(step)
        if name is None or colour is None:
            continue
        difference = None if step["not_finite"] else step["relative"]
        node: PaintedNode = {"place": place, "difference": difference, "colour": colour, "above": step["above"]}
        for box in _keras_boxes(name) if is_keras else (name,):
            if box not in nodes or _rank(nodes[box]) < _rank(node):
                nodes[box] = node
    return nodes


def _rank(node: PaintedNode) -> float:
    return float("inf") if node["difference"] is None else node["difference"]


def _keras_boxes(path: str) -> Iterator[str]:
    """Yield the names of the boxes in which a layer lies: its own, that of its call, those of the models around it.

    A layer that is called again is `name (2)` in a comparison, and `name[1]` in a graph.
    """
    path, _, number = path.partition(" (")
    call = number.removesuffix(")")
    yield path
    yield f"{path}[{int(call) - 1 if call.isdigit() else 0}]"
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
