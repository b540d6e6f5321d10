"""What a demo is: data, an untrained model, the training defaults."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import InputError
from core.formats.contract import Arrays, Code


class TrainSettings(BaseModel):
    """What a person may set before a training; the bounds are checked here, for pages and command line alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = "digits"
    epochs: int = Field(10, ge=1, le=500, description="passes over the training data")
    batch_size: int = Field(32, ge=1, le=65_536, description="rows per step")
    learning_rate: float = Field(0.001, gt=0, le=10, description="size of a step")
    hidden_units: int = Field(128, ge=1, le=8192, description="width of the hidden layer")
    seed: int = Field(0, ge=0, lt=2**32, description="fixes shuffling and the first weights")


def train_settings(demo: "Demo", **given: Any) -> TrainSettings:
    """The demo's defaults with what was given in their place.

    Raises InputError, naming the first setting that does not fit and the bound that it breaks.
    """
    values = demo.defaults.model_dump() | {name: value for name, value in given.items() if value is not None}
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
            f"The setting '{name}' {bound}.", received=first["input"], cure="Correct it and press Train again."
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

    done: float
    epoch: int
    logs: dict[str, float] | None = None


Report = Callable[[Progress], None]


def accuracy(answers: list[np.ndarray], targets: list[np.ndarray]) -> Score:
    """The share of rows whose largest answer is the right class, by the first output; targets are one-hot."""
    return Score("accuracy", float((answers[0].argmax(axis=1) == targets[0].argmax(axis=1)).mean()))


@dataclass(frozen=True)
class Demo:
    """A named recipe: facts that can be read before TensorFlow is loaded, and functions that run in a worker child.

    `kind` is the kind of its model ("keras" or "module"); `classes` makes the custom classes that a reloading process
    does not know. `labels` are the names of the classes, empty where answers are values; `image_shapes` says for a data
    set how one row is drawn, where it is a picture; `score` judges answers against targets, both in output order.
    """

    key: str
    label: str
    predicts: str
    data_says: str
    model_says: str
    shows: str
    source: str
    kind: str
    datasets: Mapping[str, str]
    data: Callable[[TrainSettings], Data]
    build: Callable[[TrainSettings], Any]
    train: Callable[[Any, Data, TrainSettings, Report], None]
    score: Callable[[list[np.ndarray], list[np.ndarray]], Score]
    labels: tuple[str, ...] = ()
    image_shapes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    classes: Callable[[], dict[str, type]] = dict
    has_classes: bool = False
    defaults: TrainSettings = field(default_factory=TrainSettings)

    def judge(self, answers: Arrays, targets: Arrays) -> Score:
        """The score of answers on rows whose targets are known; outputs are taken in order."""
        return self.score(list(answers.values()), list(targets.values()))

    def code(self, settings: TrainSettings) -> Code:
        """The original code, as a reloading process may be given it: how to build the model, and its classes."""
        return Code(build=lambda: self.build(settings), classes=self.classes())
