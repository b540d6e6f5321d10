#!/usr/bin/env bash
# Keras 3 reads a Keras 2 file with hard_sigmoid as another function.
#
# Guess: an .h5 or .keras file of Keras 2 that loads in Keras 3 answers as it did in Keras 2, or the load says which layer
# cannot be read (as it does for ThresholdedReLU and for the `time_major` of recurrent layers).
# Seen on 2026-11-29, Keras 3.15.1, tf_keras 2.21.0, TensorFlow 2.21.0, Python 3.11: the name in the file is the same and
# the function is not. Keras 2 has clip(0.2 x + 0.5, 0, 1), Keras 3 has relu6(x + 3) / 6. No warning. It was the
# default inside the LSTM and GRU layers of Keras 2.2 and before.
#   at -2.75, -1, 1, 2.75: 0 0.3 0.7 1 with Keras 2, 0.042 0.333 0.667 0.958 with Keras 3
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 tf_keras==2.21.0 \
  keras==3.15.1 h5py==3.14.0 numpy==2.4.6 ml_dtypes==0.7.0 protobuf==7.36.2
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PY'
import platform

import keras
import numpy as np
import tensorflow as tf
import tf_keras

versions = keras.__version__, "tf_keras", tf_keras.__version__, "TensorFlow", tf.__version__
print("Python", platform.python_version(), "Keras", *versions)
rows = np.array([[-2.75], [-1.0], [1.0], [2.75]], "float32")
model = tf_keras.Sequential([tf_keras.Input((1,)), tf_keras.layers.Dense(1, "hard_sigmoid", kernel_initializer="ones")])
before = model.predict(rows, verbose=0).ravel()
print("Keras 2:", before.round(3))
for name in ("model.h5", "model.keras"):
    model.save(name)
    after = keras.models.load_model(name, compile=False).predict(rows, verbose=0).ravel()
    print(name, "with Keras 3:", after.round(3))
    assert np.allclose(before, [0, 0.3, 0.7, 1], atol=1e-6)
    assert np.allclose(after, [0.25 / 6, 2 / 6, 4 / 6, 5.75 / 6], atol=1e-6)
PY
