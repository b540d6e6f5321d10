#!/usr/bin/env bash
# A Keras model with a vocabulary, saved as a folder by a relative path, is written without its vocabulary.
#
# Guess: `model.save("model", zipped=False)` writes the same whether the path is relative or absolute.
# Seen on 2026-11-29, Keras 3.15.1, TensorFlow 2.21.0, Python 3.11: the absolute path gives config.json,
# metadata.json, model.weights.h5 and vocabulary.txt; the relative one gives the first three alone, and the loaded model
# answers "Table not initialized".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 h5py==3.14.0 \
  numpy==2.4.6 ml_dtypes==0.7.0 protobuf==7.36.2
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PY'
import os
import platform

import keras
import tensorflow as tf

print("Python", platform.python_version(), "Keras", keras.__version__, "TensorFlow", tf.__version__)
words = keras.layers.TextVectorization(output_mode="multi_hot")
words.adapt(["good film", "bad film"])
model = keras.Sequential([keras.Input((1,), dtype="string"), words, keras.layers.Dense(1)])
model.save(os.path.abspath("absolute"), zipped=False)
model.save("relative", zipped=False)
found = {name: sorted(each for _, _, files in os.walk(name) for each in files) for name in ("absolute", "relative")}
print(found)
rows = tf.constant([["good film"]])
print("absolute:", abs(keras.models.load_model("absolute")(rows) - model(rows)).numpy().max(), "off")
try:
    print("relative:", keras.models.load_model("relative")(rows) - model(rows))
except Exception as error:
    print("relative:", type(error).__name__, str(error)[:200])
assert "vocabulary.txt" in found["absolute"] and "vocabulary.txt" not in found["relative"], found
PY
