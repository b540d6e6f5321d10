"""What a model takes: names, dtypes and shapes of its inputs, and boxes in which a person fills in a row."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.demos import get_demo
from core.demos.base import Box
from core.errors import InputError
from core.inputs.fitting import Specs, Tally, cast, dtype_of
from core.library import Library
from core.library.records import Run

MOST_BOXES = 32
TRUTHS = ("no", "yes")


def specs_of(library: Library, id_: str) -> list[dict[str, Any]]:
    """What a run, or the run of an artifact, takes: `{"name", "dtype", "shape"}` of each input, in the run's own names.

    A model that says nothing of its inputs (a subclassed one) takes what the artifact showed when it was reloaded; else
    what the run's reference holds. Raises UnknownName, UnreadableRecord, Damaged.
    """
    run = library.run(library.artifact(id_).run if id_.startswith("a") else id_)
    shown = [] if run.inputs or id_ == run.id else _shown(library, id_)
    return run.inputs or shown or _of_reference(library.reference(run.id).inputs)


def _shown(library: Library, artifact_id: str) -> list[dict[str, Any]]:
    best = library.evidence(artifact_id).best
    named = {pair["answer"]: pair["reference"] for pair in best.input_pairs}
    return [one | {"name": named.get(one["name"], one["name"])} for one in best.inputs]


def _of_reference(inputs: Arrays) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "dtype": "object" if array.dtype.kind == "U" else array.dtype.name,
            "shape": [None, *array.shape[1:]],
        }
        for name, array in inputs.items()
    ]


def boxes_of(run: Run, specs: Specs, seen: Arrays | None = None) -> tuple[Box, ...]:
    """What a person fills in for one row: the demo's own boxes; else one for each value of each input, if a row has at
    most 32; none for a picture. `seen` are inputs that the model knows: their ranges bound the boxes, and their first
    row is the example."""
    if run.demo and (boxes := get_demo(run.demo).boxes):
        return boxes
    sizes = [math.prod(spec["shape"][1:]) if _is_settled(spec) else math.inf for spec in specs]
    if run.image_shape or not specs or sum(sizes) > MOST_BOXES:
        return ()
    return tuple(box for spec in specs for box in _boxes(spec, (seen or {}).get(spec["name"])))


def _is_settled(spec: dict[str, Any]) -> bool:
    return spec["shape"] is not None and None not in spec["shape"][1:]


def _boxes(spec: dict[str, Any], seen: np.ndarray | None) -> list[Box]:
    size = math.prod(spec["shape"][1:])
    labels = [spec["name"]] if size == 1 else [f"{spec['name']} {at}" for at in range(size)]
    known = None if seen is None or seen[0].size != size else seen.reshape(len(seen), size)
    return [_box(spec, label, None if known is None else known[:, at]) for at, label in enumerate(labels)]


def _box(spec: dict[str, Any], label: str, seen: np.ndarray | None) -> Box:
    kind = dtype_of(spec["dtype"]).kind
    if kind == "U":
        return Box(spec["name"], label, "text", "text" if seen is None else str(seen[0]))
    if kind == "b":
        return Box(spec["name"], label, "choice", TRUTHS[0 if seen is None else int(seen[0])], TRUTHS)
    if seen is None or not np.isfinite(seen.astype("float64")).all():
        return Box(spec["name"], label, "number", 0.0)
    least, most = float(seen.min()), float(seen.max())
    bounds = {"least": least, "most": most} if least < most else {}
    return Box(spec["name"], label, "number", float(seen[0]), **bounds)


def row_of(run: Run, specs: Specs, boxes: Sequence[Box], values: Sequence[Any]) -> Arrays:
    """One row of inputs from what a person filled in, a value for each box, in their order: (1, ...) by input name, in
    the dtypes and shapes of `specs`. Raises InputError when a value does not fit."""
    if run.demo and get_demo(run.demo).boxes:
        return get_demo(run.demo).row(values)
    if len(values) != len(boxes):
        raise InputError(f"The model takes {len(boxes)} values.", received=len(values), cure="Give them all.")
    columns: dict[str, list[Any]] = {}
    for box, value in zip(boxes, values, strict=True):
        given = box.check(value)
        columns.setdefault(box.input, []).append(TRUTHS.index(given) if box.kind == "choice" else given)
    return {spec["name"]: _row(spec, columns[spec["name"]]) for spec in specs}


def _row(spec: dict[str, Any], values: list[Any]) -> np.ndarray:
    row = np.array(values, "U" if spec["dtype"] == "object" else "float64").reshape(1, *spec["shape"][1:])
    dtype = dtype_of(spec["dtype"])
    return cast(row, None if dtype.kind == "U" else dtype, spec["name"], 0, Tally())


def values_of(boxes: Sequence[Box], row: Arrays) -> list[Any]:
    """What a person filled in to get this row: the way back of `row_of`."""
    values = {name: iter(array.reshape(-1)) for name, array in row.items()}
    return [_value(box, next(values[box.input])) for box in boxes]


def _value(box: Box, value: Any) -> Any:
    if box.kind == "number":
        return float(str(value))  # as it was typed: 24.59, and not what float32 makes of it
    return TRUTHS[int(value)] if box.options == TRUTHS else str(value)
