#!/usr/bin/env bash
# The path of a weight is another after a model is loaded from its own .keras file.
#
# Guess: `weight.path` is how a weight is called; a model that is loaded from a .keras file has the same paths as the
# model that was saved, so values can be paired by path.
# Seen on 2026-11-29, Keras 3.15.1, TensorFlow 2.21.0, Python 3.11: the values are bit-equal and in the same order,
# and their paths are shorter than before: the model is gone, and so is the layer around an inner one.
#   saved:  sequential/rnn/gru_cell/kernel, ..., sequential/dense/kernel
#   loaded: gru_cell/kernel, ..., dense/kernel
# Whoever pairs the weights of the two by path pairs nothing; their order fits.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 h5py==3.14.0 \
  numpy==2.4.6 ml_dtypes==0.7.0 protobuf==7.36.2
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PY'
import platform

import keras
import numpy as np
import tensorflow as tf

print("Python", platform.python_version(), "Keras", keras.__version__, "TensorFlow", tf.__version__)
model = keras.Sequential([keras.Input((4, 3)), keras.layers.RNN(keras.layers.GRUCell(2)), keras.layers.Dense(1)])
model.save("model.keras")
loaded = keras.models.load_model("model.keras")
saved_paths, loaded_paths = ([weight.path for weight in each.weights] for each in (model, loaded))
print("saved: ", saved_paths)
print("loaded:", loaded_paths)
equal = all(np.array_equal(first, second) for first, second in zip(model.weights, loaded.weights, strict=True))
print("values equal, in order:", equal)
assert equal
assert (saved_paths[0], saved_paths[3]) == ("sequential/rnn/gru_cell/kernel", "sequential/dense/kernel")
assert (loaded_paths[0], loaded_paths[3]) == ("gru_cell/kernel", "dense/kernel")
PY
