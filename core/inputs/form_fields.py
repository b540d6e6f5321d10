"""What a model takes: the specs of its inputs, and form fields in which a person fills in a row."""

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from core.arrays import Arrays
from core.demos import get_demo
from core.demos.base import InputField
from core.errors import InputError
from core.inputs.fitting import CastTally, InputSpecs, cast_values, numpy_dtype
from core.library import Library
from core.library.records import Run
from core.runtimes.specs import InputSpec, fixed_row_shape

MAX_FIELDS = 32
BOOLEAN_CHOICES = ("no", "yes")


def input_specs(library: Library, id_: str) -> list[InputSpec]:
    """Return what a run, or the run of an artifact, takes, in the run's own names.

    A model that says nothing of its inputs (a subclassed one) takes what the artifact showed when it was reloaded; else
    what the run's reference holds. Raises UnknownName, UnreadableRecord, Damaged.
    """
    run = library.run(library.artifact(id_).run if id_.startswith("a") else id_)
    recorded = cast(list[InputSpec], run.inputs) or ([] if id_ == run.id else _specs_from_evidence(library, id_))
    return recorded or _specs_from_arrays(library.reference(run.id).inputs)


def _specs_from_evidence(library: Library, artifact_id: str) -> list[InputSpec]:
    outcome = library.evidence(artifact_id).best
    run_names = {pair["answer"]: pair["reference"] for pair in outcome.input_pairs}
    specs = cast(list[InputSpec], outcome.inputs)
    return [{**spec, "name": run_names.get(spec["name"], spec["name"])} for spec in specs]


def _specs_from_arrays(inputs: Arrays) -> list[InputSpec]:
    dtypes = {name: "object" if array.dtype.kind == "U" else array.dtype.name for name, array in inputs.items()}
    return [{"name": name, "dtype": dtypes[name], "shape": [None, *inputs[name].shape[1:]]} for name in inputs]


def form_fields(run: Run, specs: InputSpecs, known_inputs: Arrays | None = None) -> tuple[InputField, ...]:
    """Return what a person fills in for one row; nothing where a row is an image or has more than 32 values.

    A demo has fields of its own; else each value of each input has one.

    Args:
        known_inputs: Rows of the run's data: their ranges bound the fields, and their first row is the example.
    """
    if run.demo and (fields := get_demo(run.demo).input_fields):
        return fields
    shapes = [fixed_row_shape(spec) for spec in specs]
    sizes = [MAX_FIELDS + 1 if shape is None else math.prod(shape) for shape in shapes]
    if run.image_shape or not specs or sum(sizes) > MAX_FIELDS:
        return ()
    return tuple(field for spec in specs for field in _input_fields(spec, (known_inputs or {}).get(spec["name"])))


def _input_fields(spec: InputSpec, known_values: np.ndarray | None) -> list[InputField]:
    size = math.prod(fixed_row_shape(spec) or ())
    labels = [spec["name"]] if size == 1 else [f"{spec['name']} {at}" for at in range(size)]
    if known_values is None or known_values[0].size != size:
        return [_build_field(spec, label, None) for label in labels]
    columns = known_values.reshape(len(known_values), size).T
    return [_build_field(spec, label, column) for label, column in zip(labels, columns, strict=True)]


def _build_field(spec: InputSpec, label: str, known_values: np.ndarray | None) -> InputField:
    name, kind = spec["name"], numpy_dtype(spec["dtype"]).kind
    if kind == "U":
        return InputField(name, label, "text", "text" if known_values is None else str(known_values[0]))
    if kind == "b":
        example = BOOLEAN_CHOICES[0 if known_values is None else int(known_values[0])]
        return InputField(name, label, "choice", example, BOOLEAN_CHOICES)
    if known_values is None or not np.isfinite(known_values.astype("float64")).all():
        return InputField(name, label, "number", 0.0)
    least, most = float(known_values.min()), float(known_values.max())
    field = InputField(name, label, "number", float(known_values[0]))
    return field._replace(minimum=least, maximum=most) if least < most else field


def row_from_values(run: Run, specs: InputSpecs, fields: Sequence[InputField], values: Sequence[Any]) -> Arrays:
    """Return one row of inputs from what a person filled in.

    Args:
        values: One for each field, in their order.

    Returns:
        Arrays (1, ...) by input name, in the dtypes and shapes of `specs`.

    Raises:
        InputError: When a value does not fit.
    """
    if run.demo and get_demo(run.demo).input_fields:
        return get_demo(run.demo).make_input_row(values)
    if len(values) != len(fields):
        raise InputError(f"The model takes {len(fields)} values.", received=len(values), cure="Give them all.")
    columns: dict[str, list[Any]] = {}
    for field, value in zip(fields, values, strict=True):
        valid = field.validate(value)
        columns.setdefault(field.input, []).append(BOOLEAN_CHOICES.index(valid) if field.kind == "choice" else valid)
    return {spec["name"]: _build_row(spec, columns[spec["name"]]) for spec in specs}


def _build_row(spec: InputSpec, values: list[Any]) -> np.ndarray:
    row = np.array(values, "U" if spec["dtype"] == "object" else "float64").reshape(1, *fixed_row_shape(spec) or ())
    dtype = numpy_dtype(spec["dtype"])
    return cast_values(row, None if dtype.kind == "U" else dtype, spec["name"], 0, CastTally())


def values_from_row(fields: Sequence[InputField], row: Arrays) -> list[Any]:
    """Return what a person filled in to get this row: the inverse of `row_from_values`."""
    values = {name: iter(array.reshape(-1)) for name, array in row.items()}
    return [_field_value(field, next(values[field.input])) for field in fields]


def _field_value(field: InputField, value: Any) -> Any:
    if field.kind == "number":
        return float(str(value))  # as it was typed: 24.59, and not what float32 makes of it
    return BOOLEAN_CHOICES[int(value)] if field.options == BOOLEAN_CHOICES else str(value)
