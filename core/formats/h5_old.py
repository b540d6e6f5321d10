"""`.h5` files of Keras 1 and 2: their configs in the words of Keras 3, and every word of it said."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import DoesNotLoad
from core.formats.h5_words import translated
from core.formats.keras_1_weights import set_weights

HEAD = "It was written by Keras {version}, and was read in the words of Keras 3"


def written_by(path: Path) -> str:
    """The version of Keras that wrote an `.h5` file; "1" where it does not say, as Keras 1 did not at first."""
    import h5py

    with h5py.File(path, "r") as file:
        return _text(file.attrs.get("keras_version", "1"))


def is_old(version: str) -> bool:
    return version.split(".")[0] in ("1", "2")


def load_old(path: Path, version: str, classes: dict[str, type]) -> tuple[Any, str]:
    """The model of an `.h5` file of Keras 1 or 2, not compiled, and what was translated.

    Raises DoesNotLoad where Keras 3 has no word for what the file says, and what Keras raises.
    """
    import h5py

    with h5py.File(path, "r") as file:
        translation = translated(_config(file), version)
        model = _built(translation.config, classes)
        changes = [*translation.changes, *_old_functions(model)]
        _fill(model, file.get("model_weights", file), version)
    return model, _said(version, changes)


def _config(file: Any) -> dict[str, Any]:
    if "model_config" not in file.attrs:
        raise DoesNotLoad(
            "This .h5 file holds weights alone: numbers without the layers that use them.",
            cure="Bring it in as .weights.h5, with its architecture as JSON.",
        )
    return json.loads(_text(file.attrs["model_config"]))


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _built(config: dict[str, Any], classes: dict[str, type]) -> Any:
    from keras.src.legacy.saving import saving_options
    from keras.src.legacy.saving.saving_utils import model_from_config
    from keras.src.saving.serialization_lib import SafeModeScope

    with saving_options.keras_option_scope(use_legacy_config=True), SafeModeScope(True):
        return model_from_config(config, custom_objects=classes)


def hard_sigmoid_of_keras_2(x: Any) -> Any:
    """0.2 x + 0.5, cut off at 0 and 1. Keras 3 calls another line by the same name: x / 6 + 0.5."""
    import keras

    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def _old_functions(model: Any) -> Iterator[str]:
    """Put the functions back that Keras 3 has under the same names with other values."""
    import keras

    found = False
    for layer in model._flatten_layers(recursive=True):
        for name in ("activation", "recurrent_activation"):
            if vars(layer).get(name) is keras.activations.hard_sigmoid:
                setattr(layer, name, hard_sigmoid_of_keras_2)
                found = True
    if found:
        yield "hard_sigmoid is 0.2 x + 0.5, and not the x / 6 + 0.5 of Keras 3"


def _fill(model: Any, weights: Any, version: str) -> None:
    from keras.src.legacy.saving.legacy_h5_format import load_weights_from_hdf5_group

    if version.startswith("1"):
        set_weights(model, weights)
    else:
        load_weights_from_hdf5_group(weights, model)


def _said(version: str, changes: list[str]) -> str:
    head = HEAD.format(version=version)
    return f"{head}: {'; '.join(dict.fromkeys(changes))}." if changes else f"{head}, which are the same."
