#!/usr/bin/env bash
# An .h5 of a model with an Attention layer is written without a word, and cannot be read by the same Keras.
#
# Guess: what `model.save("model.h5")` writes of a model of built-in layers, `load_model` of the same release reads.
# Seen on 2026-11-29, Keras 3.15.1, TensorFlow 2.21.0, Python 3.11: `load_model` raises "Invalid value for argument
# score_mode. Expected one of {'dot', 'concat'}. Received: score_mode=<function dot ...>"; the .keras of the same model
# loads.
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
queries, values = keras.Input((3, 4), name="queries"), keras.Input((5, 4), name="values")
model = keras.Model([queries, values], keras.layers.Attention()([queries, values]))
model.save("model.keras")
keras.models.load_model("model.keras")
print("model.keras loads")
model.save("model.h5")
try:
    keras.models.load_model("model.h5")
except Exception as error:
    message = str(error)
else:
    raise SystemExit("model.h5 loads now")
print("model.h5:", message.splitlines()[-1][:200])
assert "score_mode" in message, message
PY
