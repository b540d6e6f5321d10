#!/usr/bin/env bash
# A .keras file of a subclassed model whose `call` takes two arguments comes back with new weights, without an error.
#
# Guess: a model that was called, saved and loaded with its class at hand has its weights, or `load_model` says that it
# could not restore them.
# Seen on 2026-11-29, Keras 3.15.1, TensorFlow 2.21.0, Python 3.11: loading succeeds with a warning that the model
# "cannot be built automatically"; it has no weights until it is called, and then those of a new model. The same class
# with one argument comes back bit-equal.
#   weights after loading: 2 (one argument), 0 (two arguments); answers equal: yes, no
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


class OneArgument(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.dense = keras.layers.Dense(3)

    def call(self, left):
        return self.dense(left)


class TwoArguments(OneArgument):
    def call(self, left, right):
        return self.dense(left + right)


rows = np.ones((2, 4), "float32")
equal = {}
for kind, inputs in ((OneArgument, [rows]), (TwoArguments, [rows, rows])):
    model = kind()
    before = np.array(model(*inputs))
    model.save("model.keras")
    loaded = keras.models.load_model("model.keras", custom_objects={kind.__name__: kind})
    print(kind.__name__, "weights after loading:", len(loaded.weights))
    equal[kind.__name__] = bool(np.array_equal(before, np.array(loaded(*inputs))))
print("answers equal:", equal)
assert equal == {"OneArgument": True, "TwoArguments": False}
PY
