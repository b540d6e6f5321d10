"""What a demo is: data in three splits that share no row, an untrained model, the training defaults, a score."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.arrays import Arrays
from core.errors import DataUnavailable, InputError
from core.runtimes.base import Model, ModelCode


class TrainSettings(BaseModel):
    """What a person may set before a training; the bounds are checked here, for pages and command line alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = "digits"
    epochs: int = Field(default=10, ge=1, le=500, description="passes over the training data")
    batch_size: int = Field(default=32, ge=1, le=65_536, description="rows per step")
    learning_rate: float = Field(default=0.001, gt=0, le=10, description="size of a step")
    hidden_units: int = Field(default=128, ge=1, le=8192, description="width of the hidden layer")
    seed: int = Field(default=0, ge=0, lt=2**32, description="fixes shuffling and the first weights")


class Split(NamedTuple):
    """Inputs by name and targets by name, row by row; the targets in the order of the model's outputs."""

    inputs: Arrays
    targets: Arrays

    @property
    def rows(self) -> int:
        return len(next(iter(self.targets.values())))


@dataclass(frozen=True)
class Data:
    """Three splits that share no row: to learn from, to watch, and to hold out for the reference."""

    train: Split
    validation: Split
    held_out: Split


class Score(NamedTuple):
    """How good a model is on test examples: "accuracy" (a share, more is better), or an error with its unit."""

    name: str
    value: float


class Progress(NamedTuple):
    """One message of a training: the fraction of all steps that is done; `logs` is there at the end of an epoch."""

    fraction: float
    epoch: int
    logs: dict[str, float] | None = None


TrainingProgressCallback = Callable[[Progress], None]
TrainStep = Callable[[Arrays, Arrays], float]  # trains on (inputs, targets); returns their mean loss before it did
Scorer = Callable[[list[np.ndarray], list[np.ndarray]], Score]  # of (predictions, targets), both in output order


def accuracy_score(predictions: list[np.ndarray], targets: list[np.ndarray]) -> Score:
    """The share of rows whose largest value is the right class, by the first output; targets are one-hot."""
    return Score("accuracy", float((predictions[0].argmax(axis=1) == targets[0].argmax(axis=1)).mean()))


class InputField(NamedTuple):
    """One value of one input, as a person fills it in; an input with several columns has one field for each, in order.

    `kind` is "number" (float32), "text" or "choice" (one of `options`); `example` is a value from real data, and a
    number usually lies in `minimum` ... `maximum`, which bound the widget and not the model.
    """

    input: str
    label: str
    kind: str
    example: Any
    options: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    def validate(self, value: Any) -> float | str:
        """The value as a float or a text. Raises InputError when it is neither a number nor an option, as it must."""
        if self.kind == "choice" and value not in self.options:
            cure = f"Choose from {', '.join(self.options)}."
            raise InputError(f"'{self.label}' has other choices.", received=value, cure=cure)
        try:
            return float(value) if self.kind == "number" else str(value)
        except (TypeError, ValueError) as error:
            cure = f"Give one such as {self.example}."
            raise InputError(f"'{self.label}' must be a number.", received=value, cure=cure) from error


