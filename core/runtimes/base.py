"""What every loaded model looks like: named inputs, one verb (`predict`), and what can be read of its variables."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np

from core.arrays import Arrays, NamedArrays, NamedTensors, to_plain_array
from core.errors import NeedsArchitecture
from core.runtimes.call_state import CallState
from core.runtimes.input_matching import cast_input, match_inputs
from core.runtimes.specs import Spec

# Kernels round differently for different batch sizes, so every prediction that is compared is made in the same batches.
BATCH_SIZE = 64
Model = Any  # a keras.Model, a tf.Module or a ModelFile: neither package is imported for the sake of a type
PredictFunction = Callable[[Arrays], Arrays]


@dataclass(frozen=True)
class ModelCode:
    """What an artifact may lack and a reloading process may be given.

    Attributes:
        build: Makes the untrained model, from the demo's code or from an architecture artifact.
        classes: The custom classes and functions by the name under which they were saved.
        signature: The one that a person chose where a file has several.
        compiles: Whether compile settings are read too, where a copy has any.
        keeps_state: Whether what a model remembers is kept from call to call.
        one_row: Whether rows are asked one by one, since those of one call change each other's answers.
        row_is_call: Whether no axis of the inputs counts rows, so that each row is a call of its own.
    """

    build: Callable[[], Model] | None = None
    classes: Mapping[str, Any] = field(default_factory=dict)
    signature: str = ""
    compiles: bool = True
    keeps_state: bool = False
    one_row: bool = False
    row_is_call: bool = False

    def build_model(self, lack: str) -> Model:
        """The untrained model that weights go into. Raises NeedsArchitecture, with `lack` as its sentence."""
        if self.build is None:
            cure = "Give an architecture: the demo's code, or an architecture artifact of the same run."
            raise NeedsArchitecture(lack, cure=cure)
        return self.build()


NO_CODE = ModelCode()


class ImportedSource(TypedDict):
    """An imported file: its format, the signature that predicts, and the demo whose code a person chose for it."""

    format: str
    signature: str | None
    demo: str | None
    settings: dict[str, Any] | None
    keeps_state: NotRequired[bool]  # what it remembers is kept from call to call
    row_is_call: NotRequired[bool]  # no axis of its inputs counts rows, so each row is a call of its own
    one_row: NotRequired[bool]  # rows of one call change each other's answers, so they are asked one by one


class ModelSource(TypedDict):
    """Where the code of a model comes from, as it stands in requests to a child."""

    demo: str | None  # None where the model is not a demo's
    keeps_state: NotRequired[bool]  # as of `ImportedSource`, of a model that a person added
    settings: dict[str, Any] | None  # of the demo, as `TrainSettings` dumps them
    brought: NotRequired[ImportedSource]  # of an imported model alone
    architecture: NotRequired[Path | str]  # the folder of an architecture artifact; then only classes are the demo's
    snapshot: NotRequired[Path | str]  # the folder of the run's own snapshot, and the kind of its model: its layers
    kind: NotRequired[str]  # and vocabularies complete a half, its numbers do not


@dataclass(frozen=True)
class Predictor:
    """Whatever was loaded, behind one verb.

    Attributes:
        model: The loaded object; holding it keeps a SavedModel's variables alive while its signature is called.
        inputs: What it takes; empty where the model does not say.
        predict_fn: Takes and returns arrays by name, batch first, under the model's own names and in its dtypes.
        weights: Lists the variables as (name, array); None where the format hides them.
        optimizer_state: The same for the optimizer's variables.
        unread_weights: Lists what the files store beside those, and no answer reads; None where nothing is.
        call_rows: How many rows one call of the file takes; None where any number. More are predicted call by call.
        remark: What a person should know of how it predicts.
        state: What it remembers from call to call; None where it remembers nothing.
        lists: Which of "inputs" and "outputs" are lists, in which each has its place; others go by their names alone.
        places: The names of the "inputs" and "outputs" in the order in which the runtime lists them by place; empty
            where it knows names alone.
        is_apart: Whether another process computes the answers, so that changing `model` changes none of them.
        trace: Makes the graph that the first prediction would make; None where there is nothing to make.
    """

    model: Model
    inputs: tuple[Spec, ...]
    predict_fn: PredictFunction
    weights: Callable[[], NamedArrays] | None = None
    optimizer_state: Callable[[], NamedArrays] | None = None
    unread_weights: Callable[[], NamedTensors] | None = None
    call_rows: int | None = None
    remark: str = ""
    state: CallState | None = None
    lists: frozenset[str] = frozenset()
    places: Mapping[str, Sequence[str]] = field(default_factory=dict)
    trace: Callable[[], object] | None = None
    is_apart: bool = False

    def predict(self, inputs: Arrays) -> Arrays:
        """Predict outputs by name from inputs by name, batch first.

        Inputs go through `prepare_inputs`, outputs through `to_plain_array`. Raises InputError when a shape, the
        number of inputs, or text in the place of numbers does not fit.
        """
        return {name: to_plain_array(array) for name, array in self.predict_fn(self.prepare_inputs(inputs)).items()}

    def forget(self) -> None:
        """Begin anew, as after loading."""
        if self.state:
            self.state.forget()

    def remembered(self) -> AbstractContextManager[None]:
        """While this lasts a call leaves what it remembers, also where each begins anew; at its end it is forgotten."""
        return self.state.remembered() if self.state else nullcontext()

    def prepare_inputs(self, inputs: Arrays) -> Arrays:
        """The inputs under the names and in the dtypes that the model takes. Raises InputError, as `predict`."""
        if not self.inputs:
            return inputs
        matches = match_inputs(inputs, self.inputs)
        return {match.spec.name: cast_input(inputs[match.input_name], match.spec) for match in matches}


def join_remarks(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def predict_in_batches(predictor: Predictor, inputs: Arrays, batch: int = BATCH_SIZE) -> Arrays:
    """Predictions for all rows, in batches of `batch` rows."""
    rows = count_rows(inputs)
    parts = [
        predictor.predict({name: array[start : start + batch] for name, array in inputs.items()})
        for start in range(0, rows, batch)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def count_rows(inputs: Arrays) -> int:
    """The rows of inputs, which all have as many."""
    return len(next(iter(inputs.values())))
