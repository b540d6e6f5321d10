"""`.keras` files in the words of tf-keras 2.21.0, and of Keras 3 under torch: saved here, with a config as there."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

ENGINE = "tf_keras.src.engine"
TORCH_OPTIMIZERS = "keras.src.backend.torch.optimizers"  # its modules are there in any installation of Keras
NULL_SETTINGS = dict.fromkeys(("loss_weights", "run_eagerly", "steps_per_execution", "jit_compile"))
ROWS = {
    "image": np.linspace(-1, 1, 4 * 36, dtype="float32").reshape(4, 6, 6, 1),
    "series": np.linspace(1, -1, 4 * 20, dtype="float32").reshape(4, 5, 4),
}


def build_functional() -> Any:
    """A convolution with a BatchNormalization beside an LSTM."""
    import keras

    keras.utils.set_random_seed(0)
    inputs = [keras.Input(ROWS[name].shape[1:], name=name) for name in ROWS]
    image = keras.layers.BatchNormalization()(keras.layers.Conv2D(2, 3)(inputs[0]))
    sides = [keras.layers.Flatten()(image), keras.layers.LSTM(3)(inputs[1])]
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Concatenate()(sides)))
    model.compile("sgd", "mse")
    return model


def build_sequential() -> Any:
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.Input((4,), name="x"), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    model.compile("sgd", "mse")
    return model


def write_tf_keras_file(model: Any, path: Path, **recurrent: Any) -> Path:
    """Save a model of Keras 3 in the words of tf-keras; `recurrent` are further arguments of its recurrent layers."""
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    if config["class_name"] == "Functional":
        config |= {"module": f"{ENGINE}.functional", "registered_name": "Functional"}
    config["compile_config"] = {"optimizer": "sgd", "loss": "mse", **NULL_SETTINGS}
    for layer in config["config"]["layers"]:
        _rewrite_layer(layer, recurrent)
    members["config.json"] = json.dumps(config).encode()
    members["metadata.json"] = json.dumps({"keras_version": "2.21.0", "date_saved": "2026-11-30@18:00:00"}).encode()
    _write_members(path, members)
    return path


def write_torch_file(model: Any, path: Path) -> Path:
    """Save a compiled model as under torch, whose back end has classes of its own for optimizers."""
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    name = config["compile_config"]["optimizer"]["class_name"]
    own = {"module": f"{TORCH_OPTIMIZERS}.torch_{name.lower()}", "registered_name": name}
    config["compile_config"]["optimizer"] |= own
    members["config.json"] = json.dumps(config).encode()
    _write_members(path, members)
    return path


def _write_members(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _rewrite_layer(layer: dict[str, Any], recurrent: dict[str, Any]) -> None:
    arguments = layer["config"]
    arguments.pop("quantization_config", None)
    if layer["class_name"] == "LSTM":
        arguments |= {"time_major": False, "implementation": 2, **recurrent}
    if layer["class_name"] == "BatchNormalization":
        arguments["axis"] = [3]
    if "inbound_nodes" in layer:
        layer["inbound_nodes"] = [_rewrite_node(node) for node in layer["inbound_nodes"]]


def _rewrite_node(node: dict[str, Any]) -> list[Any]:
    (given,) = node["args"]
    tensors = given if isinstance(given, list) else [given]
    return [[*tensor["config"]["keras_history"], {}] for tensor in tensors]
