#!/usr/bin/env bash
# Variables that are excluded from weight decay decay in a model that was saved and loaded.
#
# Guess: a `.keras` file keeps what `optimizer.exclude_from_weight_decay` was told, as it keeps the weight decay itself.
# Seen on 2026-11-29, Keras 3.15.1, TensorFlow 2.21.0, Python 3.11: no error, and the exclusion is gone.
#   one step without any gradient, bias 1.0, learning rate 0.1, weight decay 0.5, bias excluded: bias 1.0
#   the same step of the loaded model: bias 0.95
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
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")])
optimizer = keras.optimizers.AdamW(learning_rate=0.1, weight_decay=0.5)
optimizer.exclude_from_weight_decay(var_names=["bias"])
model.compile(optimizer, "mse")
optimizer.build(model.trainable_variables)
model.save("model.keras")
loaded = keras.models.load_model("model.keras")
x = np.array([[1.0, 2.0]], "float32")
biases = []
for each in (model, loaded):
    each.train_on_batch(x, each.predict(x, verbose=0))
    biases.append(round(float(each.weights[1].numpy()[0]), 6))
print("bias after one step:", biases[0], "of the loaded model:", biases[1])
assert biases == [1.0, 0.95], biases
PY
