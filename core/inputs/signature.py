"""What a model takes: names, dtypes and shapes of its inputs, and boxes in which a person fills in a row."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.arrays import Arrays
from core.demos import get_demo
from core.demos.base import InputField
from core.errors import InputError
from core.inputs.fitting import CastTally, InputSpecs, cast_values, numpy_dtype
from core.library import Library
from core.library.records import Run

MAX_FIELDS = 32
BOOLEAN_CHOICES = ("no", "yes")


def input_specs(library: Library, id_: str) -> list[dict[str, Any]]:
    """What a run, or the run of an artifact, takes: `{"name", "dtype", "shape"}` of each input, in the run's own names.

    A model that says nothing of its inputs (a subclassed one) takes what the artifact showed when it was reloaded; else
    what the run's reference holds. Raises UnknownName, UnreadableRecord, Damaged.
    """
    run = library.run(library.artifact(id_).run if id_.startswith("a") else id_)
    shown = [] if run.inputs or id_ == run.id else _specs_from_evidence(library, id_)
    return run.inputs or shown or _specs_from_arrays(library.reference(run.id).inputs)


def _specs_from_evidence(library: Library, artifact_id: str) -> list[dict[str, Any]]:
    best = library.evidence(artifact_id).best
    named = {pair["answer"]: pair["reference"] for pair in best.input_pairs}
    return [one | {"name": named.get(one["name"], one["name"])} for one in best.inputs]


def _specs_from_arrays(inputs: Arrays) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "dtype": "object" if array.dtype.kind == "U" else array.dtype.name,
            "shape": [None, *array.shape[1:]],
        }
        for name, array in inputs.items()
    ]


def form_fields(run: Run, specs: InputSpecs, known_inputs: Arrays | None = None) -> tuple[InputField, ...]:
    """What a person fills in for one row: the demo's own boxes; else one for each value of each input, if a row has at
    most 32; none for a picture. `seen` are inputs that the model knows: their ranges bound the boxes, and their first
    row is the example."""
    if run.demo and (boxes := get_demo(run.demo).input_fields):
        return boxes
    sizes = [math.prod(spec["shape"][1:]) if _has_fixed_shape(spec) else math.inf for spec in specs]
    if run.image_shape or not specs or sum(sizes) > MAX_FIELDS:
        return ()
    return tuple(box for spec in specs for box in _input_fields(spec, (known_inputs or {}).get(spec["name"])))


def _has_fixed_shape(spec: dict[str, Any]) -> bool:
    return spec["shape"] is not None and None not in spec["shape"][1:]


def _input_fields(spec: dict[str, Any], known_values: np.ndarray | None) -> list[InputField]:
    size = math.prod(spec["shape"][1:])
    labels = [spec["name"]] if size == 1 else [f"{spec['name']} {at}" for at in range(size)]
    known = (
        None if known_values is None or known_values[0].size != size else known_values.reshape(len(known_values), size)
    )
    return [_build_field(spec, label, None if known is None else known[:, at]) for at, label in enumerate(labels)]


def _build_field(spec: dict[str, Any], label: str, known_values: np.ndarray | None) -> InputField:
    kind = numpy_dtype(spec["dtype"]).kind
    if kind == "U":
        return InputField(spec["name"], label, "text", "text" if known_values is None else str(known_values[0]))
    if kind == "b":
        return InputField(
            spec["name"],
            label,
            "choice",
            BOOLEAN_CHOICES[0 if known_values is None else int(known_values[0])],
            BOOLEAN_CHOICES,
        )
    if known_values is None or not np.isfinite(known_values.astype("float64")).all():
        return InputField(spec["name"], label, "number", 0.0)
    least, most = float(known_values.min()), float(known_values.max())
    bounds = {"minimum": least, "maximum": most} if least < most else {}
    return InputField(spec["name"], label, "number", float(known_values[0]), **bounds)


def row_from_values(run: Run, specs: InputSpecs, fields: Sequence[InputField], values: Sequence[Any]) -> Arrays:
    """One row of inputs from what a person filled in, a value for each box, in their order: (1, ...) by input name, in
    the dtypes and shapes of `specs`. Raises InputError when a value does not fit."""
    if run.demo and get_demo(run.demo).input_fields:
        return get_demo(run.demo).make_input_row(values)
    if len(values) != len(fields):
        raise InputError(f"The model takes {len(fields)} values.", received=len(values), cure="Give them all.")
    columns: dict[str, list[Any]] = {}
    for box, value in zip(fields, values, strict=True):
        given = box.validate(value)
        columns.setdefault(box.input, []).append(BOOLEAN_CHOICES.index(given) if box.kind == "choice" else given)
    return {spec["name"]: _build_row(spec, columns[spec["name"]]) for spec in specs}


def _build_row(spec: dict[str, Any], values: list[Any]) -> np.ndarray:
    row = np.array(values, "U" if spec["dtype"] == "object" else "float64").reshape(1, *spec["shape"][1:])
    dtype = numpy_dtype(spec["dtype"])
    return cast_values(row, None if dtype.kind == "U" else dtype, spec["name"], 0, CastTally())


def values_from_row(fields: Sequence[InputField], row: Arrays) -> list[Any]:
    """What a person filled in to get this row: the way back of `row_of`."""
    values = {name: iter(array.reshape(-1)) for name, array in row.items()}
    return [_field_value(box, next(values[box.input])) for box in fields]


def _field_value(field: InputField, value: Any) -> Any:
    if field.kind == "number":
        return float(str(value))  # as it was typed: 24.59, and not what float32 makes of it
    return BOOLEAN_CHOICES[int(value)] if field.options == BOOLEAN_CHOICES else str(value)
