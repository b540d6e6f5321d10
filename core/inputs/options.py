"""The kinds of inputs that the models of a run take, and the input set for what a person chose of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Arrays
from core.demos.base import InputField
from core.inputs.fitting import InputFitter, InputSpecs
from core.inputs.form_fields import form_fields, row_from_values, values_from_row
from core.inputs.from_images import image_frame
from core.inputs.from_plane import is_plane_possible
from core.inputs.from_random import count_free_axes
from core.inputs.held_out import class_indices, first_row_by_class
from core.inputs.input_set import InputSet
from core.inputs.source import SourceArray
from core.inputs.store import Inputs, ProgressCallback, ignore_progress
from core.library import Library
from core.library.records import Run
from core.runtimes.reference import Reference
from core.uploads import NamedFile

MAX_NAMED_VALUES = 4  # values of a typed row that its words name


class HeldOutChoice(NamedTuple):
    """Test examples: how many, of which classes (none: all), drawn by a seed (None: the first ones)."""

    rows: int
    classes: tuple[str, ...]
    seed: int | None


class TypedChoice(NamedTuple):
    """One row: a value for each form field."""

    values: tuple[Any, ...]


class DrawnChoice(NamedTuple):
    """One row, as a drawing gave it."""

    inputs: Arrays


class FileChoice(NamedTuple):
    """Files that were sent."""

    files: Sequence[NamedFile]


class RandomChoice(NamedTuple):
    """Random rows: how many, between which numbers, by which seed, with a size for each free axis of an input."""

    rows: int
    low: float
    high: float
    seed: int
    sizes: Mapping[str, Sequence[int]]


class PlaneChoice(NamedTuple):
    """A grid of rows on the plane through three test examples, by their numbers."""

    corners: tuple[int, int, int]


InputChoice = PlaneChoice | HeldOutChoice | TypedChoice | DrawnChoice | FileChoice | RandomChoice


@dataclass(frozen=True)
class InputOptions:
    """The inputs that fit models with the input signature of a run.

    Attributes:
        kinds: The ways that fit, of "held-out", "drawn", "typed", "file", "random" and "plane".
        rows: Number of test examples.
        class_counts: How many of them are of each class; empty where that is not known.
        first_rows: The first of them of each class that has any; empty where that is not known.
        fields: What a person fills in for one row; empty where that is too much.
        takes_images: Whether files may be images.
        free_axes: For an input that leaves axes free, how many sizes random rows need.
        random_high: The default upper bound of random numbers.
        ranges: The least and the greatest number of each input in the run's data.
    """

    run: Run
    specs: InputSpecs
    kinds: tuple[str, ...]
    rows: int
    class_counts: dict[str, int]
    first_rows: dict[str, int]
    fields: tuple[InputField, ...]
    takes_images: bool
    free_axes: dict[str, int]
    random_high: float
    ranges: dict[str, tuple[float, float]]

    def require_fit(self, input_set: InputSet) -> None:
        """Raise InputError when a set is not for these models."""
        arrays = [SourceArray(column["name"], None, tuple(column["shape"])) for column in input_set.columns]
        InputFitter(arrays, self.specs)

    def range_notes(self, inputs: Arrays) -> list[str]:
        """Return a note on each input whose numbers go far beyond those in the run's data."""
        notes = []
        for name, array in inputs.items():
            if name not in self.ranges or array.dtype.kind not in "fiu" or not np.isfinite(array).any():
                continue
            finite, (low, high) = array[np.isfinite(array)], self.ranges[name]
            least, most, margin = float(finite.min()), float(finite.max()), (high - low) / 2
            if least < low - margin or most > high + margin:
                notes.append(
                    f"“{name}” goes from {least:.4g} to {most:.4g}; in the data of the run it goes from {low:.4g} to "
                    f"{high:.4g}. Answers to what a model has never seen say little of its copies."
                )
        return notes

    def make(
        self, choice: InputChoice, inputs: Inputs, library: Library, on_progress: ProgressCallback = ignore_progress
    ) -> InputSet:
        """Make what a person chose an input set. Raises as the `add_*` methods of `Inputs` do."""
        match choice:
            case HeldOutChoice():
                return inputs.add_held_out(library, self.run.id, choice.rows, choice.classes, choice.seed)
            case TypedChoice(values):
                row = row_from_values(self.run, self.specs, self.fields, values)
                return inputs.add_typed(row, _typed_words(self.fields, values))
            case DrawnChoice(row):
                return inputs.add_drawn(row)
            case FileChoice(files):
                return inputs.add_upload(files, self.specs, self.run.image_shape)
            case RandomChoice():
                return inputs.add_random(self.specs, *choice, on_progress)
            case PlaneChoice(corners):
                return inputs.add_plane(library, self.run.id, corners)

    def read_choice(self, input_set: InputSet, inputs: Inputs) -> InputChoice | None:
        """Return the choice that makes a set again; None where nothing here makes it."""
        origin = input_set.origin
        match input_set.kind:
            case "held-out" if origin["run"] == self.run.id:
                return HeldOutChoice(input_set.rows, tuple(origin["classes"]), origin["seed"])
            case "random":
                return RandomChoice(origin["rows"], origin["low"], origin["high"], origin["seed"], origin["sizes"])
            case "plane" if origin["run"] == self.run.id:
                return PlaneChoice(tuple(origin["corners"]))
            case "typed":
                return TypedChoice(tuple(values_from_row(self.fields, inputs.read_rows(input_set.id, [0]))))
        return None


def _typed_words(fields: Sequence[InputField], values: Sequence[Any]) -> str:
    if len(fields) > MAX_NAMED_VALUES:
        return "One row, typed"
    texts = [f"{value:g}" if isinstance(value, float) else f"“{value[:40]}”" for value in values]
    return "Typed: " + ", ".join(f"{field.label} {text}" for field, text in zip(fields, texts, strict=True))


def offered_inputs(run: Run, specs: InputSpecs, reference: Reference) -> InputOptions:
    """Return the inputs that fit models of `run` with the input signature `specs` (see `input_specs`)."""
    indices = class_indices(run, reference.targets)
    labels = [] if indices is None else run.labels
    first_rows = first_row_by_class(run, reference.targets)
    fields = form_fields(run, specs, reference.inputs)
    is_fitting = {
        "held-out": True,
        "drawn": bool(run.image_shape) and len(run.inputs) == 1,
        "typed": bool(fields),
        "file": True,
        "random": bool(specs) and all(spec["shape"] is not None for spec in specs),
        "plane": len(first_rows) >= 3 and is_plane_possible(reference),
    }
    return InputOptions(
        run,
        specs,
        kinds=tuple(kind for kind in is_fitting if is_fitting[kind]),
        rows=reference.rows,
        first_rows=first_rows,
        class_counts={label: int(np.count_nonzero(indices == labels.index(label))) for label in labels},
        fields=fields,
        takes_images=image_frame(specs, run.image_shape) is not None,
        free_axes={spec["name"]: count for spec in specs if (count := count_free_axes(spec))},
        random_high=10.0 if any(spec["dtype"].startswith(("int", "uint")) for spec in specs) else 1.0,
        ranges={
            name: (float(np.nanmin(array)), float(np.nanmax(array)))
            for name, array in reference.inputs.items()
            if array.dtype.kind in "fiu" and not np.isnan(array).all()
        },
    )
