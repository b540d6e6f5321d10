"""`.keras` files that Keras 3 refuses for words that ask for nothing, written again so that it loads them.

Of files of Keras 2 (TensorFlow up to 2.15, and tf-keras) it does not find the class Functional where they place it,
refuses a layer for an argument that it has no more, also where that asks for nothing (`time_major=False`, `groups=1`),
and a BatchNormalization whose axis is a list. Settings of `compile` that are null break `predict`. Of 55 models of one
layer that tf-keras 2.21.0 saved, Keras 3.15.1 loads 36 and predicts with none; written again it predicts with 52.

A file that was saved under torch names torch's own class of its optimizer (`keras/src/backend/torch/optimizers`), which
no other back end can import; Keras' own of the same name has the same variables.
"""

import contextlib
import inspect
import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.runtimes.keras_changes import parse_version, read_metadata_version
from core.runtimes.zip_member import replace_zip_member

CONFIG_MEMBER, METADATA_MEMBER = "config.json", "metadata.json"
FUNCTIONAL, ENGINE, MOVED = "Functional", "engine.functional", "the place of the class Functional"
TORCH, TORCH_OPTIMIZERS = "torch's class of its optimizer", "keras.src.backend.torch.optimizers."
AXIS_LIST, NULL_SETTINGS = "axis as a list", "settings of compile that are null"
# Arguments that layers take by way of **kwargs, and those that say what stands elsewhere or is drawn anew.
COMMON_ARGUMENTS = (
    "name",
    "trainable",
    "dtype",
    "autocast",
    "activity_regularizer",
    "input_shape",
    "alpha",
    "implementation",
)
REPEATED_ELSEWHERE = ("batch_input_shape", "rng_type", "input_length")
# Of the layers of tf-keras 2.21.0, each with the value at which it asks for what Keras 3 does without it.
ASKING_FOR_NOTHING = {
    "groups": 1,
    "softmax_robust_masking": False,
    "time_major": False,
    "trainable": True,
}


@contextlib.contextmanager
def readable_keras_file(path: Path) -> Iterator[tuple[Path, list[str]]]:
    """A `.keras` file that Keras 3 loads, and what had to be rewritten: the file itself where that is nothing."""
    with zipfile.ZipFile(path) as archive:
        version, config = read_metadata_version(archive.read(METADATA_MEMBER)), json.loads(archive.read(CONFIG_MEMBER))
        is_of_keras_2 = 2 <= next(iter(parse_version(version)), 0) < 3
        changed = sorted(set(rewrite_for_keras_3(config) if is_of_keras_2 else rewrite_optimizers(config)))
        if not changed:
            yield path, []
            return
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            copy = Path(folder) / path.name
            replace_zip_member(path, CONFIG_MEMBER, json.dumps(config).encode(), copy)
            yield copy, changed


def rewrite_for_keras_3(value: Any) -> Iterator[str]:
    """Write a config, and all below it, in words that Keras 3 takes; yields what was changed."""
    if isinstance(value, list):
        for item in value:
            yield from rewrite_for_keras_3(item)
    if not isinstance(value, dict):
        return
    if value.get("class_name") == FUNCTIONAL and ENGINE in str(value.get("module")):
        value["module"] = "keras.src.models.functional"
        yield MOVED
    if isinstance(arguments := value.get("config"), dict):
        yield from _rewrite_arguments(str(value.get("class_name")), arguments)
    if isinstance(settings := value.get("compile_config"), dict) and None in settings.values():
        value["compile_config"] = {name: setting for name, setting in settings.items() if setting is not None}
        yield NULL_SETTINGS
    for item in value.values():
        yield from rewrite_for_keras_3(item)


def rewrite_optimizers(value: Any) -> Iterator[str]:
    """Write the optimizers of torch in a config, and all below it, as Keras' own; yields what was changed."""
    if isinstance(value, dict) and str(value.get("module")).startswith(TORCH_OPTIMIZERS):
        value |= {"module": "keras.optimizers", "registered_name": None}
        yield TORCH
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from rewrite_optimizers(item)


def _rewrite_arguments(class_name: str, arguments: dict[str, Any]) -> Iterator[str]:
    """Take out of a layer's config what its class has no more and what asks for nothing; the rest Keras refuses."""
    known = _known_arguments(class_name)
    for name in [] if known is None else [name for name in arguments if name not in known]:
        if _asks_for_nothing(class_name, name, arguments[name]):
            del arguments[name]
            yield name
    axis = arguments.get("axis")
    if class_name == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
        arguments["axis"] = axis[0]
        yield AXIS_LIST


def _known_arguments(class_name: str) -> set[str] | None:
    """What a layer of Keras' own takes; None of every other class."""
    import keras

    kind = getattr(keras.layers, class_name, None)
    if not isinstance(kind, type) or not issubclass(kind, keras.layers.Layer) or class_name == "InputLayer":
        return None
    known: set[str] = set()
    for base in kind.__mro__:  # each may hand what it does not know to the next one
        if (own := vars(base).get("__init__")) is None:
            continue
        parameters = inspect.signature(own).parameters
        known |= parameters.keys()
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            return known
    return known | set(COMMON_ARGUMENTS)


def _asks_for_nothing(class_name: str, name: str, value: Any) -> bool:
    """Whether an argument that Keras 3 has no more may go: None stands for one that was not given."""
    if class_name.startswith("Separable") and name.startswith("kernel_"):  # it has two kernels, each with its own
        return True
    if value is None or name in REPEATED_ELSEWHERE:
        return True
    nothing = ASKING_FOR_NOTHING.get(name)
    return type(value) is type(nothing) and bool(value == nothing)


def describe_rewriting(changed: list[str]) -> str:
    """What a person should know who loads such a file by `load_model` alone; empty for nothing."""
    if not changed:
        return ""
    if TORCH in changed:
        return (
            "It was saved under torch: under another back end `load_model` cannot import the class of its optimizer, "
            "and with compile=False loads without it. Roundtrip reads Keras' own of that name, with its state."
        )
    refused = [words for words in changed if words != NULL_SETTINGS]
    alone = f"`load_model` refuses it for {', '.join(refused)}" if refused else "`predict` of what it loads raises"
    cure = "Roundtrip leaves that out, since it says nothing" if refused else "compile=False cures that"
    return f"It is of Keras 2: in Keras 3 {alone}. {cure}; the state of an Adam stays behind."
