#!/usr/bin/env bash
# A deep copy of a Keras loss is another loss.
#
# Guess: `copy.deepcopy(loss)` computes what `loss` computes.
# Seen on 2026-11-29, Keras 3.15.1, TensorFlow 2.21.0, Python 3.11: no error, and arguments that the class leaves out
# of its config are at their defaults in the copy.
#   Huber(delta=2.0) of 0 and 4: 6.0, its copy: 3.5
#   CosineSimilarity(axis=0) of two pairs: -0.854, its copy: -0.974
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 h5py==3.14.0 \
  numpy==2.4.6 ml_dtypes==0.7.0 protobuf==7.36.2
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PY'
import copy
import platform

import keras
import numpy as np
import tensorflow as tf

print("Python", platform.python_version(), "Keras", keras.__version__, "TensorFlow", tf.__version__)
truth, answers = np.array([[0.0], [0.0]], "float32"), np.array([[4.0], [4.0]], "float32")
huber = keras.losses.Huber(delta=2.0)
values = float(huber(truth, answers)), float(copy.deepcopy(huber)(truth, answers))
print("Huber(delta=2.0):", values[0], "its deep copy:", values[1])
assert values == (6.0, 3.5)
left, right = np.array([[1.0, 0.0], [0.0, 2.0]], "float32"), np.array([[3.0, 1.0], [0.0, 1.0]], "float32")
cosine = keras.losses.CosineSimilarity(axis=0)
values = float(cosine(left, right)), float(copy.deepcopy(cosine)(left, right))
print("CosineSimilarity(axis=0):", values[0], "its deep copy:", values[1])
assert abs(values[0] - values[1]) > 0.01
PY
