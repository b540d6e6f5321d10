#!/usr/bin/env bash
# Keras 3 finds no functional model in a .keras file of tf-keras, with compile=False neither.
#
# Guess: a .keras file of Keras 2 loads in Keras 3, or at least with compile=False where only settings of training are
# in the way.
# Seen on 2026-11-30, tf_keras 2.21.0, Keras 3.15.1, TensorFlow 2.21.0, Python 3.11: a Sequential of the same layers
# loads (and answers with compile=False), the functional model does not: "Could not locate class 'Functional'", since the
# file places it in tf_keras.src.engine.functional. With that one word of its config changed to the place of Keras 3 it
# loads and answers the same, bit for bit.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 keras==3.15.1 tf_keras==2.21.0 \
  h5py==3.14.0 numpy==2.4.6 ml_dtypes==0.7.0 protobuf==7.36.2
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PY'
import importlib.metadata
import json
import platform
import zipfile

import keras
import numpy as np
import tf_keras

packages = ("tensorflow", "tf_keras", "keras")
print("Python", platform.python_version(), *(f"{name} {importlib.metadata.version(name)}" for name in packages))
rows = np.linspace(-1, 1, 12, dtype="float32").reshape(3, 4)
inputs = tf_keras.Input((4,))
models = {
    "sequential": tf_keras.Sequential([tf_keras.layers.Input((4,)), tf_keras.layers.Dense(2)]),
    "functional": tf_keras.Model(inputs, tf_keras.layers.Dense(2)(inputs)),
}


def load(path):
    try:
        return np.asarray(keras.saving.load_model(path, compile=False)(rows))
    except TypeError as error:
        return str(error).partition(".")[0]


loaded = {}
for name, model in models.items():
    model.save(f"{name}.keras")
    loaded[name] = load(f"{name}.keras")
    print(f"{name}:", "answers" if isinstance(loaded[name], np.ndarray) else loaded[name])
assert np.array_equal(loaded["sequential"], models["sequential"].predict(rows, verbose=0))
assert loaded["functional"] == "Could not locate class 'Functional'"

with zipfile.ZipFile("functional.keras") as archive:
    members = {name: archive.read(name) for name in archive.namelist()}
config = json.loads(members["config.json"])
print("placed in", config["module"])
config["module"] = "keras.src.models.functional"
members["config.json"] = json.dumps(config)
with zipfile.ZipFile("moved.keras", "w") as archive:
    for name, content in members.items():
        archive.writestr(name, content)
assert np.array_equal(load("moved.keras"), models["functional"].predict(rows, verbose=0))
print("with the place of Keras 3: answers, bit for bit")
PY
