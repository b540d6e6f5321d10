"""What a format is, what it is given to load with, and what comes back: the one contract of the house."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.errors import CannotSave, InputError
from core.explain import translate
from core.formats.kits import Kit
from core.formats.options import Option
from core.formats.quiet import quiet_inside
from core.packages import packages_stamp

# What a copy may hold, in the order in which it is shown.
PARTS = ("architecture", "weights", "optimizer state", "compile settings", "graph", "signatures")

Named = list[tuple[str, np.ndarray]]
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Spec:
    """One named input or output: its dtype as NumPy names it, its shape with the batch first and None where free."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype, "shape": None if self.shape is None else list(self.shape)}


@dataclass(frozen=True)
class Code:
    """What an artifact may lack and a reloading process may be given.

    `build` makes the untrained model (from the demo's code, or from an architecture artifact); `classes` are the custom
    classes by the name under which they were saved. Both are empty where the process knows nothing of the model.
    `signature` is the one that a person chose where a file has several.
    `compiles` says whether compile settings are read too, where a copy has any.
    """

    build: Callable[[], Any] | None = None
    classes: Mapping[str, type] = field(default_factory=dict)
    signature: str = ""
    compiles: bool = True


NO_CODE = Code()


@dataclass(frozen=True)
class Predictor:
    """Whatever was loaded, behind one verb.

    `answer` takes and gives NumPy arrays by name, batch first. `weights` and `optimizer` list what can be seen of the
    variables, as (name, array) pairs; `weights` is None where the format hides them. `model` is the loaded object:
    holding it keeps a SavedModel's variables alive for as long as its signature is called. `remark` says what a person
    should know of how it answers.
    """

    model: Any
    inputs: tuple[Spec, ...]
    answer: Callable[[Arrays], Arrays]
    weights: Callable[[], Named] | None = None
    optimizer: Callable[[], Named] | None = None
    remark: str = ""

    def predict(self, inputs: Arrays) -> Arrays:
        """Answer `{name: array}` with `{name: array}`, batch first.

        Inputs are paired with the predictor's own by `pair_inputs`, and cast to its dtypes. Answers are arrays as
        `plain` gives them. Raises InputError when a shape, the number of inputs, or text in the place of numbers does
        not fit.
        """
        return {name: plain(array) for name, array in self.answer(self.fitted(inputs)).items()}

    def fitted(self, inputs: Arrays) -> Arrays:
        """The inputs under the names and in the dtypes that the predictor asks for. Raises InputError, as `predict`."""
        if not self.inputs:
            return inputs
        return {pair.spec.name: _cast(inputs[pair.given], pair.spec) for pair in pair_inputs(inputs, self.inputs)}


def plain(array: Any) -> np.ndarray:
    """The same values in a dtype that travels and is stored without pickle: text in a fixed width, and bfloat16, which
    NumPy has not, as float32."""
    array = np.asarray(array)
    if array.dtype.kind == "S" or (array.dtype.kind == "O" and isinstance(next(array.flat, ""), bytes)):
        return np.char.decode(array.astype("S"), "utf-8", "backslashreplace")
    if array.dtype.kind in "OT":
        return array.astype("U")
    return array.astype("float32") if array.dtype.name == "bfloat16" else array


class InputPair(NamedTuple):
    """Which of the given inputs goes where, and why: by "name", or by "shape" or "order" where they were renamed."""

    given: str
    spec: Spec
    by: str


def pair_inputs(inputs: Arrays, specs: tuple[Spec, ...]) -> list[InputPair]:
    """Pair given inputs with the predictor's own.

    By name; else by shape and kind, where only one reading is possible; else in the order in which they are given, if
    every one fits its place: whether that was right, only the answers can tell. Raises InputError when the number of
    inputs does not fit, or their order does not.
    """
    if len(inputs) != len(specs):
        raise InputError(
            f"This model takes {len(specs)} inputs ({', '.join(spec.name for spec in specs)}).",
            received=f"{len(inputs)} ({', '.join(inputs)})",
            cure="Give one array for each of its inputs.",
        )
    if all(spec.name in inputs for spec in specs):
        return [InputPair(spec.name, spec, "name") for spec in specs]
    if len(specs) == 1:
        return [InputPair(next(iter(inputs)), specs[0], "shape")]
    for reading in (_by_shape, _in_order):
        if pairs := reading(inputs, specs):
            return pairs
    raise InputError(
        "The inputs were renamed, and do not fit in the order in which they are given.",
        received=", ".join(f"{name} {array.shape}" for name, array in inputs.items()),
        cure=f"Name them {', '.join(one.name for one in specs)}.",
    )


