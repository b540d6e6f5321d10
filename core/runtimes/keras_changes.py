"""What changed in meaning between releases of Keras: one table, which every reader of an older file looks into.

Each row says until which release a word in a file meant something else than in the Keras that is installed here, and in
which two sources both meanings stand (a release of keras-team/keras, and the place in it).
"""

import json
from collections.abc import Iterator
from itertools import takewhile
from typing import Any, NamedTuple

from core.errors import DoesNotLoad, InputError
from core.runtimes.base import Model

Config = dict[str, Any]


class Change(NamedTuple):
    """A word whose meaning changed.

    Attributes:
        classes: The layers that it stands in; empty for a function, which any layer may name.
        word: The argument, or the function.
        before: The first release in which it means what it means now.
        meant: What an argument that is left out, or the function, meant until then; of "unknown" rows the value that
            asks for it.
        kind: "default", "function", "refused" (nothing in Keras 3 does the same) or "unknown" (it may differ).
        words: What a person is told.
        sources: Where the old meaning stands, and the new one.
    """

    classes: tuple[str, ...]
    word: str
    before: str
    meant: Any
    kind: str
    words: str
    sources: tuple[str, str]


CHANGES = (
    Change(
        (),
        "hard_sigmoid",
        "3.0.0",
        "hard_sigmoid_of_keras_2",
        "function",
        "hard_sigmoid is 0.2 x + 0.5, and not the x / 6 + 0.5 of Keras 3",
        ("v2.15.0 keras/backend.py hard_sigmoid", "v3.0.0 keras/backend/tensorflow/nn.py hard_sigmoid"),
    ),
    Change(
        ("GRU", "GRUCell"),
        "reset_after",
        "3.0.0",
        False,
        "default",
        "GRU: reset_after=False, as it was before Keras 3",
        ("2.2.4 keras/layers/recurrent.py GRU", "v3.0.0 keras/layers/rnn/gru.py GRU"),
    ),
    Change(
        ("LSTM", "LSTMCell", "GRU", "GRUCell"),
        "recurrent_activation",
        "2.3.0",
        "hard_sigmoid",
        "default",
        "recurrent_activation=hard_sigmoid, as it was before Keras 2.3",
        ("2.2.5 keras/layers/recurrent.py LSTM, GRU", "2.3.0 keras/layers/recurrent.py LSTM, GRU"),
    ),
    Change(
        ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
        "recurrent_activation",
        "3.0.0",
        "hard_sigmoid",
        "default",
        "ConvLSTM: recurrent_activation=hard_sigmoid, as it was before Keras 3",
        ("v2.15.0 keras/layers/rnn/conv_lstm2d.py", "v3.0.0 keras/layers/rnn/conv_lstm2d.py"),
    ),
    Change(
        ("BatchNormalization",),
        "epsilon",
        "1.0.8",
        1e-6,
        "default",
        "BatchNormalization: epsilon=1e-6, as it was before Keras 1.0.8",
        ("1.0.7 keras/layers/normalization.py", "1.0.8 keras/layers/normalization.py"),
    ),
    Change(
        ("BatchNormalization",),
        "epsilon",
        "1.2.0",
        1e-5,
        "default",
        "BatchNormalization: epsilon=1e-5, as it was before Keras 1.2",
        ("1.1.2 keras/layers/normalization.py", "1.2.0 keras/layers/normalization.py"),
    ),
    Change(
        ("BatchNormalization",),
        "mode",
        "2.0.0",
        (1, 2),
        "refused",
        "normalises each row, or by its own batch (mode)",
        ("1.2.2 keras/layers/normalization.py", "2.0.0 keras/layers/normalization.py"),
    ),
    Change(
        ("UpSampling2D",),
        "interpolation",
        "2.4.0",
        "bilinear",
        "unknown",
        "UpSampling2D: before Keras 2.4 bilinear steps began at the corners of pixels, and now at their centres",
        ("2.3.1 keras/backend/tensorflow_backend.py resize_images", "v2.6.0 keras/backend.py resize_images"),
    ),
)


