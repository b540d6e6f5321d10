"""`.h5` files of Keras 1 and 2: their configs in the words of Keras 3, each change noted, and their weights.

A config is translated argument by argument; weights of Keras 1 are laid out as the layers of Keras 3 take them.
"""

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import DoesNotLoad
from core.runtimes.base import Model
from core.runtimes.keras_changes import describe_translation, restore_arguments, restore_functions, restore_meaning

RENAMED_CLASSES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Deconvolution2D": "Conv2DTranspose",
    "Model": "Functional",
}
# What Keras 1 called its arguments.
RENAMED_ARGUMENTS = {
    "bias": "use_bias",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "filter_length": "kernel_size",
    "nb_filter": "filters",
    "pool_length": "pool_size",
    "stride": "strides",
    "inner_activation": "recurrent_activation",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "p": "rate",
    "sigma": "stddev",
    "input_dtype": "dtype",
}
# What only training, or an implementation that is gone, would ask for.
IGNORED_ARGUMENTS = (
    *("init", "inner_init", "forget_bias_init", "gamma_init", "beta_init", "consume_less", "implementation", "weights"),
    *("W_regularizer", "U_regularizer", "b_regularizer", "W_constraint", "U_constraint", "b_constraint"),
    *("input_dim", "input_length", "activity_regularizer"),
)
DATA_FORMATS = {"tf": "channels_last", "th": "channels_first", "default": "channels_last"}
MERGE_LAYERS = {
    "concat": "Concatenate",
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "dot": "Dot",
}
# Values of an argument that is gone, which ask for nothing.
NEUTRAL_VALUES: tuple[Any, ...] = (None, False, 0, 1, [], {}, "")
BASE_LAYER_ARGUMENTS = {"name", "trainable", "dtype", "activity_regularizer"}
# Where each gate's kernel lies among the arrays of Keras 1, in the order in which Keras 3 joins the gates.
GATE_OFFSETS = {"LSTM": (0, 6, 3, 9), "GRU": (0, 3, 6)}
ARRAYS_PER_GATE = 3  # kernel, recurrent kernel and bias of each gate
CLASSES_WITH_UNITS = ("Dense", "LSTM", "GRU", "SimpleRNN", "Highway", "TimeDistributedDense")

Config = dict[str, Any]


def read_keras_version(path: Path) -> str:
    """The version of Keras that wrote an `.h5` file; "1" where it does not say, as Keras 1 did not at first."""
    import h5py

    with h5py.File(path, "r") as file:
        return _decode(file.attrs.get("keras_version", "1"))


def is_legacy_version(version: str) -> bool:
    return version.split(".")[0] in ("1", "2")


def load_legacy_h5(path: Path, version: str, classes: Mapping[str, Any]) -> tuple[Model, str]:
    """The model of an `.h5` file of Keras 1 or 2, not compiled, and a remark on what was translated.

    Raises DoesNotLoad where Keras 3 has no word for what the file says, and what Keras raises.
    """
    import h5py

    with h5py.File(path, "r") as file:
        model, changes = _translate_model(_read_model_config(file), version, dict(classes))
        _load_weights(model, file.get("model_weights", file), version)
    return model, describe_translation(version, changes)


def read_architecture(text: str, classes: Mapping[str, Any]) -> tuple[Model, str]:
    """The untrained model of an architecture as JSON, of whatever Keras wrote it, and a remark on what was translated.

    Keras 3 and the .keras files of Keras 2 say the module of each class; Keras 1 and the JSON of Keras 2 say none, and
    their own version instead.
    """
    import keras

    document = json.loads(text)
    version = document.get("keras_version") if isinstance(document, dict) else None
    if isinstance(version, str) and is_legacy_version(version) and "module" not in document:
        model, changes = _translate_model(document, version, dict(classes))
        return model, describe_translation(version, changes)
    model = keras.models.model_from_json(text, custom_objects=dict(classes))
    return model, restore_meaning(model, version or "")


def _translate_model(config: Config, version: str, classes: dict[str, type]) -> tuple[Model, list[str]]:
    translator = _ConfigTranslator(version)
    model = _build_model(translator.translate_layer(config), classes)
    return model, [*translator.changes, *restore_functions(model, version)]


def load_any_weights(model: Model, path: Path) -> None:
    """Load weights alone into a model: as Keras 3 lays them out, or, by the names of layers, as Keras 1 and 2 did."""
    import h5py

    if not has_old_weights(path):
        model.load_weights(path)
        return
    with h5py.File(path, "r") as file:
        _load_weights(model, file, read_keras_version(path))


def has_old_weights(path: Path) -> bool:
    """Whether a file holds weights alone as Keras 1 and 2 laid them out."""
    import h5py

    with h5py.File(path, "r") as file:
        return "layer_names" in file.attrs


