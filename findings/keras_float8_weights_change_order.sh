#!/usr/bin/env bash
# A float8 model of Keras lists its weights in another order once it is reloaded, and its .h5 cannot be read.
#
# Guess: a copy lists its weights as the model did, so `set_weights(get_weights())` carries them over, as it does for
# int8 and int4; and what `save("model.h5")` writes without a warning is read by the same release.
# Seen on 2026-11-30, Keras 3.15.1, TensorFlow 2.21.0, Python 3.11, Dense layers after `quantize("float8")`:
#   the model lists kernel, bias, six scales and histories; its .keras reloaded the six first, then kernel and bias
#   set_weights: "weight shape () is not compatible with provided weight shape (8, 6)"
#   model.h5, which stores weights by their place: "Weight expects shape (). Received saved weight with shape (8, 6)"
# Answers of the .keras are bit-equal: what goes by names is not concerned.
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
keras.utils.set_random_seed(0)
rows = np.random.default_rng(0).normal(size=(4, 8)).astype("float32")


def catch(action):
    try:
        action()
    except ValueError as error:
        return str(error).splitlines()[-1]
    return "nothing is raised"


def try_mode(mode):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(6, "relu"), keras.layers.Dense(2)])
    model.quantize(mode)
    model.save("model.keras")
    copy = keras.models.load_model("model.keras")
    model.save("model.h5")
    names = [[weight.name for weight in each.weights] for each in (model, copy)]
    equal = np.array_equal(np.asarray(model(rows)), np.asarray(copy(rows)))
    errors = [catch(lambda: copy.set_weights(model.get_weights())), catch(lambda: keras.models.load_model("model.h5"))]
    print(f"{mode}: same order {names[0] == names[1]}, answers bit-equal {equal}", *errors, sep="\n  ")
    return names, equal, errors


for mode in ("int8", "int4"):
    names, equal, errors = try_mode(mode)
    assert (names[0] == names[1], equal, errors) == (True, True, ["nothing is raised"] * 2), mode
names, equal, errors = try_mode("float8")
assert equal
assert sorted(names[0]) == sorted(names[1])
assert (names[0][:2], names[1][6:8]) == (["kernel", "bias"], ["kernel", "bias"])
assert "is not compatible with provided weight shape" in errors[0], errors
assert "Weight expects shape ()" in errors[1], errors
PY