def _by_shape(inputs: Arrays, specs: tuple[Spec, ...]) -> list[InputPair]:
    fitting = {spec: [name for name, array in inputs.items() if _fits(array, spec)] for spec in specs}
    one_each = all(len(names) == 1 for names in fitting.values())
    if not one_each or len({names[0] for names in fitting.values()}) < len(specs):
        return []
    return [InputPair(names[0], spec, "shape") for spec, names in fitting.items()]


def _in_order(inputs: Arrays, specs: tuple[Spec, ...]) -> list[InputPair]:
    pairs = [InputPair(name, spec, "order") for name, spec in zip(inputs, specs, strict=True)]
    return pairs if all(_fits(inputs[pair.given], pair.spec) for pair in pairs) else []


def _fits(array: np.ndarray, spec: Spec) -> bool:
    return _shape_fits(array, spec) and _kind_fits(array, spec)


def _shape_fits(array: np.ndarray, spec: Spec) -> bool:
    if spec.shape is None:
        return True
    if array.ndim != len(spec.shape):
        return False
    return all(want is None or want == have for want, have in zip(spec.shape[1:], array.shape[1:], strict=True))


def _kind_fits(array: np.ndarray, spec: Spec) -> bool:
    """Whether both are text or both are numbers; an array of objects may be either."""
    return array.dtype.kind == "O" or (array.dtype.kind in "SUT") == (spec.dtype == "object")


def _cast(array: np.ndarray, spec: Spec) -> np.ndarray:
    if not _shape_fits(array, spec):
        raise InputError(
            f"The input '{spec.name}' must have the shape {spec.shape}.",
            received=array.shape,
            cure="Reshape the rows, or choose an artifact of the same demo.",
        )
    try:
        fitting = plain(array) if spec.dtype == "object" else np.asarray(array, dtype=spec.dtype)
    except (TypeError, ValueError):
        fitting = None
    if fitting is None or not _kind_fits(array, spec):
        raise InputError(
            f"The input '{spec.name}' takes {'text' if spec.dtype == 'object' else 'numbers'}.",
            received=f"an array of dtype {array.dtype}",
            cure="Give values of that kind.",
        )
    return fitting