def _read_model_config(file: Any) -> Any:
    if "model_config" not in file.attrs:
        cure = "Import it as .weights.h5, with its architecture as JSON."
        raise DoesNotLoad("This .h5 file holds weights alone: numbers without the layers that use them.", cure=cure)
    return json.loads(_decode(file.attrs["model_config"]))


def _decode(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _build_model(config: Config, classes: dict[str, type]) -> Model:
    from keras.src.legacy.saving import saving_options
    from keras.src.legacy.saving.saving_utils import model_from_config
    from keras.src.saving.serialization_lib import SafeModeScope

    with saving_options.keras_option_scope(use_legacy_config=True), SafeModeScope(True):
        return model_from_config(config, custom_objects=classes)


class _ConfigTranslator:
    """Translates configs to Keras 3; `changes` are what was put in other words, as "border_mode → padding"."""

    def __init__(self, version: str):
        self.version, self.is_keras_1 = version, version.startswith("1")
        self.changes: list[str] = []

    def translate_layer(self, layer: Config) -> Config:
        """One layer, or a model, with all that is in it. Raises DoesNotLoad where Keras 3 has no word for something."""
        name, config = self._translate_class(layer), layer["config"]
        if isinstance(config, list) or "layers" in config:
            config = self._translate_model(name, config)
        else:
            config = {key: self._translate_nested(value) for key, value in config.items()}
            if self.is_keras_1:
                config = self._translate_keras_1_arguments(name, config)
            self.changes += restore_arguments(self.version, name, config)
            config = self._drop_removed_arguments(name, self._translate_keras_2_arguments(name, config))
        return {**layer, "class_name": name, "config": config}

    def _translate_class(self, layer: Config) -> str:
        name: str = layer["class_name"]
        if name == "Merge":
            return self._translate_merge(layer["config"])
        if name in RENAMED_CLASSES and name != "Model":
            self.changes.append(f"{name} → {RENAMED_CLASSES[name]}")
        return RENAMED_CLASSES.get(name, name)

    def _translate_merge(self, config: Config) -> str:
        mode = config.get("mode")
        if mode not in MERGE_LAYERS or config.get("layers"):
            raise DoesNotLoad(
                "A Merge layer of this file joins its inputs in a way that Keras 3 has no layer for.",
                received=str(mode)[:80],
                cure="Save the model again with Keras 2, with one of its own merge layers.",
            )
        arguments = {"name": config["name"]} | ({"axis": config.get("concat_axis", -1)} if mode == "concat" else {})
        config.clear()
        config |= arguments
        self.changes.append(f"Merge → {MERGE_LAYERS[mode]}")
        return MERGE_LAYERS[mode]

    def _translate_nested(self, value: Any) -> Any:
        if not (isinstance(value, dict) and isinstance(value.get("config"), dict) and "class_name" in value):
            return value
        is_layer = "name" in value["config"] or "layers" in value["config"]
        return self.translate_layer(value) if is_layer else value

    def _translate_model(self, name: str, config: Any) -> Any:
        """A model's layers. A Sequential whose first layer says what it takes gets an input layer in its place."""
        layers = config if isinstance(config, list) else config["layers"]
        shape = layers[0]["config"].get("batch_input_shape") if layers and name == "Sequential" else None
        translated = [self.translate_layer(layer) for layer in layers]
        if shape is not None and translated[0]["class_name"] != "InputLayer":
            translated.insert(0, _make_input_layer(shape, layers[0]))
            self.changes.append("batch_input_shape → an input layer")
        return {**({"name": "sequential"} if isinstance(config, list) else config), "layers": translated}

    def _translate_keras_1_arguments(self, name: str, config: Config) -> Config:
        """The arguments of Keras 1 in the words of Keras 2."""
        if "nb_row" in config:
            config["kernel_size"] = [config.pop("nb_row"), config.pop("nb_col")]
            self.changes.append("nb_row, nb_col → kernel_size")
        translated: Config = {}
        for key, value in config.items():
            argument = _rename_keras_1_argument(name, key)
            if argument is None:
                continue
            translated[argument] = DATA_FORMATS.get(value, value) if argument == "data_format" else value
            if argument != key:
                self.changes.append(f"{key} → {argument}")
        return translated

    def _translate_keras_2_arguments(self, name: str, config: Config) -> Config:
        """Translate arguments that Keras 2 named differently from Keras 3."""
        shape = config.pop("batch_input_shape", None)
        if name == "InputLayer" and shape is not None:
            config["batch_shape"] = shape
            self.changes.append("batch_input_shape → batch_shape")
        if isinstance(config.get("axis"), list) and len(config["axis"]) == 1 and name == "BatchNormalization":
            config["axis"] = config["axis"][0]
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = config["dtype"].get("config", {}).get("name", "float32")
        for key, value in config.items():
            if key.endswith("_initializer") and isinstance(value, dict):
                value.get("config", {}).pop("dtype", None)
        return config

    def _drop_removed_arguments(self, name: str, config: Config) -> Config:
        """The config without arguments that the class no longer has, where they ask for nothing.

        Raises DoesNotLoad where one does.
        """
        arguments = _layer_arguments(name)
        removed = {key: value for key, value in config.items() if arguments is not None and key not in arguments}
        for key, value in removed.items():
            if (value is True or value not in NEUTRAL_VALUES) and key not in IGNORED_ARGUMENTS:
                raise DoesNotLoad(
                    f"The layer {name} of this file asks for {key}, which Keras 3 no longer has.",
                    received=f"{key}={value!r}"[:120],
                    cure="Save the model again as a SavedModel, with the version of Keras that wrote it.",
                )
        self.changes += [f"{key} of {name} left out" for key in removed]
        return {key: value for key, value in config.items() if key not in removed}


def _rename_keras_1_argument(class_name: str, key: str) -> str | None:
    """What Keras 2 calls an argument of Keras 1; None for what is passed over."""
    if key == "output_dim" and class_name in CLASSES_WITH_UNITS:
        return "units"
    if key == "dim_ordering":
        return "data_format"
    if key in IGNORED_ARGUMENTS and not (class_name == "Embedding" and key == "input_dim"):
        return None
    return RENAMED_ARGUMENTS.get(key, key)


def _make_input_layer(shape: list[int | None], first_layer: Config) -> Config:
    default = "int32" if first_layer["class_name"] == "Embedding" else "float32"
    dtype = first_layer["config"].get("input_dtype") or default
    config = {"batch_shape": shape, "dtype": dtype, "name": f"{first_layer['config']['name']}_input"}
    return {"class_name": "InputLayer", "config": config}


def _layer_arguments(name: str) -> set[str] | None:
    """What a layer class of Keras 3 takes; None for a class that is not its own."""
    import keras

    kind = getattr(keras.layers, name, None)
    if kind is None:
        return None
    # Words of Keras 2 that the class itself still understands: alpha of LeakyReLU.
    understood = {"alpha"} if name == "LeakyReLU" else set()
    return set(inspect.signature(kind.__init__).parameters) | BASE_LAYER_ARGUMENTS | understood


def _load_weights(model: Model, group: Any, version: str) -> None:
    from keras.src.legacy.saving.legacy_h5_format import load_weights_from_hdf5_group

    if version.startswith("1"):
        _set_keras_1_weights(model, group)
    else:
        load_weights_from_hdf5_group(group, model)


def _set_keras_1_weights(model: Model, group: Any) -> None:
    """Fill a model from the HDF5 group in which Keras 1 wrote its weights; layers are matched in order.

    Raises DoesNotLoad where they do not fit.
    """
    groups = [group[name] for name in _read_names(group, "layer_names")]
    named = [(layer, names) for layer in groups if (names := _read_names(layer, "weight_names"))]
    stored = [[np.asarray(layer[name]) for name in names] for layer, names in named]
    layers = [layer for layer in model.layers if layer.weights]
    if len(stored) != len(layers):
        raise DoesNotLoad(
            f"The file holds weights of {len(stored)} layers, and the model has {len(layers)}.",
            cure="Use the architecture that the weights were saved from.",
        )
    is_theano = _read_names(group, "backend") == ["theano"]
    for layer, arrays in zip(layers, stored, strict=True):
        layer.set_weights(_to_keras_3_arrays(layer, arrays, is_theano))


def _read_names(group: Any, attribute: str) -> list[str]:
    names = group.attrs.get(attribute, [])
    return [_decode(name) for name in ([names] if isinstance(names, (bytes, str)) else names)]


def _to_keras_3_arrays(layer: Any, arrays: list[np.ndarray], is_theano: bool) -> list[np.ndarray]:
    """The arrays of one layer as Keras 3 takes them.

    Gates are joined, one-dimensional kernels lose their empty axis, kernels with the filters first are turned to
    filters last, and those that Theano flips are flipped back.
    """
    kind = type(layer).__name__
    if kind in GATE_OFFSETS and len(arrays) == ARRAYS_PER_GATE * len(GATE_OFFSETS[kind]):
        gates = [[arrays[offset + piece] for offset in GATE_OFFSETS[kind]] for piece in range(ARRAYS_PER_GATE)]
        return [np.concatenate(pieces, axis=-1) for pieces in gates]
    if kind == "Conv1D" and arrays[0].ndim == 4:
        return [arrays[0][:, 0], *arrays[1:]]
    if kind == "Conv2D" and arrays[0].ndim == 4:
        is_channels_first = getattr(layer, "data_format", "") == "channels_first"
        kernel = arrays[0].transpose(2, 3, 1, 0) if is_channels_first else arrays[0]
        return [kernel[::-1, ::-1] if is_theano else kernel, *arrays[1:]]
    return arrays