@dataclass(frozen=True)
class Demo:
    """A named recipe: facts that can be read before TensorFlow is loaded, and functions that run in a worker child.

    Attributes:
        kind: The kind of its model, "keras" or "module".
        sample: A few rows of the same data for a picture of it, read where no model runtime may be imported.
        score: Compares predictions with targets, both in output order.
        labels: The names of the classes, empty where predictions are values, which are then in `unit`.
        image_shapes: By data set, how a row is drawn that is an image; `output_image_shapes` the same of a prediction.
        input_fields: What a person fills in where a row is no image.
        make_train_step: Returns the step that trains a model of this demo, where Keras does not do it.
        classes: Makes the custom classes that a reloading process does not know.
    """

    key: str
    label: str
    predicts: str
    data_description: str
    model_description: str
    demonstrates: str
    source: str
    kind: str
    datasets: Mapping[str, str]
    data: Callable[[TrainSettings], Data]
    build: Callable[[TrainSettings], Model]
    train: Callable[[Model, Data, TrainSettings, TrainingProgressCallback], None]
    score: Scorer
    sample: Callable[[], Split] | None = None
    labels: tuple[str, ...] = ()
    image_shapes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    output_image_shapes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    input_fields: tuple[InputField, ...] = ()
    unit: str = ""
    make_train_step: Callable[[Model], TrainStep] | None = None
    classes: Callable[[], dict[str, type]] = dict
    has_classes: bool = False
    defaults: TrainSettings = field(default_factory=TrainSettings)

    def score_predictions(self, predictions: Arrays, targets: Arrays) -> Score:
        """The score on rows whose targets are known; outputs are taken by name, else in order."""
        by_name = targets.keys() <= predictions.keys()
        ordered = [predictions[name] for name in targets] if by_name else list(predictions.values())
        return self.score(ordered, list(targets.values()))

    def make_input_row(self, values: Sequence[Any]) -> Arrays:
        """One row of inputs from what a person filled in: a value for each of `input_fields`, in their order.

        Returns (1, columns) by input name: float32 for numbers, text else. Raises InputError when a value does not fit.
        """
        count = len(self.input_fields)
        if len(values) != count:
            raise InputError(f"{self.label} takes {count} values.", received=len(values), cure="Give them all.")
        columns: dict[str, list[float | str]] = {}
        for input_field, value in zip(self.input_fields, values, strict=True):
            columns.setdefault(input_field.input, []).append(input_field.validate(value))
        numbers = {input_field.input for input_field in self.input_fields if input_field.kind == "number"}
        return {name: np.array([row], dtype="float32" if name in numbers else "U") for name, row in columns.items()}

    def model_code(self, settings: TrainSettings) -> ModelCode:
        """The original code, as a reloading process may be given it: how to build the model, and its classes."""
        return ModelCode(build=lambda: self.build(settings), classes=self.classes())


def make_train_settings(demo: Demo, **overrides: Any) -> TrainSettings:
    """The demo's defaults with the given values in their place; None stands for the default.

    Raises InputError, naming the first setting that does not fit and the bound that it breaks.
    """
    values = demo.defaults.model_dump() | {name: value for name, value in overrides.items() if value is not None}
    if values["dataset"] not in demo.datasets:
        cure = f"Choose from {', '.join(demo.datasets)}."
        raise InputError(f"The demo {demo.key} has no such data set.", received=values["dataset"], cure=cure)
    try:
        return TrainSettings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name, bound = str(first["loc"][0]).replace("_", " "), first["msg"].removeprefix("Input ").lower()
        cure = "Correct it, then train again."
        raise InputError(f"The setting '{name}' {bound}.", received=first["input"], cure=cure) from error


def split_rows(inputs: Arrays, targets: Arrays, stratify: np.ndarray | None = None) -> Data:
    """Split 70 : 15 : 15, each split with the same share of every value in `stratify` (rows,) where it is given.

    The split does not depend on the seed of a training, so that all runs predict the same test examples.
    """
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(next(iter(targets.values()))))
    train, rest = train_test_split(rows, test_size=0.3, random_state=0, stratify=stratify)
    labels = None if stratify is None else stratify[rest]
    validation, held_out = train_test_split(rest, test_size=0.5, random_state=0, stratify=labels)
    return Data(*(take_rows(inputs, targets, chosen) for chosen in (train, validation, held_out)))


def bundled_file(package: str, *parts: str) -> Path:
    """The path of a file that an installed package brings, found without importing it. Raises DataUnavailable."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DataUnavailable(
            "The package that brings this data is not installed.", received=package, cure=f"Install {package}."
        )
    return Path(spec.submodule_search_locations[0]).joinpath(*parts)


def take_rows(inputs: Arrays, targets: Arrays, rows: np.ndarray) -> Split:
    return Split(*({name: array[rows] for name, array in arrays.items()} for arrays in (inputs, targets)))


def mean_absolute_error_scorer(unit: str, factor: float = 1.0) -> Scorer:
    """A score by the mean distance of the first output from its target, times `factor`, in `unit`."""

    def score(predictions: list[np.ndarray], targets: list[np.ndarray]) -> Score:
        distance = np.abs(predictions[0].astype("float64") - targets[0].astype("float64")).mean()
        return Score(f"mean absolute error in {unit}", float(distance * factor))

    return score