@dataclass(frozen=True)
class Format:
    """One way to save: facts that can be read before TensorFlow is loaded, and two functions.

    `keeps` is a claim that the evidence checks; `accepts` names the kinds of model it takes ("keras", "module", and the
    files that some converter reads: "onnx", "litert", "openvino");
    `needs_architecture` says that a copy is only half a model; `packages` are import names with the package to install;
    `origin` says in a sentence where the format came from; `largest` is how many bytes of weights it can hold, where
    there is a limit; `inside` says as what a loaded Keras model shows its tensors one by one ("keras", "litert",
    "onnx", "openvino": see `core.worker.inside`), empty where it hides them; `kit` says how a person loads a copy
    without Roundtrip; `runs_code` says that loading a copy runs whatever code stands in it.
    `save(model, folder, **options)` writes into an empty folder; with `wants_samples` it is also given `samples`, some
    training inputs by name, batch first. `load(folder, code)` gives a Predictor.
    """

    key: str
    label: str
    layout: str
    good_for: str
    keeps: frozenset[str]
    accepts: frozenset[str]
    save: Callable[..., None]
    load: Callable[..., Predictor]
    packages: Mapping[str, str] = field(default_factory=dict)
    needs_architecture: bool = False
    explains: str = ""
    origin: str = ""
    broken: str = ""
    options: tuple[Option, ...] = ()
    wants_samples: bool = False
    largest: int | None = None
    inside: str = ""
    kit: Kit | None = None
    runs_code: bool = False

    @property
    def missing(self) -> list[str]:
        """Packages that this format needs and that are not installed, found without importing any of them."""
        stamp = packages_stamp() if self.packages else ()
        return [package for module, package in self.packages.items() if not _is_there(module, stamp)]

    def refuses(self, kind: str, weight_bytes: int = 0) -> str:
        """Why this format cannot take a model of this kind and size now, in a sentence; empty when it can."""
        if self.broken:
            return self.broken
        if kind not in self.accepts:
            return _REFUSALS[kind]
        if self.missing:
            return f"Needs {', '.join(self.missing)}: pip install {' '.join(self.missing)}"
        if self.largest and weight_bytes > self.largest:
            return f"The weights take {weight_bytes:,} bytes, and a file of this format holds at most {self.largest:,}."
        return ""

    def require(self, kind: str, weight_bytes: int) -> None:
        """Raises CannotSave when this format cannot take such a model, before anything is tried."""
        if refusal := self.refuses(kind, weight_bytes):
            large = kind in self.accepts and not self.missing
            raise CannotSave(refusal, cure=_TOO_LARGE_CURE if large else "Choose another format.")

    def choose(self, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The value of every option: what was given, else its default. Raises InputError."""
        given = given or {}
        if strange := given.keys() - {option.key for option in self.options}:
            known = ", ".join(option.key for option in self.options) or "none: it has no options"
            raise InputError(f"{self.label} has no such option.", received=strange.pop(), cure=f"Choose from {known}.")
        return {option.key: option.check(given.get(option.key, option.default)) for option in self.options}

    def write(
        self,
        model: Any,
        kind: str,
        folder: Path,
        options: Mapping[str, Any] | None = None,
        samples: Callable[[], Arrays] | None = None,
    ) -> float:
        """Save a live model into an empty folder; gives the seconds that it took.

        `samples` makes training inputs, for a format that wants them. Raises CannotSave in plain words when the format
        does not take the model, StorageFailed when the disk does not.
        """
        self.require(kind, weight_bytes(model))
        arguments = self.choose(options)
        if self.wants_samples and samples:
            arguments["samples"] = samples()
        started = time.perf_counter()
        try:
            with quiet_inside(folder):
                self.save(model, folder, **arguments)
        except Exception as error:  # every converter has errors of its own; they all mean that it cannot save
            raise translate(error, CannotSave, hide=[str(folder)]) from error
        return time.perf_counter() - started


@lru_cache(maxsize=64)
def _is_there(module: str, stamp: tuple) -> bool:
    """Whether a module can be imported, as long as the packages are those of the stamp."""
    return find_spec(module) is not None


_TOO_LARGE_CURE = "Choose SavedModel, Keras weights in shards or safetensors, which have no such limit."
_REFUSALS = {
    "module": "Takes Keras models only; this is a plain tf.Module, with no Keras layers or config to write.",
    "keras": "Takes plain tf.Module models only; this is a Keras model.",
    "onnx": "No converter leads from an ONNX file to this format.",
    "litert": "No converter leads from a LiteRT file to this format.",
    "openvino": "No converter leads from OpenVINO's files to this format.",
    "unrun": "This file was brought in and kept, and nothing has run it yet.",
}


@dataclass(frozen=True)
class ModelFile:
    """A model of which there is nothing but a runtime's file: `kind` ("onnx", "litert", "openvino") and its folder,
    in which the files have the names that the format of that kind gives them."""

    kind: str
    folder: Path

    @property
    def bytes(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


def kind_of(model: Any) -> str:
    """Tell "keras" from "module" (a tf.Module that is no Keras model).

    A `ModelFile` is of its own kind. Raises InputError for anything else.
    """
    import keras
    import tensorflow as tf

    if isinstance(model, ModelFile):
        return model.kind
    if isinstance(model, keras.Model):
        return "keras"
    if isinstance(model, tf.Module):
        return "module"
    raise InputError(
        "Only Keras models and tf.Module objects can be saved.",
        received=type(model).__name__,
        cure="Pass the model itself, not its weights or a function of it.",
    )


def weight_bytes(model: Any) -> int:
    """Bytes that the variables of a live model take, without reading them."""
    import tensorflow as tf

    if isinstance(model, ModelFile):
        return model.bytes
    variables = {id(one): one for one in (getattr(model, "weights", None) or model.variables)}.values()
    return sum(math.prod(one.shape) * tf.as_dtype(one.dtype).size for one in variables)
