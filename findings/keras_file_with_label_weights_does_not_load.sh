#!/usr/bin/env bash
# A model that was compiled with AUC(label_weights=...) saves, and does not load.
#
# Guess: `keras.models.load_model` reads what `model.save` wrote of Keras' own metric with arguments of its own.
# Seen on 2026-11-29, Keras 3.15.1, TensorFlow 2.21.0, Python 3.11: the weights are written as a serialised tensor, which
# is handed to the metric as it stands.
#   saved: yes
#   loaded: ValueError, Attempt to convert a value ({'class_name': '__tensor__', ...
#   loaded with compile=False: yes
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
import tensorflow as tf

print("Python", platform.python_version(), "Keras", keras.__version__, "TensorFlow", tf.__version__)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "sigmoid")])
metric = keras.metrics.AUC(multi_label=True, num_labels=2, label_weights=[0.25, 0.75])
model.compile("sgd", "binary_crossentropy", metrics=[metric])
model.save("model.keras")
print("saved: yes")
try:
    keras.models.load_model("model.keras")
    message = ""
except (TypeError, ValueError) as error:
    message = f"{type(error).__name__}, {str(error)[:60]}"
print("loaded:", message or "yes")
assert "__tensor__" in message, message
keras.models.load_model("model.keras", compile=False)
print("loaded with compile=False: yes")
PY
