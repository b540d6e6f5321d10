"""What every loaded model looks like: named inputs, one verb (`predict`), and what can be read of its variables."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NotRequired, TypedDict

import numpy as np

from core.arrays import Arrays, to_plain_array
from core.errors import InputError, NeedsArchitecture

Model = Any  # a keras.Model, a tf.Module or a ModelFile: neither package is imported for the sake of a type
NamedArrays = list[tuple[str, np.ndarray]]
PredictFunction = Callable[[Arrays], Arrays]
Shape = tuple[int | None, ...] | None  # None where not even the number of axes is known


@dataclass(frozen=True)
class Spec:
    """One named input or output: its dtype as NumPy names it, its shape with the batch first and None where free."""

    name: str
    dtype: str
    shape: Shape

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype, "shape": None if self.shape is None else list(self.shape)}


@dataclass(frozen=True)
class ModelCode:
    """What an artifact may lack and a reloading process may be given.

    Attributes:
        build: Makes the untrained model, from the demo's code or from an architecture artifact.
        classes: The custom classes by the name under which they were saved.
        signature: The one that a person chose where a file has several.
        compiles: Whether compile settings are read too, where a copy has any.
    """

    build: Callable[[], Model] | None = None
    classes: Mapping[str, type] = field(default_factory=dict)
    signature: str = ""
    compiles: bool = True

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


class ModelSource(TypedDict):
    """Where the code of a model comes from, as it stands in requests to a child."""

    demo: str | None  # None where the model is not a demo's
    settings: dict[str, Any] | None  # of the demo, as `TrainSettings` dumps them
    brought: NotRequired[ImportedSource]  # of an imported model alone
    architecture: NotRequired[Path | str]  # the folder of an architecture artifact; then only classes are the demo's


@dataclass(frozen=True)
class Predictor:
    """Whatever was loaded, behind one verb.

    Attributes:
        model: The loaded object; holding it keeps a SavedModel's variables alive while its signature is called.
        inputs: What it takes; empty where the model does not say.
        predict_fn: Takes and returns arrays by name, batch first, under the model's own names and in its dtypes.
        weights: Lists the variables as (name, array); None where the format hides them.
        optimizer_state: The same for the optimizer's variables.
        remark: What a person should know of how it predicts.
    """

    model: Model
    inputs: tuple[Spec, ...]
    predict_fn: PredictFunction
    weights: Callable[[], NamedArrays] | None = None
    optimizer_state: Callable[[], NamedArrays] | None = None
    remark: str = ""

    def predict(self, inputs: Arrays) -> Arrays:
        """Predict outputs by name from inputs by name, batch first.

        Inputs go through `prepare_inputs`, outputs through `to_plain_array`. Raises InputError when a shape, the
        number of inputs, or text in the place of numbers does not fit.
        """
        return {name: to_plain_array(array) for name, array in self.predict_fn(self.prepare_inputs(inputs)).items()}

    def prepare_inputs(self, inputs: Arrays) -> Arrays:
        """The inputs under the names and in the dtypes that the model takes. Raises InputError, as `predict`."""
        if not self.inputs:
            return inputs
        matches = match_inputs(inputs, self.inputs)
        return {match.spec.name: _cast_input(inputs[match.input_name], match.spec) for match in matches}


class InputMatch(NamedTuple):
    """Which input goes where, and why: by "name", or by "shape" or "order" where they were renamed."""

    input_name: str
    spec: Spec
    by: str


def match_inputs(inputs: Arrays, specs: tuple[Spec, ...]) -> list[InputMatch]:
    """Match the inputs with the model's own.

    By name; else by shape and kind, where only one reading is possible; else in the order in which they are given, if
    every one fits its place: whether that was right, only the predictions can tell. Raises InputError when the number
    of inputs does not fit, or their order does not.
    """
    if len(inputs) != len(specs):
        raise InputError(
            f"This model takes {len(specs)} inputs ({', '.join(spec.name for spec in specs)}).",
            received=f"{len(inputs)} ({', '.join(inputs)})",
            cure="Give one array for each of its inputs.",
        )
    if all(spec.name in inputs for spec in specs):
        return [InputMatch(spec.name, spec, "name") for spec in specs]
    if len(specs) == 1:
        return [InputMatch(next(iter(inputs)), specs[0], "shape")]
    if matches := _match_inputs_by_shape(inputs, specs) or _match_inputs_by_order(inputs, specs):
        return matches
    raise InputError(
        "The inputs were renamed, and do not fit in the order in which they are given.",
        received=", ".join(f"{name} {array.shape}" for name, array in inputs.items()),
        cure=f"Name them {', '.join(spec.name for spec in specs)}.",
    )


def _match_inputs_by_shape(inputs: Arrays, specs: tuple[Spec, ...]) -> list[InputMatch]:
    fitting = {spec: [name for name, array in inputs.items() if _is_compatible(array, spec)] for spec in specs}
    one_each = all(len(names) == 1 for names in fitting.values())
    if not one_each or len({names[0] for names in fitting.values()}) < len(specs):
        return []
    return [InputMatch(names[0], spec, "shape") for spec, names in fitting.items()]


def _match_inputs_by_order(inputs: Arrays, specs: tuple[Spec, ...]) -> list[InputMatch]:
    matches = [InputMatch(name, spec, "order") for name, spec in zip(inputs, specs, strict=True)]
    return matches if all(_is_compatible(inputs[match.input_name], match.spec) for match in matches) else []


def _is_compatible(array: np.ndarray, spec: Spec) -> bool:
    return _has_compatible_shape(array, spec) and _has_compatible_kind(array, spec)


def _has_compatible_shape(array: np.ndarray, spec: Spec) -> bool:
    if spec.shape is None or array.ndim != len(spec.shape):
        return spec.shape is None
    return all(want is None or want == have for want, have in zip(spec.shape[1:], array.shape[1:], strict=True))


def _has_compatible_kind(array: np.ndarray, spec: Spec) -> bool:
    """Whether both are text or both are numbers; an array of objects may be either."""
    return array.dtype.kind == "O" or (array.dtype.kind in "SUT") == (spec.dtype == "object")


def _cast_input(array: np.ndarray, spec: Spec) -> np.ndarray:
    if not _has_compatible_shape(array, spec):
        cure = "Reshape the rows, or choose an artifact of the same demo."
        raise InputError(f"The input '{spec.name}' must have the shape {spec.shape}.", received=array.shape, cure=cure)
    try:
        fitting = to_plain_array(array) if spec.dtype == "object" else np.asarray(array, dtype=spec.dtype)
    except (TypeError, ValueError):
        fitting = None
    if fitting is None or not _has_compatible_kind(array, spec):
        raise InputError(
            f"The input '{spec.name}' takes {'text' if spec.dtype == 'object' else 'numbers'}.",
            received=f"an array of dtype {array.dtype}",
            cure="Give values of that kind.",
        )
    return fitting


@dataclass(frozen=True)
class ModelFile:
    """A model of which there is nothing but a runtime's file: `kind` ("onnx", "litert", "openvino") and its folder,
    in which the files have the names that the format of that kind gives them."""

    kind: str
    folder: Path

    @property
    def size_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


def model_kind(model: Model) -> str:
    """Tell "keras" from "module" (a tf.Module that is no Keras model); a `ModelFile` is of its own kind.

    Raises InputError for anything else.
    """
    import keras
    import tensorflow as tf

    if isinstance(model, ModelFile):
        return model.kind
    if isinstance(model, keras.Model):
        return "keras"
    if isinstance(model, tf.Module):
        return "module"
    cure = "Pass the model itself, not its weights or a function of it."
    raise InputError("Only Keras models and tf.Module objects can be saved.", received=type(model).__name__, cure=cure)


def weight_bytes(model: Model) -> int:
    """Bytes that the variables of a live model take, without reading them."""
    import tensorflow as tf

    if isinstance(model, ModelFile):
        return model.size_bytes
    variables = {id(variable): variable for variable in getattr(model, "weights", None) or model.variables}
    return sum(math.prod(variable.shape) * tf.as_dtype(variable.dtype).size for variable in variables.values())
