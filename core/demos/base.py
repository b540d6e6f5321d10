"""`Demo`, `TrainSettings`, `Data`, `Score`, train/validation/test split.

What a demo is: data, an untrained model, the training defaults.

Three splits of a table that share no row, the same in every process.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.arrays import Arrays
from core.errors import InputError
from core.runtimes.base import ModelCode


class TrainSettings(BaseModel):
    """What a person may set before a training; the bounds are checked here, for pages and command line alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = "digits"
    epochs: int = Field(10, ge=1, le=500, description="passes over the training data")
    batch_size: int = Field(32, ge=1, le=65_536, description="rows per step")
    learning_rate: float = Field(0.001, gt=0, le=10, description="size of a step")
    hidden_units: int = Field(128, ge=1, le=8192, description="width of the hidden layer")
    seed: int = Field(0, ge=0, lt=2**32, description="fixes shuffling and the first weights")


def make_train_settings(demo: "Demo", **overrides: Any) -> TrainSettings:
    """The demo's defaults with what was given in their place.

    Raises InputError, naming the first setting that does not fit and the bound that it breaks.
    """
    values = demo.defaults.model_dump() | {name: value for name, value in overrides.items() if value is not None}
    if values["dataset"] not in demo.datasets:
        raise InputError(
            f"The demo {demo.key} has no such data set.",
            received=values["dataset"],
            cure=f"Choose from {', '.join(demo.datasets)}.",
        )
    try:
        return TrainSettings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).replace("_", " ")
        bound = first["msg"].removeprefix("Input ").lower()
        raise InputError(
            f"The setting '{name}' {bound}.", received=first["input"], cure="Correct it, then train again."
        ) from error


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
    """How good a model is on held-out rows: "accuracy" (a share, more is better), or an error with its unit."""

    name: str
    value: float


class Progress(NamedTuple):
    """One message of a training: `done` is the fraction of all steps; `logs` is there at the end of an epoch."""

    fraction: float
    epoch: int
    logs: dict[str, float] | None = None


TrainingProgressCallback = Callable[[Progress], None]
TrainStep = Callable[[Arrays, Arrays], float]  # trains on (inputs, targets); gives their mean loss before it did


def accuracy_score(predictions: list[np.ndarray], targets: list[np.ndarray]) -> Score:
    """The share of rows whose largest answer is the right class, by the first output; targets are one-hot."""
    return Score("accuracy", float((predictions[0].argmax(axis=1) == targets[0].argmax(axis=1)).mean()))


def mean_absolute_error_scorer(unit: str, factor: float = 1.0) -> Callable[[list[np.ndarray], list[np.ndarray]], Score]:
    """A score by the mean distance of the first output from its target, times `factor`, said in `unit`."""

    def score(answers: list[np.ndarray], targets: list[np.ndarray]) -> Score:
        distance = np.abs(answers[0].astype("float64") - targets[0].astype("float64")).mean()
        return Score(f"mean absolute error in {unit}", float(distance * factor))

    return score


class InputField(NamedTuple):
    """One value of one input, as a person fills it in; an input with several columns has one box for each, in order.

    `kind` is "number" (float32), "text" or "choice" (one of `options`); `example` is a value from real data, and a
    number usually lies in `least` ... `most`, which bound the widget and not the model.
    """

    input: str
    label: str
    kind: str
    example: Any
    options: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    def validate(self, value: Any) -> Any:
        """The value as a float or a text. Raises InputError when it is neither a number nor an option, as it must."""
        if self.kind == "number":
            return self._parse_number(value)
        if self.kind == "choice" and value not in self.options:
            raise InputError(
                f"'{self.label}' has other choices.", received=value, cure=f"Choose from {self._list_options()}."
            )
        return str(value)

    def _parse_number(self, value: Any) -> float:
        try:
            return float(value)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"'{self.label}' must be a number.", received=value, cure=f"Give one such as {self.example}."
            ) from error

    def _list_options(self) -> str:
        return ", ".join(self.options)


@dataclass(frozen=True)
class Demo:
    """A named recipe: facts that can be read before TensorFlow is loaded, and functions that run in a worker child.

    `kind` is the kind of its model ("keras" or "module"); `classes` makes the custom classes that a reloading process
    does not know. `labels` are the names of the classes, empty where answers are values, which are then in `unit`.
    `image_shapes` says for a data set how one row is drawn, where it is a picture, and `answer_shapes` how an answer
    is; `boxes` are what a person fills in where a row is no picture. `score` judges answers against targets, both in
    output order. `stepper` gives the Step that trains a model of this demo, where Keras does not do it.
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
    build: Callable[[TrainSettings], Any]
    train: Callable[[Any, Data, TrainSettings, TrainingProgressCallback], None]
    score: Callable[[list[np.ndarray], list[np.ndarray]], Score]
    labels: tuple[str, ...] = ()
    image_shapes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    output_image_shapes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    input_fields: tuple[InputField, ...] = ()
    unit: str = ""
    make_train_step: Callable[[Any], TrainStep] | None = None
    classes: Callable[[], dict[str, type]] = dict
    has_classes: bool = False
    defaults: TrainSettings = field(default_factory=TrainSettings)

    def score_predictions(self, predictions: Arrays, targets: Arrays) -> Score:
        """The score of answers on rows whose targets are known; outputs are taken by name, else in order."""
        by_name = targets.keys() <= predictions.keys()
        ordered = [predictions[name] for name in targets] if by_name else list(predictions.values())
        return self.score(ordered, list(targets.values()))

    def make_input_row(self, values: Sequence[Any]) -> Arrays:
        """One row of inputs from what a person filled in, a value for each of `boxes`, in their order.

        Gives (1, columns) by input name: float32 for numbers, text else. Raises InputError when a value does not fit.
        """
        if len(values) != len(self.input_fields):
            raise InputError(
                f"{self.label} takes {len(self.input_fields)} values.", received=len(values), cure="Give them all."
            )
        columns: dict[str, list[Any]] = {}
        for box, value in zip(self.input_fields, values, strict=True):
            columns.setdefault(box.input, []).append(box.validate(value))
        numbers = {box.input for box in self.input_fields if box.kind == "number"}
        return {name: np.array([row], dtype="float32" if name in numbers else "U") for name, row in columns.items()}

    def model_code(self, settings: TrainSettings) -> ModelCode:
        """The original code, as a reloading process may be given it: how to build the model, and its classes."""
        return ModelCode(build=lambda: self.build(settings), classes=self.classes())


def split_rows(inputs: Arrays, targets: Arrays, stratify: np.ndarray | None = None) -> Data:
    """Split 70 : 15 : 15, each split with the same share of every value in `alike` where it is given.

    The split does not depend on the seed of a training, so that runs answer the same held-out rows.
    """
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(next(iter(targets.values()))))
    train, rest = train_test_split(rows, test_size=0.3, random_state=0, stratify=stratify)
    left = None if stratify is None else stratify[rest]
    watch, held = train_test_split(rest, test_size=0.5, random_state=0, stratify=left)
    return Data(*(take_rows(inputs, targets, chosen) for chosen in (train, watch, held)))


def take_rows(inputs: Arrays, targets: Arrays, rows: np.ndarray) -> Split:
    return Split(
        {name: array[rows] for name, array in inputs.items()}, {name: array[rows] for name, array in targets.items()}
    )