def read_metadata_version(text: bytes) -> str:
    """The version of Keras in the metadata of a .keras file; empty where it does not say."""
    document = json.loads(text)
    version = document.get("keras_version") if isinstance(document, dict) else None
    return version if isinstance(version, str) else ""


def parse_version(version: str) -> tuple[int, ...]:
    """The numbers of a version; tf.keras called itself "2.2.4-tf"."""
    parts = version.partition("-")[0].split(".")
    return tuple(int(part) for part in takewhile(str.isdigit, parts))


def changes_since(version: str) -> Iterator[Change]:
    """The rows that hold for a file of that version."""
    numbers = parse_version(version)
    return (change for change in CHANGES if numbers < parse_version(change.before))


def restore_arguments(version: str, class_name: str, config: Config) -> Iterator[str]:
    """Write the arguments that a layer's config leaves out as they were meant, and say what was written.

    Raises DoesNotLoad where the layer asks for something that no layer of Keras 3 does.
    """
    for change in changes_since(version):
        if class_name not in change.classes:
            continue
        if change.kind == "default" and change.word not in config:
            config[change.word] = change.meant
            yield change.words
        elif change.kind == "refused" and config.get(change.word) in change.meant:
            raise DoesNotLoad(
                f"The layer {class_name} of this file {change.words}, and no layer of Keras 3 does.",
                received=f"{change.word}={config[change.word]!r}",
                cure="Save the model again as a SavedModel, with the version of Keras that wrote it.",
            )


def restore_functions(model: Model, version: str) -> Iterator[str]:
    """Put back the functions that Keras 3 has under the same names with other values, and say which.

    What may differ, and cannot be put back, is said too.
    """
    import keras

    layers = list(model._flatten_layers(recursive=True))
    for change in changes_since(version):
        if change.kind == "function":
            now, then = getattr(keras.activations, change.word), LEGACY_FUNCTIONS[change.meant]
            affected = [(layer, name) for layer in layers for name, value in vars(layer).items() if value is now]
            for layer, name in affected:
                setattr(layer, name, then)
            yield from [change.words] * bool(affected)
        elif change.kind == "unknown":
            yield from [change.words] * any(_asks_for(layer, change) for layer in layers)


def _asks_for(layer: Any, change: Change) -> bool:
    return type(layer).__name__ in change.classes and getattr(layer, change.word, None) == change.meant


def hard_sigmoid_of_keras_2(x: Any) -> Any:
    """0.2 x + 0.5, cut off at 0 and 1. Keras 3 calls another line by the same name: x / 6 + 0.5."""
    import keras

    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


LEGACY_FUNCTIONS: dict[str, Any] = {"hard_sigmoid_of_keras_2": hard_sigmoid_of_keras_2}


def describe_translation(version: str, changes: list[str]) -> str:
    """A remark on how the file of an older Keras was read; empty where it is of the Keras that is installed."""
    import keras

    if parse_version(version) > parse_version(keras.__version__):
        return f"It was written by Keras {version}, newer than the {keras.__version__} here: what changed is not known."
    if not changes and parse_version(version) >= (3,):
        return ""
    remark = f"It was written by Keras {version}, and was read in the words of Keras 3"
    if changes:
        return f"{remark}: {'; '.join(dict.fromkeys(changes))}."
    return f"{remark}: nothing in it is known to have meant something else."


def restore_meaning(model: Model, version: str) -> str:
    """Give a model that Keras read from an older file the meaning that it had there; returns a remark."""
    return describe_translation(version, list(restore_functions(model, version))) if version else ""


def require_present_meaning(metadata: bytes) -> None:
    """Raise InputError where a file's layers were written by a Keras whose words mean something else in Keras 3."""
    if (version := read_metadata_version(metadata)) and any(changes_since(version)):
        raise InputError(
            "The layers of this model were written by an older Keras, and a kit of half a model keeps its words.",
            received=f"Keras {version}",
            cure="Take the kit of the file itself, or of a copy as SavedModel.",
        )
